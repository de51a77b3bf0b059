// The people one can be: the list, a new one.

import * as api from "./api.js";
import { avatar, byId, clock, el, icon } from "./dom.js";
import { attempt } from "./notices.js";
import { kindName, state } from "./state.js";

const LANGUAGES = [
  ["en", "English"],
  ["zh-hant", "繁體中文"],
  ["zh-hans", "简体中文"],
  ["de", "Deutsch"],
  ["ja", "日本語"],
  ["", "not told"],
];
const panel = byId("people");
const sheet = byId("sheet");
let onPick = () => {};

function lastLine(person) {
  if (person.blocked) return "has blocked the bot";
  if (!person.last) return person.started ? "" : "new here";
  const who = person.last.from_bot ? "" : "You: ";
  return who + (person.last.text || kindName(person.last.media));
}

function row(person) {
  return el(
    "li",
    {},
    el(
      "button",
      {
        class: "person",
        type: "button",
        "data-person": person.id,
        "aria-current": person.id === state.me?.id ? "true" : null,
        onclick: () => {
          panel.classList.remove("open");
          onPick(person.id);
        },
      },
      avatar(person),
      el(
        "span",
        { class: "person-text" },
        el(
          "span",
          { class: "person-top" },
          el("span", { class: "person-name" }, person.name),
          el("span", { class: "person-time" }, person.last ? clock(person.last.date) : ""),
        ),
        el(
          "span",
          { class: "person-line" },
          el("span", { class: "person-last" }, lastLine(person)),
          el("span", { class: "tag", title: "Language" }, person.language_code || "–"),
        ),
      ),
    ),
  );
}

let soon = 0;

/** Draw the people again in a moment; many calls make one. */
export function refreshSoon() {
  clearTimeout(soon);
  soon = setTimeout(refreshPeople, 250);
}

/** Fetch the people and draw them, unless nothing changed. */
let drawn = "";
export async function refreshPeople() {
  const found = await attempt(api.people);
  if (!found) return;
  state.people = found.users;
  state.groups = found.groups;
  byId("group-open").setAttribute("aria-pressed", String(Boolean(state.group)));
  state.bot = found.bot;
  const me = found.users.find((person) => person.id === state.me?.id);
  if (me) state.me = me;
  const key = JSON.stringify([found.users, state.me?.id]);
  if (key === drawn) return;
  drawn = key;
  const focused = document.activeElement?.dataset?.person;
  byId("people-list").replaceChildren(...found.users.map(row));
  if (focused) byId("people-list").querySelector(`[data-person="${focused}"]`)?.focus();
}

function askNew() {
  const language = el(
    "select",
    { name: "language" },
    ...LANGUAGES.map(([code, name]) => el("option", { value: code }, code ? `${name} (${code})` : name)),
  );
  const form = el(
    "form",
    { method: "dialog" },
    el("label", {}, "Name", el("input", { name: "name", required: true, maxlength: "60" })),
    el("label", {}, "Telegram's language", language),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", onclick: () => sheet.close() }, "Cancel"),
      el("button", { class: "primary", type: "submit" }, "Create"),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    const [first, ...rest] = fields.get("name").trim().split(/\s+/);
    const wish = { first_name: first || "User", last_name: rest.join(" "), language_code: fields.get("language") };
    const person = await attempt(() => api.putPerson(wish));
    sheet.close();
    panel.classList.remove("open");
    if (person) onPick(person.id);
  });
  sheet.replaceChildren(el("h3", { id: "sheet-title" }, "New person"), form);
  sheet.showModal();
}

/** Connect the elements; called once. */
export function setUpPeople(pick, toggleGroup) {
  onPick = pick;
  byId("people-open").append(icon("people"));
  byId("people-close").append(icon("close"));
  byId("person-new").addEventListener("click", askNew);
  byId("group-open").addEventListener("click", () => {
    panel.classList.remove("open");
    toggleGroup();
  });
  const open = () => panel.classList.add("open");
  byId("people-open").addEventListener("click", open);
  byId("me").addEventListener("click", open);
  byId("people-close").addEventListener("click", () => panel.classList.remove("open"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") panel.classList.remove("open");
  });
}
