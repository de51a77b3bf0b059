// The list of messages: what is added, edited, deleted; where it is scrolled to.

import * as api from "./api.js";
import { bubble } from "./bubbles.js";
import { byId, copyText, day, el } from "./dom.js";
import { alertBox, attempt, menu, toast } from "./notices.js";
import { chatId, nameOf, state } from "./state.js";
import { startEdit, startReply, write } from "./composer.js";

const TAP_TIMEOUT = 30_000; // a real client stops spinning after a while, too
const queries = new Map(); // query id -> name of the button

const scroller = byId("scroller");
const list = byId("messages");

const GLIDE = 600; // milliseconds a smooth scroll may take
let gliding = 0; // until when one to the bottom is under way

const atBottom = () =>
  performance.now() < gliding || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 90;

export function toBottom(behavior = "auto") {
  gliding = behavior === "smooth" ? performance.now() + GLIDE : 0;
  scroller.scrollTo({ top: scroller.scrollHeight, behavior });
}

function jump(id) {
  const target = list.querySelector(`[data-id="${id}"]`);
  target?.scrollIntoView({ block: "center", behavior: "smooth" });
  target?.classList.add("flash");
  setTimeout(() => target?.classList.remove("flash"), 1300);
}

async function tap(place) {
  const name = `${place.message_id}:${place.row}:${place.column}`;
  if (state.tapping.has(name)) return;
  state.tapping.add(name);
  redraw(place.message_id);
  const answer = await attempt(() => api.tap(chatId(), place));
  if (!answer?.query_id) return settle(name);
  queries.set(answer.query_id, name);
  setTimeout(() => settle(name), TAP_TIMEOUT);
}

function settle(name) {
  if (!state.tapping.delete(name)) return;
  redraw(Number(name.split(":")[0]));
}

/** The bot answered a tap. */
export function answered({ query_id: id, text, show_alert: asAlert, url }) {
  // The answer may overtake the response that names the query: wait for it a moment.
  setTimeout(() => settle(queries.get(id) ?? ""), queries.has(id) ? 0 : 150);
  if (text) (asAlert ? alertBox : toast)(text);
  if (url) window.open(url, "_blank", "noopener");
}

function showMenu(anchor, message, fromBot) {
  const text = message.text || message.caption;
  const items = [{ icon: "reply", label: "Reply", action: () => startReply(message) }];
  if (text) {
    const copy = () => copyText(text).then(() => toast("Copied"));
    items.push({ icon: "copy", label: "Copy text", action: copy });
  }
  if (text && !fromBot) items.push({ icon: "edit", label: "Edit", action: () => startEdit(message) });
  const remove = () => attempt(() => api.remove(chatId(), message.message_id));
  items.push({ icon: "remove", label: "Delete", danger: true, action: remove });
  menu(anchor, items);
}

const actions = { onTap: tap, onCommand: write, onMenu: showMenu, onJump: jump };

function redraw(id) {
  const old = list.querySelector(`[data-id="${id}"]`);
  const item = state.messages.get(id);
  if (!old || !item) return;
  const fresh = bubble(item, actions);
  if (old.classList.contains("follows")) fresh.classList.add("follows");
  const focused = old.contains(document.activeElement) ? document.activeElement.textContent : null;
  old.replaceWith(fresh);
  if (focused) [...fresh.querySelectorAll(".key")].find((k) => k.textContent === focused)?.focus();
}

function append(item, previous) {
  const { message } = item;
  const label = day(message.date);
  const newDay = !previous || day(previous.message.date) !== label;
  if (newDay) list.append(el("li", { class: "day" }, label));
  const shown = bubble(item, actions);
  if (!newDay && nameOf(previous.message) === nameOf(message)) shown.classList.add("follows");
  list.append(shown);
  return shown;
}

/** Show a chat from its beginning. */
export function reset(items) {
  list.replaceChildren();
  state.messages = new Map(items.map((item) => [item.message.message_id, item]));
  items.forEach((item, i) => append(item, items[i - 1]));
  toBottom();
}

/** A new message. */
export function added(item) {
  const stick = atBottom() || !item.from_bot;
  const previous = [...state.messages.values()].at(-1);
  state.messages.set(item.message.message_id, item);
  append(item, previous).classList.add("new");
  // As in Telegram, a question opens the field for its answer.
  if (item.keyboard?.force_reply) startReply(item.message);
  if (stick) toBottom("smooth");
}

/** An edited message. */
export function changed(item) {
  const stick = atBottom();
  state.messages.set(item.message.message_id, item);
  redraw(item.message.message_id);
  if (stick) toBottom();
}

/** A deleted message. */
export function removed(id) {
  state.messages.delete(id);
  list.querySelector(`[data-id="${id}"]`)?.remove();
}

let stays = true; // at the bottom, whatever becomes of the window
scroller.addEventListener("scroll", () => {
  byId("to-bottom").hidden = stays = atBottom();
});
new ResizeObserver(() => stays && toBottom()).observe(scroller);
byId("to-bottom").addEventListener("click", () => toBottom("smooth"));
// Pictures grow when they arrive: stay where one was.
list.addEventListener("load", () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 500 && toBottom(), true);
