// What the page does beyond forms and links: files that are dropped anywhere, and links that copy.
// Without it every file is added all the same, by the form.
"use strict";

// The page is at a path that nobody else on this machine knows: who types the short address is led
// there, by what only this port's pages can read. So is who goes back to the way in that was used.
if (page.dataset.at) localStorage.setItem("at", page.dataset.at);
else if (!document.querySelector("form") && ["/", "/enter"].includes(location.pathname) && localStorage.getItem("at")) {
  location.replace(`${localStorage.getItem("at")}/`);
}

const form = document.querySelector("#up");

if (form) {
  const input = form.querySelector("#pdf");
  const drop = form.querySelector(".drop");
  const shown = form.querySelector("#pdf-t");
  const note = form.querySelector("#pdf-n");
  const [asked, limits] = [shown.textContent, note.textContent];
  const unread = document.querySelector("[data-unread]");
  const clear = form.querySelector("[data-clear]");
  let chosen = [...input.files];
  let isAdding = false;

  // As they will be called: marks in a name that turn writing round would turn all that follow.
  const namesOf = (files) => files.map((file) => file.name.replace(/\p{Bidi_Control}/gu, "")).join(" · ");
  const show = () => {
    const isAny = chosen.length > 0;
    shown.textContent = isAny ? namesOf(chosen) : asked;
    note.textContent = !isAny ? limits : isAdding ? note.dataset.storing : note.dataset.chosen;
    clear.hidden = !isAny || isAdding;
  };
  const choose = (files) => {
    chosen = files;
    const kept = new DataTransfer();
    for (const file of files) kept.items.add(file);
    input.files = kept.files;
    show();
  };
  const isSame = (one, other) =>
    ["name", "size", "lastModified"].every((what) => one[what] === other[what]);
  const choosesMore = (files) => {
    unread.hidden = true;
    choose([...chosen, ...[...files].filter((one) => !chosen.some((other) => isSame(one, other)))]);
  };
  input.addEventListener("change", () => choosesMore(input.files));
  clear.addEventListener("click", () => {
    choose([]);
    input.focus();
  });
  show();

  // What was moved or changed since it was chosen, or is a folder, would break off all the others.
  const leaveOutUnreadable = async () => {
    const files = chosen;
    const read = await Promise.allSettled(files.map((file) => file.slice(0, 1).arrayBuffer()));
    const gone = files.filter((_, at) => read[at].status === "rejected");
    if (!gone.length) return false;
    choose(chosen.filter((file) => !gone.includes(file)));
    unread.querySelector("[data-names]").textContent = namesOf(gone);
    unread.hidden = false;
    return true;
  };

  // Another language, or another page: the browser asks before it forgets what was chosen.
  addEventListener("beforeunload", (event) => {
    if (chosen.length) event.preventDefault();
  });

  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));

  // A file that misses the zone would take the page's place.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    if (event.target === input) return;
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    choosesMore(event.dataTransfer.files);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isAdding) return; // pressed twice, it is still meant once
    isAdding = true;
    unread.hidden = true;
    show();
    try {
      await leaveOutUnreadable();
      const sent = chosen;
      if (!sent.length) return;
      const body = new FormData(form);
      const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
      if (answer.type !== "opaqueredirect") {
        instead(await answer.text());
        return choose([]);
      }
      choose(chosen.filter((file) => !sent.includes(file))); // more may have been dropped
    } catch {
      if (!(await leaveOutUnreadable())) away(true); // and what was chosen stays chosen
    } finally {
      isAdding = false;
      show();
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
      const answer = await fetch(pressed.action, { method: "POST", body, redirect: "manual" });
      if (answer.type !== "opaqueredirect") return instead(await answer.text());
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
  tell(page.dataset.copied);
  if (before === page.dataset.copied) return; // pressed twice: it says so already
  word.data = page.dataset.copied;
  setTimeout(() => {
    word.data = before;
    if (said.textContent === page.dataset.copied) said.textContent = "";
  }, 2000);
});
