"use strict";
// A cell is chosen by a click and written without leaving the page, and what others write shows.

const typing = document.getElementById("typing");
const grid = document.getElementById("grid");
const done = document.getElementById("done");
const LOOKS_EVERY = 2000;
let writing = false;

function choose(link) {
  grid.querySelector(".chosen")?.classList.remove("chosen");
  link.parentElement.classList.add("chosen");
  typing.elements.cell.value = link.dataset.cell;
  typing.elements.text.value = link.dataset.text;
  typing.elements.text.focus();
  typing.elements.text.select();
}

function show(html) {
  const found = new DOMParser().parseFromString(html, "text/html").getElementById("grid");
  if (!found) return;
  const cell = typing.elements.cell.value;
  found.querySelector(".chosen")?.classList.remove("chosen");
  found.querySelector(`[data-cell="${CSS.escape(cell)}"]`)?.parentElement.classList.add("chosen");
  // Rebuilding it under somebody's finger loses the tap: only when it has changed.
  if (found.innerHTML !== grid.innerHTML) grid.replaceChildren(...found.childNodes);
}

async function look() {
  if (writing || document.hidden) return;
  try {
    const response = await fetch(location.href);
    if (response.ok && !writing) show(await response.text());
  } catch { /* the sandbox restarts: the next look finds it */ }
}

grid.addEventListener("click", (event) => {
  const link = event.target.closest("a") || event.target.querySelector("a");
  if (!link || !grid.contains(link)) return;
  event.preventDefault();
  choose(link);
});

typing.addEventListener("submit", async (event) => {
  event.preventDefault();
  writing = true;
  const cell = typing.elements.cell.value.toUpperCase();
  try {
    const body = new URLSearchParams(new FormData(typing));
    const response = await fetch(location.href, { method: "POST", body });
    if (response.ok) show(await response.text());
    done.textContent = response.ok ? `${cell} is written.` : "There is no such cell.";
  } catch {
    done.textContent = "The sandbox does not answer. Is it running?";
  }
  writing = false;
});

setInterval(look, LOOKS_EVERY);
