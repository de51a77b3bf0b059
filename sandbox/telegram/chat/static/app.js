// The page as a whole: who one is, which chat is open, what each event changes.

import * as api from "./api.js";
import { setUpAttach } from "./attach.js";
import { loadCommands, setUpComposer, showFooter, endContext } from "./composer.js";
import * as conversation from "./conversation.js";
import { avatar, byId, el, icon } from "./dom.js";
import { attempt, menu } from "./notices.js";
import { refreshPeople, refreshSoon, setUpPeople } from "./people.js";
import { chatId, state } from "./state.js";

const REFRESH = 4000; // the list of people; the open chat is followed live
const ACTION_SHOWN = 5000; // "the status is set for 5 seconds or less"
const ACTIONS = {
  typing: "typing…",
  upload_document: "sending a file…",
  upload_photo: "sending a photo…",
  upload_video: "sending a video…",
  upload_voice: "sending a voice message…",
};
let unfollow = () => {};
let actionTimer = 0;
let online = true;

function status(text, busy = false) {
  byId("bot-status").textContent = text;
  byId("bot-status").classList.toggle("busy", busy);
}

function idle() {
  clearTimeout(actionTimer);
  const here = state.group ? `${state.group.members} people and the bot` : "bot";
  status(online ? here : "waiting for the sandbox…", !online);
}

function drawHead() {
  const name = state.group?.title ?? state.bot.first_name;
  byId("bot-avatar").replaceChildren([...name][0]);
  byId("bot-avatar").dataset.hue = state.group ? 3 : 0;
  byId("bot-name").textContent = name;
  byId("me").replaceChildren(avatar(state.me), el("span", {}, state.me.name));
  byId("me").setAttribute("aria-label", `You are ${state.me.name}. Choose who you are`);
  document.title = `${name} · ${state.me.name}`;
}

function drawIntro() {
  const shown = state.messages.size === 0;
  byId("intro").hidden = !shown;
  byId("messages").hidden = shown;
  if (!shown) return;
  const meant = `Everybody reads along. The bot answers whoever writes @${state.bot.username}.`;
  const hint = state.group ? meant : state.description || (state.me.started ? "No messages here yet." : "Press START to begin, as you would in Telegram.");
  byId("intro").replaceChildren(el("h2", {}, "What can this bot do?"), el("p", {}, hint));
}

function took(event) {
  switch (event.type) {
    case "snapshot":
      state.keyboard = event.keyboard;
      state.description = event.description;
      if (event.user) Object.assign(state.me, event.user);
      byId("messages").hidden = false; // what is hidden cannot be scrolled to its end
      conversation.reset(event.messages);
      break;
    case "message":
      if ("keyboard" in event) state.keyboard = event.keyboard;
      if (event.from_bot) idle();
      else if (!state.group) state.me.started = true;
      byId("messages").hidden = false;
      conversation.added(event);
      break;
    case "edit":
      conversation.changed(event);
      break;
    case "delete":
      conversation.removed(event.message_id);
      break;
    case "answer":
      conversation.answered(event);
      return;
    case "action":
      clearTimeout(actionTimer);
      if (event.action === "cancel") return idle();
      status(ACTIONS[event.action] || "busy…", true);
      actionTimer = setTimeout(idle, ACTION_SHOWN);
      return;
    case "commands":
      loadCommands();
      return;
    case "user":
      Object.assign(state.me, event.user);
      break;
    default:
      return;
  }
  drawIntro();
  showFooter();
  refreshSoon();
}

/** Become somebody; in a group one stays in it. */
async function become(id) {
  const unknown = !state.people.some((person) => person.id === id);
  if (unknown) await refreshPeople();
  state.me = state.people.find((person) => person.id === id) ?? state.people[0];
  localStorage.setItem("sandbox-person", String(state.me.id));
  unfollow();
  endContext();
  state.tapping.clear();
  await refreshPeople();
  drawHead();
  conversation.reset([]);
  idle();
  unfollow = api.follow(chatId(), took, (connected) => {
    online = connected;
    idle();
  });
  await loadCommands();
  if (matchMedia("(hover: hover)").matches && !byId("composer").hidden) byId("text").focus();
}

/** Open the group of all the people there are by now, or leave it. */
async function toggleGroup() {
  const members = state.people.map((person) => person.id);
  const open = () => state.groups[0] ?? attempt(() => api.makeGroup("Everybody", members));
  state.group = state.group ? null : await open();
  await become(state.me.id);
}

function chatMenu(event) {
  const { me } = state;
  const flip = () => attempt(() => api.setBlocked(me.id, !me.blocked));
  const toControl = () => window.open("/sandbox/control", "_blank", "noopener");
  const toDrive = () => window.open("/drive", "_blank", "noopener");
  const block = { icon: "block", label: me.blocked ? "Unblock the bot" : "Block the bot", danger: !me.blocked, action: flip };
  menu(event.currentTarget, [
    { icon: "link", label: "Control panel", action: toControl },
    { icon: "link", label: "Google Drive", action: toDrive },
    ...(state.group ? [] : [block]), // that is between the bot and one person
  ]);
}

async function begin() {
  byId("chat-menu").append(icon("more"));
  byId("to-bottom").append(icon("down"));
  byId("chat-menu").addEventListener("click", chatMenu);
  setUpPeople(become, toggleGroup);
  setUpComposer();
  setUpAttach();
  void attempt(async () => {
    byId("departments-link").hidden = byId("sheets-link").hidden = !(await api.servesDepartments());
  });
  void attempt(async () => (byId("desktop-link").hidden = !(await api.hasDesktop())));
  state.startCode = new URLSearchParams(location.search).get("start");
  await refreshPeople();
  await become(Number(localStorage.getItem("sandbox-person")) || state.people[0].id);
  setInterval(() => document.visibilityState === "visible" && refreshPeople(), REFRESH);
}

begin();
