// The page: what it knows, how it hears of changes, and its frame.

import * as calls from "./calls.js";
import * as chats from "./chats.js";
import { ask, h, post } from "./dom.js";
import * as money from "./money.js";
import * as schedule from "./schedule.js";
import { day, local, page, seconds, short, t, weekday } from "./words.js";

const SPEEDS = [0, 1, 10, 60, 300];
const STEPS_SEEN = "callahead-steps-seen";
const byId = (id) => document.getElementById(id);

const world = {
  visits: new Map(),
  chats: new Map(),
  calls: new Map(),
  clinics: new Map(),
  reasons: new Map(),
  clinic: { id: "demo", name: "" },
  live: false,
  clock: { at: Date.now(), seen: performance.now(), factor: 1 },
  now() {
    return new Date(this.clock.at + (performance.now() - this.clock.seen) * this.clock.factor);
  },
  steps,
};

const kinds = { visit: world.visits, chat: world.chats, call: world.calls, clinic: world.clinics };

// What has changed

const events = new EventSource("/demo/events");
events.onmessage = (event) => {
  byId("lost").hidden = true;
  take(JSON.parse(event.data));
};
events.onerror = () => {
  byId("lost").hidden = false;
};

function take(update) {
  page.zone = update.clock.zone;
  world.clinic = update.clinic;
  world.clock = { at: Date.parse(update.clock.now), seen: performance.now(), factor: update.clock.factor };
  if (update.whole) {
    const keys = new Set(Object.keys(update.items));
    for (const [kind, map] of Object.entries(kinds)) {
      for (const id of map.keys()) if (!keys.has(`${kind}:${id}`)) update.items[`${kind}:${id}`] = null;
    }
  }
  const changed = { visit: new Map(), chat: new Map(), call: new Map(), clinic: new Map() };
  for (const [key, item] of Object.entries(update.items)) {
    const kind = key.slice(0, key.indexOf(":"));
    const map = kinds[kind];
    const id = key.slice(kind.length + 1);
    changed[kind].set(id, map.get(id));
    if (item === null) map.delete(id);
    else map.set(id, item);
    if (item && item.does) learn(item.does);
    const called = kind === "call" && item ? item.number : null;
    if (called && !changed.chat.has(called) && world.chats.has(called)) changed.chat.set(called, world.chats.get(called));
  }
  byId("clinic").textContent = update.clinic.name;
  showSpeed();
  if (changed.clinic.size) money.show();
  if (changed.visit.size) schedule.show(changed.visit);
  if (changed.visit.size || changed.chat.size) chats.show(changed.chat);
  if (!world.live) follow();
  if (changed.call.size || changed.chat.size) calls.show();
  world.live = true;
}

function learn(does) {
  for (const view of Object.values(does)) {
    for (const reason of [...view.reasons, ...view.later]) world.reasons.set(reason.code, reason);
  }
}

// The clock

const speeds = SPEEDS.map((factor) =>
  h("button", { type: "button", "data-factor": factor, onclick: () => ask("/demo/clock", { factor }) }, factor ? `${factor}×` : "❚❚"),
);
byId("speeds").append(...speeds);

function showSpeed() {
  for (const button of speeds) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.factor) === world.clock.factor));
  }
}

let shownDay = "";
function tick() {
  const now = world.now();
  const text = seconds(now);
  if (byId("time").textContent !== text) byId("time").textContent = text;
  const key = `${day(now)}${page.language}`;
  if (world.live && key !== shownDay) {
    const first = shownDay === "";
    shownDay = key;
    byId("date").textContent = `${weekday(now)} · ${t().clinic_time}`;
    byId("date-brief").textContent = short(now);
    if (!first) schedule.show(new Map());
  }
}
setInterval(tick, 100);

// What to try

function steps(kind) {
  if (kind === "card" && localStorage.getItem(STEPS_SEEN)) return null;
  const list = h("ol", {}, t().steps.map(([title, text]) => h("li", {}, h("b", {}, title), h("span", {}, text))));
  const parts = [h("h3", {}, t().steps_title), list, h("p", {}, t().steps_clock)];
  if (kind === "card") {
    const seen = () => {
      localStorage.setItem(STEPS_SEEN, "1");
      schedule.show(new Map());
    };
    parts.push(h("button", { type: "button", class: "button small", onclick: seen }, t().got_it));
  }
  return h("div", { class: `steps ${kind}` }, parts);
}

// Tabs and addresses

function showTab(tab) {
  document.body.dataset.tab = tab;
  for (const name of ["schedule", "chats"]) {
    byId(`tab-${name}`).setAttribute("aria-current", tab === name ? "page" : "false");
  }
  chats.markRead();
  if (world.live) calls.show();
}
byId("tab-schedule").addEventListener("click", () => (location.hash = "schedule"));
byId("tab-chats").addEventListener("click", () => (location.hash = "chats"));

function follow() {
  const [kind, ...rest] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (kind === "chat" && world.chats.has(rest.join("/"))) chats.open(rest.join("/"));
  else if (kind === "chats") {
    chats.open(null);
    showTab("chats");
  } else if (kind === "schedule") showTab("schedule");
}
addEventListener("hashchange", follow);
document.addEventListener("visibilitychange", () => chats.markRead());

// Dialogs

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
byId("help").addEventListener("click", () => byId("dialog-help").showModal());
byId("add").addEventListener("click", () => {
  const form = byId("form-add");
  const doctors = new Map();
  for (const visit of world.visits.values()) if (visit.doctor) doctors.set(visit.doctor, visit.specialty);
  form.doctor.replaceChildren(
    ...[...doctors].sort().map(([name, specialty]) => h("option", { value: name, "data-specialty": specialty }, `${name}, ${specialty}`)),
  );
  if (!form.start.value) form.start.value = `${day(new Date(world.now().getTime() + 2 * 86400000))}T12:00`;
  if (!form.phone.value) form.phone.value = freePhone();
  form.querySelector(".error").textContent = "";
  byId("dialog-add").showModal();
});

function freePhone() {
  for (let last = 51; last < 100; last += 1) {
    if (!world.chats.has(`+790000000${last}`)) return `+7 900 000-00-${last}`;
  }
  return "";
}

byId("form-add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const wrong = await post("/demo/schedule", {
    last_name: form.last_name.value.trim(),
    first_name: form.first_name.value.trim(),
    middle_name: form.middle_name.value.trim(),
    phone: form.phone.value.trim(),
    doctor: form.doctor.value,
    specialty: form.doctor.selectedOptions[0]?.dataset.specialty || "",
    start: form.start.value.slice(0, 16),
    consent: form.consent.checked,
  });
  form.querySelector(".error").textContent = wrong || "";
  if (wrong) return;
  form.reset();
  byId("dialog-add").close();
});

let moving = null;
function openMove(visit) {
  moving = visit.id;
  const form = byId("form-move");
  byId("move-who").textContent = `${schedule.nameOf(visit)}, ${visit.doctor}`;
  form.start.value = local(new Date(Date.parse(visit.start) + 86400000));
  form.querySelector(".error").textContent = "";
  byId("dialog-move").showModal();
}
byId("form-move").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const wrong = await post(`/demo/schedule/${encodeURIComponent(moving)}`, { action: "move", start: form.start.value.slice(0, 16) });
  form.querySelector(".error").textContent = wrong || "";
  if (!wrong) byId("dialog-move").close();
});

// Language

function speak() {
  document.documentElement.lang = page.language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t()[element.dataset.t];
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t()[element.dataset.tLabel]);
  }
  for (const button of speeds) {
    const factor = Number(button.dataset.factor);
    button.title = factor === 1 ? t().speed_1 : t().speed_n(factor);
    button.setAttribute("aria-label", button.title);
  }
  byId("help-text").replaceChildren(
    ...t().help_text.map((text) => h("p", {}, text)),
    h("p", {}, h("a", { href: "/v1/openapi.json", target: "_blank", rel: "noopener" }, t().help_api)),
  );
  const other = page.language === "ru" ? "en" : "ru";
  byId("language").textContent = other.toUpperCase();
  byId("language").lang = other;
  byId("language").setAttribute("aria-label", other === "en" ? "English" : "Русский");
}
byId("language").addEventListener("click", () => {
  page.language = page.language === "ru" ? "en" : "ru";
  localStorage.setItem("callahead-language", page.language);
  shownDay = "";
  speak();
  schedule.show(new Map(), true);
  chats.show(new Map(), true);
  calls.show(true);
  money.show();
});

schedule.begin(world, { openChat: (number) => (location.hash = `chat/${number}`), openMove });
money.begin(world);
chats.begin(world, { showTab, mark: schedule.mark, callsOf: calls.callsOf, callLine: calls.line, callWords: calls.words, showCall: calls.show });
calls.begin(world, { openNumber: chats.openNumber, openChat: (number) => (location.hash = `chat/${number}`) });
showTab("schedule");
speak();
chats.show(new Map(), true);
