// What the page does beyond forms and links: files that are dropped anywhere, and links that copy.
// Without it every file is added all the same, by the form.
"use strict";

const form = document.querySelector("#up");

if (form) {
  const input = form.querySelector("#pdf");
  const drop = form.querySelector(".drop");
  const shown = form.querySelector("#pdf-t");
  const note = form.querySelector("#pdf-n");
  const [asked, limits] = [shown.textContent, note.textContent];

  const show = () => {
    const names = [...input.files].map((file) => file.name);
    shown.textContent = names.length ? names.join(" · ") : asked;
    note.textContent = names.length ? note.dataset.chosen : limits;
  };
  input.addEventListener("change", show);
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));

  // A file that misses the zone would take the page's place.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    if (event.target === input) return;
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    show();
  });

  let isAdding = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isAdding) return; // pressed twice, it is still meant once
    isAdding = true;
    const body = new FormData(form);
    try {
      const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
      if (answer.type !== "opaqueredirect") return instead(await answer.text());
      input.value = "";
      show();
    } catch {
      away(true); // and what was chosen stays chosen
    } finally {
      isAdding = false;
      quiet();
      look();
    }
  });

  // A button of one file leaves the page where it is, and what was chosen above.
  document.addEventListener("submit", async (event) => {
    const pressed = event.target;
    if (!pressed.closest("[data-live=files]")) return;
    event.preventDefault();
    try {
      const body = new URLSearchParams();
      await fetch(pressed.action, { method: "POST", body, redirect: "manual" });
      document.querySelector("main").focus({ preventScroll: true }); // the button may go
    } catch {
      away(true);
    } finally {
      quiet();
      look();
    }
  });
}

// Why nothing was added, in the place of the page: asked for again, it would be forgotten.
function instead(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
  document.querySelector("main").focus();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-link]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.link);
  const word = button.firstChild;
  const before = word.data;
  word.data = said.textContent = page.dataset.copied;
  setTimeout(() => {
    word.data = before;
    if (said.textContent === page.dataset.copied) said.textContent = "";
  }, 2000);
});
