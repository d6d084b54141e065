// Calls: what rings, the phone's screen with its keys, and the robot's voice.

import { ask, h, icon, initials, phone } from "./dom.js";
import * as live from "./live.js";
import { isOn, ring, setOn } from "./ring.js";
import { clock, t } from "./words.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const LETTERS = { 2: "АБВГ", 3: "ДЕЖЗ", 4: "ИЙКЛ", 5: "МНОП", 6: "РСТУ", 7: "ФХЦЧ", 8: "ШЩЪЫ", 9: "ЬЭЮЯ" };
const RINGS = "ringing";
const TALKS = "in-progress";

let world, openNumber, openChat;
const byId = (id) => document.getElementById(id);
const voice = byId("voice");

const held = new Set(); // calls that were picked up on this page
const closed = new Set(); // calls whose end has been seen
let drawn = "";
let heard = "";

export function begin(state, handlers) {
  world = state;
  openNumber = handlers.openNumber;
  openChat = handlers.openChat;
  addEventListener("keydown", pressed);
  voice.addEventListener("ended", drawVoice);
  voice.addEventListener("playing", drawVoice);
}

const newestFirst = (a, b) => (a.at < b.at ? 1 : -1);
const all = () => [...world.calls.values()].sort(newestFirst);
export const ringing = () => all().filter((call) => call.state === RINGS).reverse();
export const callsOf = (number) => all().filter((call) => call.number === number).reverse();
const isOver = (call) => !["queued", "initiated", RINGS, TALKS].includes(call.state);
export const isLive = (call) => call.state === RINGS || call.state === TALKS;
export const liveOf = (number) => all().find((call) => call.number === number && isLive(call));

const nameOf = (call) => {
  const chat = world.chats.get(call.number);
  return (chat && chat.name) || phone(call.number);
};

export function show(language) {
  if (language) drawn = "";
  drawRinging();
  drawScreen();
  play();
  const talking = all().some((call) => call.state === TALKS && held.has(call.id));
  ring(!talking && ringing().some((call) => !call.silenced));
}

/** The call that the phone's screen is about: one that goes on, or one that has just ended here. */
function shown() {
  const number = openNumber();
  if (!number) return null;
  return liveOf(number) || all().find((call) => call.number === number && held.has(call.id) && !closed.has(call.id)) || null;
}

// What rings, wherever one looks

function drawRinging() {
  const bar = byId("ringing");
  const calls = ringing().filter((call) => call.number !== openNumber() || !isVisible());
  const first = calls[0];
  bar.hidden = !first;
  const key = first ? `${first.id} ${calls.length} ${isOn()} ${document.documentElement.lang}` : "";
  if (bar.dataset.key === key) return;
  bar.dataset.key = key;
  if (!first) {
    bar.replaceChildren();
    return;
  }
  const focused = bar.contains(document.activeElement) ? document.activeElement.className : null;
  bar.replaceChildren(
    h("span", { class: "bell" }, icon("call")),
    h(
      "p",
      {},
      h("button", { type: "button", class: "link", onclick: () => openChat(first.number) }, nameOf(first).split(" ").slice(0, 2).join(" ")),
      h("span", {}, calls.length > 1 ? t().rings_more(calls.length - 1) : t().rings),
    ),
    h("button", { type: "button", class: "take", onclick: () => answer(first) }, icon("call"), h("span", {}, t().answer)),
    h("button", { type: "button", class: "refuse", "aria-label": t().decline, title: t().decline, onclick: () => deed(first, "decline") }, icon("hang")),
    sound(),
  );
  if (focused) (bar.querySelector(`[class="${focused}"]`) || bar.querySelector(".take")).focus();
}

function sound() {
  const on = isOn();
  const toggle = () => {
    setOn(!on);
    show();
  };
  return h("button", { type: "button", class: "quiet sound", "aria-pressed": String(on), "aria-label": t().ring_tone, title: t().ring_tone, onclick: toggle }, icon(on ? "bell" : "mute"));
}

const isVisible = () => matchMedia("(min-width: 900px)").matches || document.body.dataset.tab === "chats";

// What a patient does

const deed = (call, name) => ask(`/demo/phones/${encodeURIComponent(call.number)}/${name}`);

async function answer(call) {
  held.add(call.id);
  unlock();
  if (!(await deed(call, "answer"))) held.delete(call.id);
  else openChat(call.number);
}

const press = (call, key) => ask(`/demo/calls/${call.id}/keys`, { key });
const hangUp = (call) => ask(`/demo/calls/${call.id}/hang-up`);

function pressed(event) {
  const call = shown();
  if (!call || call.state !== TALKS || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog") || document.querySelector("dialog[open]")) return;
  if (!KEYS.includes(event.key)) return;
  event.preventDefault();
  const button = document.querySelector(`#call [data-key="${event.key}"]`);
  if (button) button.click();
}

// The phone's screen

function drawScreen() {
  const screen = byId("call");
  const call = shown();
  screen.hidden = !call;
  byId("chat").inert = Boolean(call); // it lies behind the phone's screen
  if (!call) {
    drawn = "";
    screen.replaceChildren();
    return;
  }
  const key = `${call.id} ${call.state} ${call.silenced}`;
  if (key !== drawn) {
    drawn = key;
    build(screen, call);
  }
  for (const box of screen.querySelectorAll(".typed")) box.textContent = call.keys;
  drawVoice();
}

function build(screen, call) {
  const had = screen.contains(document.activeElement);
  const back = h("button", { type: "button", class: "quiet to-list", "aria-label": t().to_list, onclick: () => (location.hash = "chats") }, icon("back"));
  const head = h(
    "div",
    { class: "caller" },
    h("span", { class: `avatar a${Number(call.number.slice(-2)) % 6}`, "aria-hidden": "true" }, initials(nameOf(call))),
    h("p", { class: "whose" }, t().whose_phone(nameOf(call))),
    h("h3", {}, isOver(call) ? t().call_over : call.state === RINGS ? t().clinic_calls : t().call_of_clinic),
    h("p", { class: "number" }, phone(call.caller)),
  );
  const body = call.state === RINGS ? ringingBody(call) : call.state === TALKS ? talkingBody(call) : endBody(call);
  screen.setAttribute("aria-label", `${t().clinic_calls}: ${nameOf(call)}`);
  screen.className = `call ${call.state === RINGS ? "rings" : call.state === TALKS ? "talks" : "over"}`;
  screen.replaceChildren(back, head, ...body);
  if (had || held.has(call.id)) (screen.querySelector("[data-first]") || screen).focus({ preventScroll: true });
}

function ringingBody(call) {
  return [
    h("p", { class: "status", role: "status" }, call.silenced ? t().silenced : t().rings),
    h(
      "div",
      { class: "deeds" },
      round("refuse", "hang", t().decline, () => deed(call, "decline")),
      call.silenced ? null : round("silence", "mute", t().ignore, () => deed(call, "ignore")),
      round("take", "call", t().answer, () => answer(call), true),
    ),
    world.chats.get(call.number)?.reads_at_once ? h("p", { class: "note" }, t().alone_hint) : null,
  ].filter(Boolean);
}

function talkingBody(call) {
  if (!call.in_hand) return [h("p", { class: "status", role: "status" }, t().answers_alone), h("p", { class: "typed" })];
  const keys = KEYS.map((key) =>
    h("button", { type: "button", "data-key": key, "data-first": key === "1", onclick: () => press(call, key) }, h("b", {}, key), h("small", { "aria-hidden": "true" }, LETTERS[key] || "\u00a0")),
  );
  return [
    h("p", { class: "status", role: "status" }, h("span", { class: "waves", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i")), h("span", { class: "what" })),
    h("button", { type: "button", class: "button small unmute", hidden: true, onclick: () => (call.live_sound ? live.unlock() : voice.play()).then(drawVoice) }, t().unmute),
    h("p", { class: "typed", "aria-label": t().typed }),
    h("div", { class: "keys", role: "group", "aria-label": t().keypad }, keys),
    h("div", { class: "deeds" }, round("refuse", "hang", t().hang_up, () => hangUp(call))),
  ];
}

function endBody(call) {
  const close = () => {
    closed.add(call.id);
    show();
  };
  return [
    h("p", { class: "status", role: "status" }, ending(call)),
    h("p", { class: "typed" }),
    h("button", { type: "button", class: "button", "data-first": true, onclick: close }, t().to_chat),
  ];
}

const round = (kind, drawing, label, onclick, first) =>
  h("button", { type: "button", class: `round ${kind}`, "data-first": first, onclick }, h("span", {}, icon(drawing)), h("small", {}, label));

function drawVoice() {
  const call = shown();
  const screen = byId("call");
  const what = screen.querySelector(".what");
  if (!call || !what) return;
  const speaks = Boolean(call.playing);
  screen.classList.toggle("speaks", speaks);
  const text = speaks ? t().robot_speaks : call.listening ? t().robot_listens : t().connecting;
  if (what.textContent !== text) what.textContent = text;
  const stuck = speaks && (call.live_sound ? live.isStuck() : voice.paused && !voice.ended);
  screen.querySelector(".unmute").hidden = !stuck;
}

// How a call ended, in words; the chat shows it as well

export function ending(call) {
  if (call.state === "completed") {
    const talked = t().talked(Math.floor(call.seconds / 60), call.seconds % 60);
    const by = call.machine ? t().by_machine : t().ended_by[call.ended_by] || "";
    return [talked, by].filter(Boolean).join(" · ");
  }
  if (call.state === "busy") return call.ended_by === "patient" ? t().declined : t().busy;
  return t().call_ends[call.state] || "";
}

export const words = (call) =>
  isOver(call) ? ending(call) : call.state === RINGS ? t().rings : call.state === TALKS ? t().talks : t().dials;

export function line(call) {
  const text = words(call);
  const missed = isOver(call) && call.state !== "completed";
  return h(
    "p",
    { class: `call-line ${missed ? "missed" : ""}`, "data-call": call.id },
    icon(missed ? "hang" : "call"),
    h("span", {}, `${t().call_of_clinic}: ${text}${call.keys ? ` · ${t().pressed(call.keys)}` : ""}`),
    h("time", { datetime: call.at }, clock(new Date(call.at))),
  );
}

// The robot's voice: the very file that the call was told to play

function unlock() {
  live.unlock();
  voice.muted = true; // the last word of an earlier call may still be loaded
  voice.play().catch(() => {});
}

function play() {
  const call = all().find((item) => item.state === TALKS && item.in_hand && held.has(item.id)) || reloaded();
  if (!call) {
    live.listen(null, drawVoice);
    // The clinic hangs up after its last word: what is still to be heard is heard to its end.
    const last = all().find((item) => held.has(item.id));
    if (last && last.ended_by === "patient") voice.pause();
    return;
  }
  if (call.live_sound) {
    live.listen(call.id, drawVoice);
    return;
  }
  const playing = call.playing;
  const key = playing ? `${call.id} ${playing.count}` : "";
  if (!playing) {
    if (call.keys !== (voice.dataset.keys || "")) voice.pause();
    return;
  }
  if (key === heard) return;
  heard = key;
  voice.dataset.keys = call.keys;
  voice.src = `/demo/audio/${playing.audio}.wav`;
  voice.muted = false;
  voice.play().then(drawVoice, drawVoice);
}

/** A page that was loaded again in the middle of a call goes on with it. */
function reloaded() {
  const call = openNumber() && liveOf(openNumber());
  if (!call || call.state !== TALKS || !call.in_hand) return null;
  held.add(call.id);
  return call;
}
