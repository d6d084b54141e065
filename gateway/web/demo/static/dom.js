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
  details: "M6 3.500h5.500L15 7v9.500H6zM11.500 3.500V7H15M8.500 10h4M8.500 13h4",
  confirmation: "M4 5.500h12v8H9.500L6.500 16v-2.500H4zM7.500 9.500l2 2 3.500-3.700",
  reminder: "M5.500 13.500V9a4.500 4.500 0 0 1 9 0v4.500l1 1.500h-11zM8.700 17h2.600",
  back: "M12 4.500 6.500 10l5.500 5.500",
  send: "M4 10 16.500 4.500 12 16l-2.500-4.500z",
  quote: "M8 5 4 9l4 4M4.500 9H12a4 4 0 0 1 4 4v2.500",
  close: "M5.500 5.500l9 9M14.500 5.500l-9 9",
  tick: "M3.500 10.500l3.500 3.500 8-8.500",
  ticks: "M1.500 10.500 5 14l7.500-8.500M9 13l1 1 7.500-8.500",
  alert: "M10 3.500 17.500 16.500h-15zM10 8.500v3.500M10 14.200v.3",
  chat: "M4 5h12v8.500H9.500L6.500 16v-2.500H4z",
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

/** Show that something has just changed, gently. */
export function flash(element) {
  element.classList.remove("flash");
  void element.offsetWidth;
  element.classList.add("flash");
}

export function phone(number) {
  const found = /^\+7(\d{3})(\d{3})(\d\d)(\d\d)$/.exec(number);
  return found ? `+7 ${found[1]} ${found[2]}-${found[3]}-${found[4]}` : number;
}

export const initials = (name) => name.split(" ").slice(0, 2).map((part) => part[0] || "").join("");
