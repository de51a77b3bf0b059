"use strict";
// Spreadsheets on the panel: what their planners do, and what goes wrong. Shown by panel.js.

const SHEET_OPERATIONS = ["google.token.service_account", "google.sheets.get", "google.sheets.values.get"];

const SHEET_PRESETS = [
  ["Sheets: too many reads", "google.sheets.*", { kind: "status", status: 429, count: 5 }],
  ["Sheets: wait a minute", "google.sheets.*", { kind: "status", status: 429, retry_after: 60 }],
  ["Sheets: not shared", "google.sheets.*", { kind: "status", status: 403, count: 3 }],
  ["Sheets: API not enabled", "google.sheets.*", { kind: "status", reason: "SERVICE_DISABLED", count: 3 }],
  ["Sheets: 503", "google.sheets.*", { kind: "status", status: 503, count: 3 }],
  ["Sheets: silent", "google.sheets.*", { kind: "hang" }],
  ["Sheets: a page with 200", "google.sheets.*", { kind: "html" }],
  ["Sheets: half an answer", "google.sheets.*", { kind: "cut_response", after_bytes: 2000 }],
  ["Sheets: without tabs", "google.sheets.get", { kind: "odd", drop: ["sheets"] }],
  ["Service account: refused", "google.token.service_account", { kind: "oauth_error", error: "invalid_grant" }],
];

function showSheets(state) {
  const [address] = Object.keys(state.service_accounts);
  const items = Object.entries(state.sheets).map(([id, sheet]) => {
    const item = make("li");
    const who = make("div", undefined, "who");
    const open = make("a", sheet.title);
    open.href = `/spreadsheets/d/${id}/edit`;
    const shared = sheet.shared.length > 0;
    who.append(open, make("small", shared ? "shared" : "not shared", shared ? "connected" : ""));
    item.append(who, make("small", `read ${sheet.reads} ${sheet.reads === 1 ? "time" : "times"}`));
    const row = make("div", undefined, "row");
    const does = (action, more) => () => call("POST", `/google/${action}`, { sheet: id, ...more });
    const tab = sheet.tabs[0];
    if (tab) {
      row.append(button("Clear the first tab", does("sheet_clear", { tab: tab.gid })));
      row.append(button("#REF! in it", does("sheet_cell", { tab: tab.gid, cell: "E6", text: "#REF!" })));
    }
    const whom = sheet.shared[0] || address;
    if (whom) row.append(button(shared ? "Share no longer" : "Share again", does("sheet_share", { address: whom, on: !shared })));
    item.append(row);
    return item;
  });
  $("sheets").hidden = !items.length;
  $("sheets-link").hidden = !items.length;
  $("sheet-list").replaceChildren(...items);
  $("as-before").hidden = !address;
  $("as-before").dataset.address = address || "";
}

function startSheets() {
  $("change-shift").addEventListener("click", () => act(async () => {
    const done = await call("POST", "/google/sheet_change", {});
    $("changed").textContent = `${done.tab} ${done.cell}: ${done.person}, ${done.before} → ${done.after}`;
  }));
  $("as-before").addEventListener("click", () => act(async () => {
    await call("POST", "/google/sheet_samples", { address: $("as-before").dataset.address });
    $("changed").textContent = "";
  }));
}
