// One message as an element: bubble, media, keyboard.

import { fileUrl } from "./api.js";
import { clock, el, fileSize, icon } from "./dom.js";
import { richText } from "./entities.js";
import { isMine, nameOf, state, summary } from "./state.js";

function fileRow(file, name, note) {
  return el(
    "a",
    { class: "file", href: fileUrl(file.file_id), download: name, title: `Download ${name}` },
    el("span", { class: "file-icon" }, icon("file")),
    el("span", {}, el("span", { class: "file-name" }, name), el("span", { class: "file-size" }, note)),
  );
}

/** A picture; what the browser cannot show becomes a file. */
function picture(kind, file, name) {
  const source = fileUrl(file.file_id);
  const fallback = (event) => {
    event.target.replaceWith(fileRow(file, name, fileSize(file.file_size)));
  };
  if (kind === "photo") {
    const size = file.width && file.height ? { width: file.width, height: file.height } : {};
    const shown = el("img", { class: "picture", src: source, alt: name, ...size, onerror: fallback });
    shown.style.height = "auto";
    return el("a", { class: "picture-link picture", href: source, target: "_blank", rel: "noopener" }, shown);
  }
  const round = kind === "video_note" ? "picture round" : "picture";
  const moving = kind === "animation" ? { autoplay: true, loop: true } : { controls: true };
  const attributes = { class: round, src: source, preload: "metadata", playsinline: true, muted: true };
  return el("video", { ...attributes, ...moving, "aria-label": name, onerror: fallback });
}

function media(message) {
  const size = (file) => fileSize(file.file_size);
  if (message.photo) return picture("photo", message.photo.at(-1), "Photo");
  for (const kind of ["video", "animation", "video_note"]) {
    const file = message[kind];
    if (file) return picture(kind, file, file.file_name || kind.replace("_", " "));
  }
  for (const kind of ["audio", "voice"]) {
    const file = message[kind];
    if (!file) continue;
    const name = file.title || file.file_name || (kind === "voice" ? "Voice message" : "Audio");
    const player = el("audio", { controls: true, preload: "none", src: fileUrl(file.file_id), "aria-label": name });
    return el("div", { class: "sound" }, kind === "voice" ? null : fileRow(file, name, size(file)), player);
  }
  if (message.sticker) return el("span", { class: "sticker", "aria-label": "Sticker" }, message.sticker.emoji || "👍");
  if (message.document) {
    return fileRow(message.document, message.document.file_name || "File", size(message.document));
  }
  return other(message);
}

function card(iconName, title, note) {
  return el(
    "span",
    { class: "file" },
    el("span", { class: "file-icon" }, icon(iconName)),
    el("span", {}, el("span", { class: "file-name" }, title), el("span", { class: "file-size" }, note)),
  );
}

function other(message) {
  if (message.contact) return card("person", message.contact.first_name, message.contact.phone_number);
  if (message.location) {
    return card("pin", "Location", `${message.location.latitude}, ${message.location.longitude}`);
  }
  if (message.dice) return el("span", { class: "sticker" }, message.dice.emoji);
  if (message.poll) return card("check", message.poll.question || "Poll", "Poll");
  return null;
}

function key(button, place, onTap) {
  const name = `${place.message_id}:${place.row}:${place.column}`;
  if (button.url) {
    const url = /^(https?|tg):/i.test(button.url) ? button.url : "#";
    return el(
      "a",
      { class: "key", href: url, target: "_blank", rel: "noopener", title: url },
      button.text,
      icon("link", "corner"),
    );
  }
  const busy = state.tapping.has(name);
  return el(
    "button",
    { class: "key", type: "button", "aria-busy": busy ? "true" : null, onclick: () => onTap(place) },
    button.text,
    busy ? el("span", { class: "spinner" }) : null,
  );
}

function keyboard(message, onTap) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows) return null;
  const make = (button, row, column) => key(button, { message_id: message.message_id, row, column }, onTap);
  return el(
    "div",
    { class: "keyboard", role: "group", "aria-label": "Buttons" },
    ...rows.map((buttons, row) =>
      el("div", { class: "keyboard-row" }, ...buttons.map((button, column) => make(button, row, column))),
    ),
  );
}

function quoted(message, onJump) {
  const reply = message.reply_to_message;
  if (!reply) return null;
  return el(
    "button",
    { class: "reply", type: "button", onclick: () => onJump(reply.message_id) },
    el("b", {}, nameOf(reply)),
    el("span", {}, summary(reply)),
  );
}

/** Make the element of a message. actions: onTap, onCommand, onMenu, onJump */
export function bubble(item, actions) {
  const { message, from_bot: fromBot } = item;
  const text = message.text || message.caption;
  // Telegram's clients do not mark what a bot has edited.
  const edited = message.edit_date && !fromBot ? el("span", {}, "edited") : null;
  const bare = message.sticker || message.dice ? "bare" : "";
  const more = el(
    "button",
    {
      class: "message-menu icon-button",
      type: "button",
      "aria-label": "Message actions",
      "aria-haspopup": "menu",
      onclick: (event) => actions.onMenu(event.currentTarget, message, fromBot),
    },
    icon("more"),
  );
  return el(
    "li",
    { class: `message ${fromBot ? "from-bot" : ""} ${isMine(item) ? "own" : ""}`, "data-id": message.message_id },
    el(
      "div",
      { class: `bubble ${bare}` },
      state.group ? el("b", { class: "sender" }, nameOf(message)) : null,
      message.forward_sender_name ? el("span", { class: "forward" }, `Forwarded from ${message.forward_sender_name}`) : null,
      quoted(message, actions.onJump),
      media(message),
      text ? richText(text, message.entities || message.caption_entities, actions.onCommand) : null,
      el("span", { class: "meta" }, edited, el("time", {}, clock(message.date))),
    ),
    keyboard(message, actions.onTap),
    more,
  );
}
