// Building elements, asking the server, telling the reader.

import { t } from "./words.js";

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

const DRAWINGS = {
  details: "M6 3.5h5.5L15 7v9.5H6zM11.5 3.5V7H15M8.5 10h4M8.5 13h4",
  confirmation: "M4 5.5h12v8H9.5L6.5 16v-2.5H4zM7.5 9.5l2 2 3.5-3.7",
  reminder: "M5.5 13.5V9a4.5 4.5 0 0 1 9 0v4.5l1 1.5h-11zM8.7 17h2.6",
  back: "M12 4.5 6.5 10l5.5 5.5",
  send: "M4 10 16.5 4.5 12 16l-2.5-4.5z",
  quote: "M8 5 4 9l4 4M4.5 9H12a4 4 0 0 1 4 4v2.5",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  tick: "M3.5 10.5l3.5 3.5 8-8.5",
  ticks: "M1.5 10.5 5 14l7.5-8.5M9 13l1 1 7.5-8.5",
  alert: "M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.2v.3",
  call: "M6.2 3.5 8.4 7.3 7 9c.8 1.8 2.2 3.2 4 4l1.7-1.4 3.8 2.2c-.2 1.7-1.3 2.7-3 2.7C8.4 16.5 3.5 11.6 3.5 6.5c0-1.7 1-2.8 2.7-3z",
  hang: "M2.5 11.2c4.3-4 10.7-4 15 0l-1.6 2.3-3.3-1.3-.3-2.1a8.5 8.5 0 0 0-4.6 0l-.3 2.1-3.3 1.3z",
  bell: "M5.5 13.5V9a4.5 4.5 0 0 1 9 0v4.5l1 1.5h-11zM8.7 17h2.6",
  mute: "M5.5 13.5V9a4.5 4.5 0 0 1 7.6-3.2M14.5 9.5v4l1 1.5H7M8.7 17h2.6M3.5 3.5l13 13",
  chat: "M4 5h12v8.5H9.5L6.5 16v-2.5H4z",
};

export function icon(name, extra) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `icon ${extra || ""}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", DRAWINGS[name]);
  svg.append(path);
  return svg;
}

export async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Callahead-Demo": "1" },
      body: JSON.stringify(body || {}),
    });
    if (answer.ok) return null;
    const problem = await answer.json().catch(() => ({}));
    const fields = (problem.errors || []).map((e) => `${e.field}: ${e.message}`).join("; ");
    return fields ? `${t().bad_fields} ${fields}` : t().failed;
  } catch {
    return t().failed;
  }
}

export async function ask(path, body) {
  const wrong = await post(path, body);
  if (wrong) toast(wrong, "bad");
  return !wrong;
}

export function toast(text, kind) {
  const box = document.getElementById("toasts");
  const shown = h("p", { class: `toast ${kind || ""}` }, text);
  box.append(shown);
  while (box.children.length > 3) box.firstChild.remove();
  setTimeout(() => shown.remove(), 6000);
}

/** Show that something has just changed: a glow, or a mark for those who want no movement. */
export function flash(element) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    element.classList.add("marked");
    setTimeout(() => element.classList.remove("marked"), 4000);
    return;
  }
  const glow = getComputedStyle(document.documentElement).getPropertyValue("--flash");
  const frames = [{ backgroundColor: glow }, { backgroundColor: glow, offset: 0.3 }, {}];
  (element.querySelector(".line") || element.firstElementChild).animate(frames, { duration: 2600, easing: "ease-out" });
}

export function phone(number) {
  const found = /^\+7(\d{3})(\d{3})(\d\d)(\d\d)$/.exec(number);
  return found ? `+7 ${found[1]} ${found[2]}-${found[3]}-${found[4]}` : number;
}

export const initials = (name) => name.split(" ").slice(0, 2).map((part) => part[0] || "").join("");
