// Text with entities, as elements. Offsets count UTF-16 code units, as JavaScript's strings do.

import { copyText, el } from "./dom.js";
import { toast } from "./notices.js";

const TAGS = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};

async function copied(event) {
  await copyText(event.currentTarget.textContent);
  toast("Copied");
}

function onKey(action) {
  return (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      action(event);
    }
  };
}

function link(url, text) {
  const safe = /^(https?|tg|mailto):/i.test(url) ? url : `http://${url}`;
  return el("a", { href: safe, target: "_blank", rel: "noopener noreferrer", title: safe }, text);
}

function wrap(entity, children, plain, onCommand) {
  const tag = TAGS[entity.type];
  if (tag) return el(tag, {}, ...children);
  switch (entity.type) {
    case "code":
    case "pre":
      return el(
        entity.type,
        { role: "button", tabindex: "0", title: "Copy", onclick: copied, onkeydown: onKey(copied) },
        ...children,
      );
    case "text_link":
      return link(entity.url, plain);
    case "url":
      return link(plain, plain);
    case "email":
      return link(`mailto:${plain}`, plain);
    case "bot_command":
      return el("button", { class: "command", type: "button", onclick: () => onCommand(plain) }, plain);
    case "spoiler": {
      const show = (event) => event.currentTarget.classList.add("shown");
      const attributes = { class: "spoiler", role: "button", tabindex: "0", title: "Show" };
      return el("span", { ...attributes, onclick: show, onkeydown: onKey(show) }, ...children);
    }
    case "mention":
    case "hashtag":
    case "text_mention":
      return el("span", { class: "command" }, ...children);
    default:
      return el("span", {}, ...children);
  }
}

/** Turn text[from, to) into nodes; `entities` is sorted, outer ones first. */
function build(text, entities, from, to, onCommand) {
  const nodes = [];
  let at = from;
  let i = 0;
  while (i < entities.length) {
    const entity = entities[i];
    const end = Math.min(entity.offset + entity.length, to);
    let j = i + 1;
    while (j < entities.length && entities[j].offset < end) j += 1;
    if (entity.offset >= at) {
      if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
      const inside = build(text, entities.slice(i + 1, j), entity.offset, end, onCommand);
      nodes.push(wrap(entity, inside, text.slice(entity.offset, end), onCommand));
      at = end;
    }
    i = j;
  }
  if (at < to) nodes.push(text.slice(at, to));
  return nodes;
}

/** A paragraph that shows a text with its entities. */
export function richText(text, entities, onCommand) {
  const nodes = build(text, entities || [], 0, text.length, onCommand);
  return el("div", { class: "text", dir: "auto" }, ...nodes);
}
