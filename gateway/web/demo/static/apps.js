// The apps on a patient's phone: which one is open, what is new in them, what can be done there.

import { ask, h, icon } from "./dom.js";
import { t } from "./words.js";

const ORDER = ["whatsapp", "max", "telegram", "sms", "push"];

/** A contact that was shown to a bot, and its thanks: history, not news. */
export const isNews = (message) => message.kind !== "contact" && message.kind !== "service";

export const isUnread = (message) => !message.mine && !message.seen && isNews(message) && message.state !== "accepted" && message.state !== "sent" && message.state !== "failed";

const picked = new Map();

export function pick(number, app) {
  picked.set(number, app);
}

export const appsOf = (chat) => ORDER.filter((app) => chat.apps[app]);

/** The app that is open: the one that was picked, else the one that the clinic wrote in last. */
export function openApp(chat) {
  const apps = appsOf(chat);
  if (apps.includes(picked.get(chat.number))) return picked.get(chat.number);
  const newest = chat.messages.filter((m) => isNews(m) && apps.includes(m.channel)).pop();
  return newest ? newest.channel : apps[0];
}

export const messagesIn = (chat, app) => chat.messages.filter((m) => m.channel === app);

/** The row of apps above the messages. */
export function strip(chat, open, onPick) {
  const unread = appsOf(chat).map((app) => messagesIn(chat, app).filter(isUnread).length);
  const buttons = appsOf(chat).map((app, index) => {
    const news = unread[index];
    const badge = h("b", { class: "badge", "aria-label": t().unread(news) }, String(news));
    badge.hidden = !news;
    return h(
      "button",
      { type: "button", class: `app ${app} ${chat.apps[app]}`, "data-app": app, "aria-pressed": String(app === open), onclick: () => onPick(app) },
      h("span", { class: "dot", "aria-hidden": "true" }),
      t().channels[app],
      badge,
    );
  });
  return h("div", { class: "apps", role: "group", "aria-label": t().apps, "data-unread": unread.join() }, buttons);
}

/** What stands below the messages where nobody can write. */
export function closed(chat, app) {
  const state = chat.apps[app];
  if (app !== "push") {
    const start = () => ask(`/demo/chats/${encodeURIComponent(chat.number)}/bots/${app}/start`, {});
    return h(
      "div",
      { class: "closed" },
      h("p", {}, t().no_bot(t().channels[app])),
      h("button", { type: "button", class: "button strong small", "data-deed": "start", onclick: start }, t().start_bot),
    );
  }
  return h("p", { class: "closed" }, t().push_states[state]);
}

/** The way out of a bot, where there is one; coming back is "Open the clinic's bot". */
export function leave(chat, app) {
  if (!["max", "telegram"].includes(app) || chat.apps[app] !== "on") return null;
  const stop = () => ask(`/demo/chats/${encodeURIComponent(chat.number)}/bots/${app}/stop`, {});
  return h("button", { type: "button", class: "quiet leave", "data-deed": "stop", title: t().stop_bot, "aria-label": t().stop_bot, onclick: stop }, icon("mute"));
}

export const canWrite = (chat, app) => app !== "push" && chat.apps[app] === "on";
