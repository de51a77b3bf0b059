"use strict";
// Departments and the desktop page beside the sandbox.

function showDepartments(state) {
  $("departments").hidden = !state.url;
  $("departments-link").hidden = !state.url;
  $("database").textContent = state.database_away ? "Bring the database back" : "Take the database away";
  $("database").dataset.away = state.database_away ? "" : "true";
  $("sleep").textContent = state.asleep ? "Wake the cloud" : "Let the cloud sleep";
  $("sleep").dataset.asleep = state.asleep ? "" : "true";
}

function startDepartments() {
  $("sweep").addEventListener("click", () => act(async () => {
    $("swept").textContent = "Google is asked for every department…";
    try {
      const found = await call("POST", "/departments/sweep", {});
      const failed = found.transient + found.operator;
      $("swept").textContent = `${found.refreshed} refreshed · ${found.quarantined} lost · ${found.held} on hold · ${failed} failed`;
    } catch (error) {
      $("swept").textContent = "";
      throw error;
    }
  }));
  $("database").addEventListener("click", () => act(() =>
    call("POST", "/departments/database", { away: Boolean($("database").dataset.away) })));
  $("sleep").addEventListener("click", () => act(() =>
    call("POST", "/departments/sleep", { asleep: Boolean($("sleep").dataset.asleep) })));
}

function showDesktop(state) {
  const is = state.on !== null;
  $("desktop").hidden = !is;
  $("desktop-link").hidden = !is;
  if (!is) return;
  const where = state.address ? `Runs at ${state.address}` : "Starting";
  $("desktop-state").textContent = `${state.on ? where : "Switched off"} · ${state.paired ? "paired" : "not paired yet"}`;
  $("switch").textContent = state.on ? "Switch the computer off" : "Switch the computer on";
  $("switch").dataset.on = state.on ? "" : "true";
  $("pair").hidden = !state.on;
}

function startDesktop() {
  $("switch").addEventListener("click", () => act(() =>
    call("POST", "/desktop/switch", { on: Boolean($("switch").dataset.on) })));
  $("pair").addEventListener("click", () => act(async () => {
    $("paired").textContent = "An administrator asks for a code…";
    try {
      const { code } = await call("POST", "/desktop/pair", {});
      $("paired").textContent = `Paired by ${code}, which is spent.`;
    } catch (error) {
      $("paired").textContent = "";
      throw error;
    }
  }));
}
