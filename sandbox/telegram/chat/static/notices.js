// Toasts, alerts and menus.

import { byId, el, icon } from "./dom.js";

/** A short notice that goes by itself. */
export function toast(text) {
  const shown = el("div", { class: "toast" }, text);
  byId("toasts").append(shown);
  setTimeout(() => shown.remove(), Math.max(2600, text.length * 60));
}

/** A notice that has to be confirmed (show_alert). */
export function alertBox(text) {
  byId("alert-text").textContent = text;
  const dialog = byId("alert");
  if (!dialog.open) dialog.showModal();
}

/** Run something; say so if it fails. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    toast(error.message);
    return undefined;
  }
}

let openMenu = null;

export function closeMenu() {
  openMenu?.remove();
  openMenu = null;
}

/** A menu beside its button. items: [{icon, label, action, danger}] */
export function menu(anchor, items) {
  closeMenu();
  const choose = (action) => () => {
    closeMenu();
    anchor.focus();
    action();
  };
  openMenu = el(
    "div",
    { class: "menu", role: "menu" },
    ...items.map((item) =>
      el(
        "button",
        { type: "button", role: "menuitem", class: item.danger && "danger", onclick: choose(item.action) },
        icon(item.icon),
        item.label,
      ),
    ),
  );
  document.body.append(openMenu);
  const place = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = openMenu;
  const left = Math.min(Math.max(8, place.right - width), window.innerWidth - width - 8);
  const below = place.bottom + 6 + height < window.innerHeight;
  openMenu.style.left = `${left}px`;
  openMenu.style.top = `${below ? place.bottom + 6 : Math.max(8, place.top - height - 6)}px`;
  openMenu.querySelector("button")?.focus();
}

document.addEventListener("pointerdown", (event) => {
  if (openMenu && !openMenu.contains(event.target)) closeMenu();
});

document.addEventListener("keydown", (event) => {
  if (!openMenu) return;
  const buttons = [...openMenu.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  if (event.key === "Escape") closeMenu();
  else if (event.key === "ArrowDown") buttons[(at + 1) % buttons.length].focus();
  else if (event.key === "ArrowUp") buttons[(at - 1 + buttons.length) % buttons.length].focus();
  else return;
  event.preventDefault();
});
