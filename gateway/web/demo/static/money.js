// The clinic's channel order, and what today has cost.

import { ask, h } from "./dom.js";
import { t } from "./words.js";

const PRESETS = [
  ["whatsapp", "sms"],
  ["max", "sms"],
  ["push", "telegram", "sms"],
  ["push", "whatsapp", "max", "telegram", "sms"],
];

let world;
const choice = document.getElementById("order");

export function begin(state) {
  world = state;
  choice.addEventListener("change", () => ask("/demo/channels", { channels: choice.value.split(",") }));
}

const named = (order) => order.split(",").map((channel) => t().channels[channel]).join(" → ");

export function show() {
  const [clinic] = world.clinics.values();
  if (!clinic) return;
  const orders = new Set(Object.values(clinic.orders).map((order) => order.join(",")));
  const known = new Set(PRESETS.map((order) => order.join(",")));
  const wanted = [...new Set([...known, ...orders])];
  if ([...choice.options].map((option) => option.text).join() !== wanted.map(named).join()) {
    choice.replaceChildren(...wanted.map((order) => h("option", { value: order }, named(order))));
  }
  if (orders.size === 1) [choice.value] = orders;
  else choice.selectedIndex = -1;
  choice.title = t().order_title;
  choice.parentElement.title = t().order_title;
  document.getElementById("money").replaceChildren(...spent(clinic));
}

function spent(clinic) {
  if (!clinic.money.length) return [h("span", {}, t().money_none)];
  return [
    h("span", {}, t().money_today, " ", h("b", { class: "all" }, t().rubles(clinic.total))),
    ...clinic.money.map((item) =>
      h("span", { class: "sum-of", "data-channel": item.channel }, h("span", { class: `dot ${item.channel}`, "aria-hidden": "true" }), `${t().channels[item.channel]} `, h("b", {}, t().rubles(item.amount)), h("small", {}, ` (${item.count})`)),
    ),
  ];
}
