// What the pages do beyond forms and links: buttons that copy, countdowns, and figures that stay
// fresh. Without it every page still works; times are then those of the service's usual zone.
"use strict";

const page = document.body;
const said = document.querySelector("#said");
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const YEAR_SECONDS = 365 * 24 * 3600;
const BETWEEN_WORDS = 10_000; // ms: a listener is told of changes no oftener
const NOTICED = 200; // ms: so long until a browser has told of a change
const PATIENCE = 10_000; // ms

// Said aloud, some at once where they come fast.

const waiting = new Map(); // of each part its newest: what it said before is true no more
let lastSaid = -BETWEEN_WORDS;
let turn = null;
let isReading = false;

// It stands there at once for whoever goes to it, and is read out when its turn comes.
function say(text, of) {
  waiting.set(of, text);
  if (isReading) return; // and this with it
  const line = () => [...waiting.values()].join(" · ");
  tell(line(), "off");
  turn ??= setTimeout(() => {
    turn = null;
    isReading = true;
    tell(""); // what stays as it is would not be read out
    setTimeout(() => {
      tell(line());
      waiting.clear();
      isReading = false;
      lastSaid = performance.now();
    }, NOTICED);
  }, Math.max(0, lastSaid + BETWEEN_WORDS - performance.now()));
}

function tell(text, live = "polite") {
  said.setAttribute("aria-live", live);
  said.textContent = text;
}

// Copying

function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const box of all("[data-copyable]", root)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = page.dataset.copy;
    box.append(button);
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copyable] > button");
  if (!button) return;
  await navigator.clipboard.writeText(button.previousElementSibling.textContent);
  button.textContent = page.dataset.copied;
  tell(page.dataset.copied);
  setTimeout(() => {
    button.textContent = page.dataset.copy;
    if (said.textContent === page.dataset.copied) said.textContent = "";
  }, 2000);
});

// A button that was pressed shows that it is at work. It can be pressed again: that does no harm.

const busy = { after: 300, said: 3000, counted: 10_000 }; // ms
let ticking = [];

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button) return;
  quiet();
  const began = performance.now();
  const said = document.createElement("p");
  said.className = "sub working";
  said.setAttribute("role", "status");
  (button.closest(".press") ?? button).after(said);
  const seconds = () => Math.floor((performance.now() - began) / 1000);
  ticking = [
    setTimeout(() => {
      const sign = document.querySelector("#working").content.cloneNode(true);
      if (!button.querySelector(".sign")) button.prepend(sign);
    }, busy.after),
    setTimeout(() => (said.textContent = page.dataset.working), busy.said),
    setTimeout(() => {
      const shown = document.createElement("span"); // seen, and not read out each second
      shown.setAttribute("aria-hidden", "true");
      said.append(" ", shown);
      ticking.push(setInterval(() => (shown.textContent = `${seconds()} s`), 1000));
    }, busy.counted),
  ];
});

function quiet() {
  ticking.forEach(clearTimeout); // intervals as well
  for (const one of all(".btn > .sign.busy, .working")) one.remove();
}

// Whoever goes back finds the page as it was.
addEventListener("pageshow", quiet);

// Countdowns: nothing is said aloud while they run.

const ends = new WeakMap();

function countDown() {
  for (const shown of all("[data-count]")) {
    if (!ends.has(shown)) ends.set(shown, performance.now() + shown.dataset.count * 1000);
    const seconds = Math.max(0, Math.round((ends.get(shown) - performance.now()) / 1000));
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (shown.textContent === clock) continue;
    shown.textContent = clock;
    shown.closest(".pair").querySelector(".fill").setAttribute("width", seconds);
    if (seconds === 0) look();
  }
}

// Figures: each part marked data-live takes the content of the part of the same name in a fragment
// that the server renders. What somebody is at stays as it is until they have left it.

function isInUse(part) {
  const selection = getSelection();
  return (
    (document.activeElement !== page && part.contains(document.activeElement)) ||
    part.querySelector("details[open]") !== null ||
    (!selection.isCollapsed && part.contains(selection.anchorNode))
  );
}

function renew(part, fresh) {
  if (part.isEqualNode(fresh) || isInUse(part)) return;
  const isNews = part.dataset.state !== fresh.dataset.state;
  for (const name of part.getAttributeNames()) part.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) part.setAttribute(name, fresh.getAttribute(name));
  part.replaceChildren(...fresh.cloneNode(true).childNodes);
  if (isNews && fresh.dataset.said) say(fresh.dataset.said, fresh.dataset.live);
}

// Focus is the reader's: it is given once, when the page comes.
function withoutAutofocus(root) {
  for (const one of all("[autofocus]", root)) one.removeAttribute("autofocus");
}

// What is true only where this runs.
function showScripted(root) {
  for (const one of all("[data-scripted]", root)) one.removeAttribute("hidden");
}

// That nobody answers, where a page has words for it.
function away(isAway) {
  page.classList.toggle("away", isAway);
  for (const one of all("[data-away]")) one.hidden = !isAway;
}

let isLooking = false;

async function look() {
  const from = document.querySelector("main").dataset.liveFrom;
  if (!from || isLooking) return;
  isLooking = true;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(from, { redirect: "manual", cache: "no-store", signal });
    away(false);
    // Signed out, or the database is away: the page itself is to say so, and shows nobody's things.
    if (answer.type === "opaqueredirect" || [403, 503].includes(answer.status)) {
      return location.reload();
    }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    withoutAutofocus(fresh);
    addCopyButtons(fresh);
    showScripted(fresh);
    for (const part of all("[data-live]").reverse()) { // what is inside another comes first
      const its = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (its) renew(part, its);
    }
  } catch {
    away(true); // else the page says of when its figures are
  } finally {
    isLooking = false;
    lookLater();
  }
}

let next;

function lookLater() {
  clearTimeout(next);
  const seconds = document.querySelector("[data-every]")?.dataset.every;
  if (seconds) next = setTimeout(() => (document.hidden ? lookLater() : look()), seconds * 1000);
}

// Where the database was away: the page comes back by itself.

async function tryAgain() {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(location.href, { redirect: "manual", cache: "no-store", signal });
    if (answer.status < 500) location.reload();
  } catch {
    // Not yet.
  }
}

// Times are written by the server, in the zone that the browser says.

function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || zone === page.dataset.zone) return false;
  document.cookie = `drivekeeper-zone=${zone}; Path=/; Max-Age=${YEAR_SECONDS}; Secure; SameSite=Lax`;
  return true;
}

// The browser gives focus with the first rendering, which may come after this.
requestAnimationFrame(() => requestAnimationFrame(() => withoutAutofocus(document)));
addCopyButtons(document);
showScripted(document);
setInterval(countDown, 1000);
const again = document.querySelector("[data-again]");
if (again) setInterval(tryAgain, again.dataset.again * 1000);
if (tellZone()) look();
else lookLater();
