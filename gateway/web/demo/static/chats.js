// Patients' phones: the list, and the open chat.

import { canWrite, closed, isNews, isUnread, leave, messagesIn, openApp, pick, strip } from "./apps.js";
import { ask, flash, h, icon, initials, phone } from "./dom.js";
import { clock, day, dayName, page, t } from "./words.js";
import { isAsked } from "./schedule.js";

let world, showTab, mark, callsOf, callLine, callWords, showCall;
let current = null;
let quoted = null;
const rows = new Map();
const drafts = new Map();

export function begin(state, handlers) {
  world = state;
  showTab = handlers.showTab;
  ({ mark, callsOf, callLine, callWords, showCall } = handlers);
}

export const nameOf = (chat) => chat.name || t().stranger;
const unreadOf = (chat) => chat.messages.filter(isUnread).length;
const newest = (chat) => chat.messages.filter(isNews).pop();
const newestCall = (chat) => callsOf(chat.number).pop();
const isGoingOn = (call) => Boolean(call) && (call.state === "ringing" || call.state === "in-progress");

export const openNumber = () => current;

export function open(number) {
  if (current !== number) quoted = null;
  current = number;
  document.body.classList.toggle("in-chat", number !== null);
  for (const [key, row] of rows) row.button.setAttribute("aria-current", String(key === number));
  if (number) showTab("chats");
  drawChat(true);
  showCall();
  mark(number);
  markRead();
}

export function show(changed, language) {
  if (language) rows.clear();
  const chats = [...world.chats.values()].sort(order);
  for (const number of [...rows.keys()]) if (!world.chats.has(number)) rows.delete(number);
  const list = document.getElementById("people");
  const elements = chats.map((chat) => row(chat, changed).element);
  const focused = document.activeElement;
  if (elements.some((element, index) => list.children[index] !== element) || list.children.length !== elements.length) {
    const top = list.scrollTop;
    list.replaceChildren(...elements);
    list.scrollTop = top;
    if (focused && list.contains(focused)) focused.focus({ preventScroll: true });
  }
  const unread = chats.reduce((all, chat) => all + unreadOf(chat), 0);
  const badge = document.getElementById("unread");
  badge.hidden = !unread;
  badge.textContent = unread;
  if (language) drawChat(true);
  else if (current && changed.has(current)) drawChat(false);
  markRead();
}

function order(a, b) {
  const rings = (chat) => isGoingOn(newestCall(chat));
  if (rings(a) !== rings(b)) return rings(a) ? -1 : 1;
  const last = (chat) => [newest(chat)?.at || "", newestCall(chat)?.at || ""].sort()[1].slice(0, 16);
  const x = last(a), y = last(b);
  if (x !== y) return x < y ? 1 : -1;
  return a.reads_at_once - b.reads_at_once || a.number.localeCompare(b.number);
}

function row(chat, changed) {
  let known = rows.get(chat.number);
  const isNew = !known;
  if (isNew) {
    known = build(chat);
    rows.set(chat.number, known);
  }
  known.fill(chat);
  const before = changed.get(chat.number);
  if (!isNew && before && before.messages.length < chat.messages.length) flash(known.element);
  return known;
}

function build(chat) {
  const name = h("b", {});
  const time = h("time", {});
  const last = h("span", { class: "last" });
  const dot = h("span", { class: "dot" });
  const badge = h("b", { class: "badge" });
  const avatar = h("span", { class: `avatar a${Number(chat.number.slice(-2)) % 6}`, "aria-hidden": "true" });
  const tag = h("span", { class: "tag" });
  const button = h(
    "button",
    { type: "button", "aria-current": String(chat.number === current), onclick: () => (location.hash = `chat/${chat.number}`) },
    avatar,
    h("span", { class: "text" }, h("span", { class: "row" }, name, time), h("span", { class: "row" }, dot, last, tag, badge)),
  );
  const element = h("li", { "data-number": chat.number }, button);
  const fill = (now) => {
    name.textContent = nameOf(now).split(" ").slice(0, 2).join(" ");
    avatar.textContent = initials(nameOf(now));
    const message = newest(now);
    const call = newestCall(now);
    const called = call && (!message || call.at >= message.at || isGoingOn(call));
    const at = called ? call.at : message && message.at;
    time.textContent = at ? clock(new Date(at)) : "";
    const text = message ? message.text.replace(/\s+/g, " ") : phone(now.number);
    if (called) last.textContent = `${t().call_of_clinic}: ${callWords(call)}`;
    else last.textContent = message && message.mine ? `${t().you}: ${text}` : text;
    dot.className = `dot ${message && !called ? message.channel : ""}`;
    dot.title = message && !called ? t().channels[message.channel] : "";
    dot.hidden = !message || Boolean(called);
    element.classList.toggle("rings", Boolean(call) && call.state === "ringing");
    const unread = unreadOf(now);
    badge.hidden = !unread;
    badge.textContent = unread;
    badge.setAttribute("aria-label", t().unread(unread));
    const asked = now.visits.some((id) => world.visits.has(id) && isAsked(world.visits.get(id)));
    const alone = now.reads_at_once && message && message.buttons.length > 0;
    const going = isGoingOn(call);
    tag.textContent = going ? (call.state === "ringing" ? t().rings_short : t().talks) : asked ? (alone ? t().alone : t().asked) : now.apps.whatsapp ? "" : t().no_whatsapp;
    tag.className = `tag ${going ? "calling" : asked && !alone ? "asked" : ""}`;
    tag.title = asked && alone ? t().alone_hint : "";
    tag.hidden = !tag.textContent;
    element.classList.toggle("none", !message && !call);
  };
  return { element, button, fill };
}

// The open chat

function drawChat(anew) {
  const box = document.getElementById("chat");
  const chat = current && world.chats.get(current);
  if (!chat) {
    box.replaceChildren(world.steps("welcome") || h("div", { class: "nothing" }));
    return;
  }
  const app = openApp(chat);
  const shape = `${current}|${app}|${JSON.stringify(chat.apps)}`;
  if (!anew && box.dataset.shape === shape) {
    // What has not changed stays: somebody may be about to click on it.
    const [old, now] = [document.querySelector(".apps"), apps(chat, app)];
    if (old.dataset.unread !== now.dataset.unread) old.replaceWith(now);
    drawMessages(chat, app);
    return;
  }
  box.dataset.shape = shape;
  const patients = chat.patients.length ? t().for_patient(chat.patients.map((name) => name.split(" ").slice(0, 2).join(" ")).join(", ")) : phone(chat.number);
  const head = h(
    "div",
    { class: "chat-head" },
    h("button", { type: "button", class: "quiet to-list", "aria-label": t().to_list, onclick: () => (location.hash = "chats") }, icon("back")),
    h("span", { class: `avatar a${Number(chat.number.slice(-2)) % 6}`, "aria-hidden": "true" }, initials(nameOf(chat))),
    h("div", {}, h("h3", {}, nameOf(chat)), h("p", {}, patients)),
    leave(chat, app),
  );
  const talk = h("div", { class: "talk", id: "talk", tabindex: "0", role: "log", "aria-label": nameOf(chat) });
  talk.classList.add(app);
  box.replaceChildren(head, apps(chat, app), talk, canWrite(chat, app) ? composer(chat, app) : closed(chat, app));
  drawMessages(chat, app, true);
}

function apps(chat, open) {
  return strip(chat, open, (app) => {
    pick(chat.number, app);
    quoted = null;
    drawChat(true);
    markRead();
  });
}

function composer(chat, app) {
  const input = h("textarea", { rows: "1", maxlength: "4096", placeholder: t().message, "aria-label": t().message_hint });
  input.value = drafts.get(chat.number) || "";
  input.addEventListener("input", () => {
    drafts.set(chat.number, input.value);
    fit(input);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  const form = h(
    "form",
    { class: "compose" },
    input,
    h("button", { class: "send", "aria-label": t().send }, icon("send")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text || form.dataset.busy) return;
    form.dataset.busy = "1";
    if (await say(chat.number, text, app)) {
      input.value = "";
      drafts.delete(chat.number);
      fit(input);
    }
    delete form.dataset.busy;
    input.focus();
  });
  const tries = h(
    "div",
    { class: "tries", role: "group", "aria-label": t().try },
    t().tries.map((text) => h("button", { type: "button", onclick: () => say(chat.number, text, app) }, text)),
  );
  return h("div", { class: "answer" }, tries, h("div", { class: "quoting", id: "quoting", hidden: true }), form);
}

function fit(input) {
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight, 120)}px`;
}

async function say(number, text, app) {
  const quote = quoted;
  const done = await ask(`/demo/chats/${encodeURIComponent(number)}/messages`, { text, quote, app });
  if (done) setQuote(null);
  return done;
}

function setQuote(message) {
  quoted = message ? message.id : null;
  const box = document.getElementById("quoting");
  if (!box) return;
  box.hidden = !message;
  box.replaceChildren();
  if (!message) return;
  box.append(
    h("p", {}, h("b", {}, t().quoted), h("span", {}, message.text.replace(/\s+/g, " "))),
    h("button", { type: "button", class: "quiet", "aria-label": t().unquote, onclick: () => setQuote(null) }, icon("close")),
  );
  document.querySelector(".compose textarea").focus();
}

function drawMessages(chat, app, anew) {
  const talk = document.getElementById("talk");
  const atEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
  const known = new Map([...talk.querySelectorAll("[data-message]")].map((e) => [e.dataset.message, e]));
  const wanted = [];
  let lastDay = null;
  const entries = [...messagesIn(chat, app), ...callsOf(chat.number)].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  for (const message of entries) {
    const key = day(new Date(message.at));
    if (key !== lastDay) {
      const [near, date] = dayName(key, world.now());
      wanted.push(h("p", { class: "date" }, near || date));
      lastDay = key;
    }
    if (message.caller) {
      wanted.push(callLine(message));
      continue;
    }
    const old = known.get(message.id);
    if (old && old.dataset.buttons === String(message.buttons.length)) fillTicks(old, message);
    wanted.push(old && old.dataset.buttons === String(message.buttons.length) ? old : line(chat, message, !anew));
  }
  if (!wanted.length) {
    wanted.push(h("div", { class: "nothing" }, h("b", {}, t().no_messages), h("p", {}, t().no_messages_text)));
  }
  talk.replaceChildren(...wanted);
  if (anew || atEnd) talk.scrollTop = talk.scrollHeight;
}

function line(chat, message, fresh) {
  if (message.kind !== "contact") return bubble(chat, message, fresh);
  return h("p", { class: "call-line", "data-message": message.id, "data-buttons": "0" }, icon("call"), t().shared_number);
}

function bubble(chat, message, fresh) {
  const source = message.quote && chat.messages.find((m) => m.id === message.quote);
  const element = h(
    "div",
    { class: `message ${message.mine ? "mine" : "theirs"} ${message.kind === "push" ? "notice" : ""} ${fresh ? "fresh" : ""}`, "data-message": message.id, "data-buttons": String(message.buttons.length) },
    h(
      "div",
      { class: "bubble" },
      h("span", { class: "hidden" }, message.mine ? t().you : t().us),
      source ? h("p", { class: "cited" }, h("b", {}, source.mine ? t().you : t().us), h("span", {}, source.text.replace(/\s+/g, " "))) : null,
      message.kind === "push" ? h("p", { class: "from" }, icon("bell"), world.clinic.name) : null,
      h("p", { class: "said" }, linked(message.text)),
      message.link ? h("p", { class: "opens" }, h("a", { href: message.link, target: "_blank", rel: "noopener" }, t().open_visit_page)) : null,
      h("span", { class: "meta" }, h("time", { datetime: message.at }, clock(new Date(message.at))), h("span", { class: "tick" })),
      quotable(message) ? h("button", { type: "button", class: "reply", "aria-label": t().quote, title: t().quote }, icon("quote")) : null,
    ),
    message.buttons.length
      ? h(
          "div",
          { class: "taps" },
          message.buttons.map((title, index) =>
            h("button", { type: "button", onclick: () => ask(`/demo/chats/${encodeURIComponent(chat.number)}/taps`, { message: message.id, button: index }) }, title),
          ),
        )
      : null,
  );
  element.querySelector(".bubble").addEventListener("click", (event) => {
    if (event.target.closest("a") || String(getSelection())) return;
    if (quotable(message)) setQuote(message);
  });
  fillTicks(element, message);
  return element;
}

const quotable = (message) => ["whatsapp", "max", "telegram"].includes(message.channel);

function fillTicks(element, message) {
  const tick = element.querySelector(".tick");
  if (!tick || message.mine === false && message.channel !== "whatsapp") return;
  const state = message.mine ? "delivered" : message.state;
  if (tick.dataset.state === state) return;
  tick.dataset.state = state;
  const drawn = state === "failed" ? "alert" : state === "delivered" || state === "read" ? "ticks" : "tick";
  tick.className = `tick ${state}`;
  tick.replaceChildren(icon(drawn), h("span", { class: "hidden" }, t().ticks[state] || state));
  tick.title = t().ticks[state] || state;
}

function linked(text) {
  return text.split(/(https?:\/\/[^\s]+)/).map((part, index) => {
    if (index % 2 === 0) return part;
    const [, address, rest] = /^(.*?)([.,;:!?)]*)$/.exec(part);
    return [h("a", { href: address, target: "_blank", rel: "noopener" }, address.replace(/^https?:\/\//, "")), rest];
  }).flat();
}

let reading = false;
async function markRead() {
  const chat = current && world.chats.get(current);
  const seen = document.visibilityState === "visible" && document.body.dataset.tab === "chats";
  const wide = matchMedia("(min-width: 900px)").matches;
  if (!chat || reading || !(seen || wide)) return;
  const app = openApp(chat);
  if (!messagesIn(chat, app).some(isUnread)) return;
  reading = true;
  await ask(`/demo/chats/${encodeURIComponent(chat.number)}/read`, { app });
  setTimeout(() => (reading = false), 400);
}

export { markRead };
