// Files: chosen, dropped or pasted; as what they are sent; their upload.

import * as api from "./api.js";
import { byId, el, fileSize, icon } from "./dom.js";
import { attempt } from "./notices.js";
import { endContext } from "./composer.js";
import { chatId, state } from "./state.js";

const KINDS = [
  ["document", "File"],
  ["photo", "Photo"],
  ["video", "Video"],
  ["audio", "Music"],
  ["voice", "Voice"],
  ["video_note", "Round video"],
  ["animation", "GIF"],
  ["sticker", "Sticker"],
  ["live_photo", "Live photo"],
];
const NAMELESS = new Set(["photo", "voice", "video_note", "sticker", "live_photo"]);
const sheet = byId("sheet");

/** As what Telegram's own clients would send it by themselves. */
function likely(files) {
  const all = (prefix) => files.every((file) => file.type.startsWith(prefix));
  if (files.every((file) => file.type === "image/gif")) return "animation";
  if (all("image/") && files.every((file) => !file.type.includes("svg"))) return "photo";
  return "document";
}

function kindChoice(selected) {
  return el(
    "fieldset",
    { class: "kinds" },
    el("legend", {}, "Send as"),
    ...KINDS.map(([kind, name]) =>
      el("label", {}, el("input", { type: "radio", name: "kind", value: kind, checked: kind === selected }), name),
    ),
  );
}

function fileList(files) {
  return el(
    "ul",
    { class: "picked" },
    ...files.map((file) =>
      el(
        "li",
        {},
        el("span", { class: "file-icon" }, icon("file")),
        el("span", {}, el("span", { class: "file-name" }, file.name), el("span", { class: "file-size" }, fileSize(file.size) || "0 B")),
      ),
    ),
  );
}

/** Ask how to send the files. */
export function offer(files) {
  if (!files.length || byId("composer").hidden) return;
  const title = files.length === 1 ? "Send a file" : `Send ${files.length} files`;
  const caption = el("input", { name: "caption", placeholder: "Caption", "aria-label": "Caption", maxlength: "1024" });
  const album = el("label", { class: "check" }, el("input", { type: "checkbox", name: "album", checked: true }), "Together, as an album");
  const progress = el("progress", { max: "1", value: "0", hidden: true, "aria-label": "Upload" });
  const send = el("button", { class: "primary", type: "submit" }, "Send");
  const form = el(
    "form",
    { method: "dialog" },
    fileList(files),
    kindChoice(likely(files)),
    el("label", {}, caption),
    files.length > 1 && files.length <= 10 ? album : null,
    progress,
    el("div", { class: "actions" }, el("button", { type: "button", onclick: () => sheet.close() }, "Cancel"), send),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    progress.hidden = false;
    const choice = new FormData(form);
    const done = await attempt(() => transfer(files, choice, (part) => (progress.value = part)));
    send.disabled = false;
    progress.hidden = true;
    if (done) sheet.close();
  });
  sheet.replaceChildren(el("h3", { id: "sheet-title" }, title), form);
  sheet.showModal();
  caption.focus();
}

async function transfer(files, choice, onPart) {
  const kind = choice.get("kind");
  const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
  const wishes = [];
  let before = 0;
  for (const file of files) {
    const blob = await api.upload(file, (bytes) => onPart((before + bytes) / total));
    before += file.size;
    const name = NAMELESS.has(kind) ? "" : file.name;
    wishes.push({ kind, blob, name, mime: kind === "sticker" ? "" : file.type });
  }
  wishes[0].caption = choice.get("caption") || "";
  wishes[0].reply_to = state.replyTo || 0;
  if (wishes.length > 1 && choice.get("album")) await api.sendAlbum(chatId(), wishes);
  else for (const wish of wishes) await api.send(chatId(), wish);
  endContext();
  return true;
}

/** Connect button, drag and drop, and paste; called once. */
export function setUpAttach() {
  const input = byId("file-input");
  byId("attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    offer([...input.files]);
    input.value = "";
  });
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event, step) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = Math.max(0, depth + step);
    byId("drop").hidden = depth === 0 || byId("composer").hidden;
  };
  document.addEventListener("dragenter", (event) => over(event, 1));
  document.addEventListener("dragleave", (event) => over(event, -1));
  document.addEventListener("dragover", (event) => over(event, 0));
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    over(event, -depth);
    offer([...event.dataTransfer.files]);
  });
  byId("text").addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) {
      event.preventDefault();
      offer(files);
    }
  });
}
