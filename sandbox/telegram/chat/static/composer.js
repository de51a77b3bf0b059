// Writing: the text field, replies, edits, commands, the reply keyboard, START.

import * as api from "./api.js";
import { byId, el, icon } from "./dom.js";
import { attempt } from "./notices.js";
import { chatId, nameOf, state, summary } from "./state.js";

const field = byId("text");
const popup = byId("commands");
const menuButton = byId("menu-button");
let chosen = -1;

function fit() {
  field.style.height = "auto";
  // While it is hidden it has no height of its own: the stylesheet's is right then.
  if (field.scrollHeight) field.style.height = `${field.scrollHeight}px`;
}

/** Send a text as the person one is. */
export function write(text) {
  return attempt(() => api.send(chatId(), { text }));
}

function showContext(title, text) {
  const done = el("button", { class: "icon-button", type: "button", "aria-label": "Cancel" }, icon("close"));
  done.addEventListener("click", endContext);
  byId("context").replaceChildren(el("div", {}, el("b", {}, title), el("span", {}, text)), done);
  byId("context").hidden = false;
  field.focus();
}

export function endContext() {
  if (state.editing) field.value = "";
  state.replyTo = state.editing = null;
  byId("context").hidden = true;
  fit();
}

export function startReply(message) {
  endContext();
  state.replyTo = message.message_id;
  showContext(`Reply to ${nameOf(message)}`, summary(message));
}

export function startEdit(message) {
  endContext();
  state.editing = message.message_id;
  field.value = message.text || message.caption;
  showContext("Edit message", summary(message));
  fit();
}

async function submit() {
  const text = field.value.trim();
  if (!text) return;
  const { editing, replyTo } = state;
  field.value = "";
  state.editing = null;
  endContext();
  hideCommands();
  const sent = await attempt(() =>
    editing ? api.edit(chatId(), editing, text) : api.send(chatId(), { text, reply_to: replyTo || 0 }),
  );
  if (!sent && !field.value) field.value = text; // nothing that was typed gets lost
  fit();
}

// -- commands ---------------------------------------------------------------------------------

function hideCommands() {
  popup.hidden = true;
  chosen = -1;
  menuButton.setAttribute("aria-expanded", "false");
}

function listCommands(prefix) {
  const fitting = state.commands.filter(({ command }) => command.startsWith(prefix));
  if (!fitting.length) return hideCommands();
  const pick = ({ command }) => () => {
    const { replyTo } = state;
    field.value = "";
    endContext();
    hideCommands();
    // In a group there may be other bots: Telegram's clients say which one is meant.
    const whose = state.group ? `@${state.bot.username}` : "";
    attempt(() => api.send(chatId(), { text: `/${command}${whose}`, reply_to: replyTo || 0 }));
  };
  popup.replaceChildren(
    ...fitting.map((item) =>
      el(
        "button",
        { class: "command-row", type: "button", role: "option", "aria-selected": "false", onclick: pick(item) },
        el("b", {}, `/${item.command}`),
        el("span", {}, item.description),
      ),
    ),
  );
  popup.hidden = false;
  chosen = -1;
}

function move(step) {
  const rows = [...popup.children];
  chosen = (chosen + step + rows.length) % rows.length;
  rows.forEach((row, i) => {
    row.classList.toggle("chosen", i === chosen);
    row.setAttribute("aria-selected", String(i === chosen));
  });
  rows[chosen].scrollIntoView({ block: "nearest" });
}

/** The bot's commands have changed. */
export async function loadCommands() {
  state.commands = (await attempt(() => api.commands(chatId()))) ?? [];
  menuButton.hidden = !state.commands.length;
  if (!popup.hidden) listCommands(/^\/(\w*)$/.exec(field.value)?.[1] ?? "");
}

// -- what stands in the place of the text field -------------------------------------------------

/** START, RESTART, or the text field; and the reply keyboard. */
export function showFooter() {
  const { me } = state;
  const fresh = !state.group && (!me.started || state.startCode !== null || me.blocked);
  byId("composer").hidden = fresh;
  byId("start").hidden = !fresh;
  byId("start").textContent = me.blocked ? "UNBLOCK AND RESTART" : "START";
  const rows = fresh ? [] : state.keyboard?.keyboard || [];
  byId("reply-keyboard").replaceChildren(
    ...rows.map((buttons) =>
      el(
        "div",
        {},
        ...buttons.map(({ text }) => el("button", { type: "button", onclick: () => write(text) }, text)),
      ),
    ),
  );
  byId("reply-keyboard").hidden = !rows.length;
}

async function start() {
  await attempt(async () => {
    if (state.me.blocked) await api.setBlocked(state.me.id, false);
    const code = state.startCode;
    state.startCode = null;
    history.replaceState(null, "", "/");
    await api.send(chatId(), { text: code ? `/start ${code}` : "/start" });
  });
}

/** Connect the elements; called once. */
export function setUpComposer() {
  byId("attach").append(icon("attach"));
  byId("send").append(icon("send"));
  menuButton.prepend(icon("people"));
  byId("start").addEventListener("click", start);
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  menuButton.addEventListener("click", () => {
    if (!popup.hidden) return hideCommands();
    listCommands("");
    menuButton.setAttribute("aria-expanded", "true");
    popup.firstElementChild?.focus();
  });
  field.addEventListener("input", () => {
    fit();
    const typed = /^\/(\w*)$/.exec(field.value);
    if (typed) listCommands(typed[1]);
    else hideCommands();
  });
  field.addEventListener("keydown", (event) => {
    const open = !popup.hidden;
    if (event.isComposing) return; // an input method has the key
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (open && event.key === "Tab") {
      move(1);
    } else if (event.key === "Escape") {
      if (open) hideCommands();
      else endContext();
    } else if (event.key === "Enter" && !event.shiftKey) {
      if (open && chosen >= 0) popup.children[chosen].click();
      else submit();
    } else return;
    event.preventDefault();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!byId("footer").contains(event.target)) hideCommands();
  });
}
