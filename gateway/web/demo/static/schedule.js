// The schedule: days, visits, what Callahead did for each, and what the staff can do.

import { ask, flash, h, icon, toast } from "./dom.js";
import { clock, day, dayName, page, seconds, t, when } from "./words.js";

const FUNCTIONS = ["details", "confirmation", "reminder"];
const ANSWERS = new Set(["confirmed", "reschedule_requested", "cancelled"]);
const WAITING = new Set(["waiting"]);
const GOOD = new Set(["sending", "calling", "called", "sent", "delivered", "read", "answered"]);

let world, openChat, openMove;
const rows = new Map();
let opened = null;
let marked = null;

export function begin(state, handlers) {
  world = state;
  openChat = handlers.openChat;
  openMove = handlers.openMove;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#why") && !event.target.closest(".does")) closeWhy();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeWhy(true);
  });
  document.getElementById("days").addEventListener("scroll", () => closeWhy(), { passive: true });
}

/** Show which visits belong to the phone that is open. */
export function mark(number) {
  marked = number;
  let first = null;
  for (const [id, known] of rows) {
    const visit = world.visits.get(id);
    const theirs = number !== null && visit !== undefined && visit.number === number;
    known.element.classList.toggle("theirs", theirs);
    if (theirs && (!first || (visit.start < first.start && visit.status === "unconfirmed"))) first = visit;
  }
  if (first) rows.get(first.id).element.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

export const nameOf = (visit) => visit.patient || t().anonymous_patient;

/** Show all visits; `changed` maps ids of visits to what they were before. */
export function show(changed, language) {
  if (language) {
    rows.clear();
    arranged = "";
  }
  const visits = [...world.visits.values()].sort((a, b) =>
    a.start === b.start ? a.id.localeCompare(b.id) : a.start < b.start ? -1 : 1,
  );
  for (const id of [...rows.keys()]) if (!world.visits.has(id)) rows.delete(id);
  if (opened && !world.visits.has(opened)) opened = null;
  const days = new Map();
  for (const visit of visits) {
    const key = day(new Date(visit.start));
    if (!days.has(key)) days.set(key, []);
    days.get(key).push(row(visit, changed.get(visit.id), changed.has(visit.id)));
  }
  arrange(days);
  sum(visits);
  refreshWhy();
}

let arranged = "";

/** Put days and visits in their order; what is in its place already is left alone. */
function arrange(days) {
  const box = document.getElementById("days");
  const now = world.now();
  const wanted = [];
  const steps = world.steps("card");
  const order = [...days].map(([key, list]) => `${key}:${list.map((r) => r.element.id)}`).join(" ");
  const shape = [page.language, day(now), Boolean(steps), order].join("|");
  if (shape === arranged && box.children.length) return;
  arranged = shape;
  if (steps) wanted.push(steps);
  for (const [key, list] of days) {
    const [near, date] = dayName(key, now);
    const title = h(
      "h3",
      {},
      near ? h("b", {}, near) : null,
      h("span", {}, near ? date : date[0].toUpperCase() + date.slice(1)),
      h("small", {}, t().count(list.length)),
    );
    wanted.push(h("section", { class: "day", "data-day": key }, title, h("ul", {}, list.map((r) => r.element))));
  }
  const focused = document.activeElement;
  const top = box.scrollTop;
  box.replaceChildren(...wanted);
  box.scrollTop = top;
  if (focused && box.contains(focused)) focused.focus({ preventScroll: true });
}

function sum(visits) {
  const ok = visits.filter((v) => v.status === "confirmed").length;
  document.getElementById("sum").textContent = t().sum(ok, visits.filter(isAsked).length);
}

/** Whether the patient has been asked and has not answered yet. */
export const isAsked = (visit) =>
  visit.status === "unconfirmed" &&
  visit.does != null &&
  ["sent", "delivered", "read"].includes(visit.does.confirmation.state);

function row(visit, before, isChanged) {
  let known = rows.get(visit.id);
  if (!known) {
    known = build(visit);
    rows.set(visit.id, known);
    known.fill(visit);
    if (world.live && isChanged && before === undefined) flash(known.element);
  } else if (isChanged) {
    known.fill(visit);
    if (before && before.status !== visit.status) {
      flash(known.element);
      tell(known.element, `${clock(new Date(visit.start))} ${nameOf(visit)} — ${t().statuses[visit.status]}`, ANSWERS.has(visit.status));
    }
  }
  return known;
}

/** Say what has changed: in words for everyone who does not see the row itself. */
function tell(element, text, isAnswer) {
  const box = document.getElementById("days").getBoundingClientRect();
  const place = element.getBoundingClientRect();
  const isSeen = place.height > 0 && place.top >= box.top + 30 && place.bottom <= box.bottom;
  toast(text, isSeen || !isAnswer ? "hidden" : "");
}

function build(visit) {
  const time = h("time", {});
  const name = h("b", {});
  const tags = h("span", { class: "tags" });
  const doctor = h("span", { class: "doctor" });
  const body = h("button", { type: "button", class: "who", "aria-expanded": "false" }, h("span", { class: "name" }, name, tags), doctor);
  const icons = FUNCTIONS.map((f) => h("button", { type: "button", class: "does", "data-function": f }, icon(f)));
  const chip = h("span", { class: "chip" });
  const more = h("div", { class: "more", hidden: true });
  const element = h(
    "li",
    { class: "visit", id: `visit-${visit.id}`, "data-id": visit.id },
    h("div", { class: "line" }, time, body, h("span", { class: "icons" }, icons), chip),
    more,
  );
  body.addEventListener("click", () => toggle(visit.id));
  icons.forEach((button) => button.addEventListener("click", () => openWhy(visit.id, button)));
  const known = { element, more, body };
  known.fill = (now) => fill(now, { time, name, tags, doctor, icons, chip, element, body, more });
  return known;
}

function fill(visit, parts) {
  parts.time.textContent = clock(new Date(visit.start));
  parts.time.dateTime = visit.start;
  parts.name.textContent = nameOf(visit);
  parts.tags.replaceChildren(
    ...visit.flags.map((flag) => h("span", { class: "tag" }, t().flags[flag])),
    ...(visit.attention ? [h("span", { class: "tag alert", title: t().attention_why }, t().attention)] : []),
  );
  parts.doctor.textContent = [visit.doctor, visit.specialty].filter(Boolean).join(", ");
  parts.body.title = t().open_visit(nameOf(visit));
  FUNCTIONS.forEach((f, index) => fillIcon(parts.icons[index], f, visit));
  parts.chip.textContent = t().statuses[visit.status];
  parts.chip.className = `chip ${visit.status}`;
  parts.element.classList.toggle("theirs", marked !== null && visit.number === marked);
  parts.element.classList.toggle("over", ["completed", "cancelled", "no_show"].includes(visit.status));
  if (opened === visit.id) fillMore(visit, parts.more);
}

function fillIcon(button, name, visit) {
  const view = visit.does ? visit.does[name] : null;
  const state = view ? view.state : "waiting";
  let look = "no";
  if (GOOD.has(state)) look = "good";
  else if (WAITING.has(state)) look = view && view.later.length ? "unlikely" : "waiting";
  else if (state === "failed") look = "failed";
  button.className = `does ${look}`;
  const reasons = view ? [...view.reasons, ...view.later].map((r) => r[page.language]).join(" ") : "";
  const text = `${t().functions[name]}: ${view ? t().states[state] : t().unknown}. ${reasons}`.trim();
  button.setAttribute("aria-label", text);
  button.title = text;
}

// Why was it sent, or not

let shownWhy = null;

function openWhy(id, button) {
  const name = button.dataset.function;
  if (shownWhy && shownWhy.button === button) return closeWhy();
  shownWhy = { id, name, button };
  refreshWhy();
}

function refreshWhy() {
  const box = document.getElementById("why");
  const visit = shownWhy && world.visits.get(shownWhy.id);
  if (!visit || !shownWhy.button.isConnected) return closeWhy();
  box.replaceChildren(...about(visit, shownWhy.name, true));
  box.setAttribute("aria-label", t().functions[shownWhy.name]);
  box.hidden = false;
  const place = shownWhy.button.getBoundingClientRect();
  const width = Math.min(320, innerWidth - 24);
  box.style.width = `${width}px`;
  box.style.left = `${Math.max(12, Math.min(place.left + place.width / 2 - width / 2, innerWidth - width - 12))}px`;
  const below = place.bottom + 8 + box.offsetHeight < innerHeight;
  box.style.top = `${below ? place.bottom + 8 : Math.max(8, place.top - 8 - box.offsetHeight)}px`;
}

function closeWhy(focus) {
  document.getElementById("why").hidden = true;
  if (shownWhy && focus) shownWhy.button.focus();
  shownWhy = null;
}

function about(visit, name, title) {
  const view = visit.does && visit.does[name];
  const head = h("h4", {}, icon(name), h("span", {}, t().functions[name]));
  if (!view) return [head, h("p", {}, t().unknown)];
  const now = world.now();
  const lines = [head, h("p", { class: `state ${view.state}` }, t().states[view.state])];
  if (view.state === "waiting" && view.next_at) {
    const words = view.later.length ? t().decide_at : t().next_at;
    lines.push(h("p", {}, words(when(new Date(view.next_at), now))));
  } else if (view.sent_at && !["not_sent", "failed"].includes(view.state)) {
    lines.push(h("p", {}, t().sent_at(when(new Date(view.sent_at), now))));
  }
  if (view.tries.length) lines.push(h("ul", { class: "tries-made" }, view.tries.map(attempt)));
  const reasons = view.reasons.length ? view.reasons : view.later;
  if (reasons.length) {
    const heading = view.reasons.length ? t().why_title : t().later_title;
    if (title) lines.push(h("p", { class: "because" }, heading));
    lines.push(h("ul", { class: "reasons" }, reasons.map((r) => h("li", {}, r[page.language]))));
  }
  return lines;
}

function attempt(one) {
  const state = one.channel === "call" ? t().call_states[one.state] : t().message_states[one.state];
  const words = `${state || one.state}${one.code ? ` (${one.code})` : ""}${one.price ? `, ${t().rubles(one.price)}` : ""}`;
  return h("li", { class: one.state === "failed" ? "failed" : "" }, h("span", { class: `dot ${one.channel}`, "aria-hidden": "true" }), h("b", {}, t().channels[one.channel]), ` ${words}`);
}

// One visit in full

function toggle(id) {
  const before = opened;
  opened = before === id ? null : id;
  for (const known of [before, opened].map((key) => rows.get(key)).filter(Boolean)) {
    const isOpen = known.element.dataset.id === opened;
    known.more.hidden = !isOpen;
    known.body.setAttribute("aria-expanded", String(isOpen));
    known.element.classList.toggle("open", isOpen);
    if (isOpen) {
      fillMore(world.visits.get(opened), known.more);
      known.element.scrollIntoView({ block: "nearest" });
    } else known.more.replaceChildren();
  }
}

export function openVisit(id) {
  if (opened !== id && rows.has(id)) toggle(id);
  rows.get(id)?.element.scrollIntoView({ block: "center" });
}

const ACTIONS = {
  confirm: ["unconfirmed", "reschedule_requested"],
  move: ["unconfirmed", "confirmed", "reschedule_requested", "cancelled"],
  arrive: ["unconfirmed", "confirmed"],
  unconfirm: ["confirmed", "cancelled"],
  cancel: ["unconfirmed", "confirmed", "reschedule_requested"],
};

function fillMore(visit, box) {
  const buttons = Object.entries(ACTIONS)
    .filter(([, statuses]) => statuses.includes(visit.status))
    .map(([action]) => h("button", { type: "button", class: "button small", "data-action": action, onclick: () => act(visit.id, action) }, t()[action]));
  buttons.push(h("button", { type: "button", class: "button small bad", "data-action": "remove", onclick: () => act(visit.id, "remove") }, t().remove));
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  const contact = [visit.guardian, visit.phones.join(", "), visit.branch].filter(Boolean).join(", ");
  const history = h("ol", { class: "history" });
  box.replaceChildren(
    h(
      "p",
      { class: "contact" },
      contact || "—",
      " ",
      world.chats.has(visit.number)
        ? h("button", { type: "button", class: "link", onclick: () => openChat(visit.number) }, icon("chat"), t().open_chat)
        : null,
    ),
    h("div", { class: "three" }, FUNCTIONS.map((f) => h("div", {}, about(visit, f, true)))),
    h("p", { class: "label" }, t().staff),
    h("p", { class: "actions" }, buttons),
    h("details", {}, h("summary", {}, t().history), history, h("p", { class: "label" }, t().command), h("code", {}, `callahead explain ${world.clinic.id} ${visit.id} --data data/demo`)),
  );
  if (focused) box.querySelector(`[data-action="${focused}"]`)?.focus();
  const details = box.querySelector("details");
  details.open = world.historyOpen === true;
  details.addEventListener("toggle", () => {
    world.historyOpen = details.open;
    if (details.open) fillHistory(visit, history);
  });
  if (details.open) fillHistory(visit, history);
}

async function act(id, action) {
  const visit = world.visits.get(id);
  if (action === "move") return openMove(visit);
  return ask(`/demo/schedule/${encodeURIComponent(id)}`, { action });
}

async function fillHistory(visit, list) {
  const path = `/demo/explain/${world.clinic.id}/${encodeURIComponent(visit.id)}?timeline=1&lang=${page.language}`;
  try {
    const answer = await fetch(path);
    const found = await answer.json();
    list.replaceChildren(...(found.timeline || []).map((entry) => line(entry)).filter(Boolean));
  } catch {
    list.replaceChildren(h("li", {}, t().failed));
  }
}

function line(entry) {
  const tell = t().timeline[entry.kind];
  if (!tell) return null;
  const data = { ...entry.data };
  data.when = data.start ? when(new Date(data.start), world.now()) : "";
  for (const key of ["status", "from", "to"]) data[key] = t().statuses[data[key]] || data[key];
  data.function = t().functions[entry.function] || "";
  data.purpose = t().purposes[data.purpose] || data.purpose;
  data.channel = t().channels[data.channel] || data.channel;
  data.state = t().message_states[data.state] || data.state;
  data.call = t().call_results[data.result] || t().call_states[entry.data.state] || entry.data.state;
  data.answer = t().answers[data.answer] || data.answer;
  data.reasons = (data.reasons || []).map((code) => world.reasons.get(code)?.[page.language] || code).join(" ");
  return h("li", {}, h("time", {}, seconds(new Date(entry.at))), h("span", {}, tell(data)));
}
