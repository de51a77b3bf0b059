"use strict";
// The panel speaks the same HTTP API as the tests, and shows what is there every second.

const API = "/sandbox/control";
const SHOWN_CALLS = 60;
const $ = (id) => document.getElementById(id);

const KINDS = {
  status: "answers with an error",
  oauth_error: "answers with an OAuth error",
  html: "answers with a web page",
  drop: "hangs up without an answer",
  hang: "never answers",
  latency: "answers late",
  cut_body: "hangs up during the upload",
  cut_response: "hangs up during the download",
  altered: "answers with something else in it",
  after: "does it, but the answer is lost",
  odd: "does it, but the answer is odd",
};

const OPERATIONS = [
  "google.*", "google.token.refresh", "google.token.exchange", "google.token.device",
  "google.device_code", "google.revoke", "google.drive.about", "google.drive.files.create",
  "google.drive.files.get", "google.drive.files.list", "google.drive.files.update",
  "google.drive.files.delete", "google.drive.files.generateIds", "google.upload.start",
  "google.upload.chunk", "google.upload.status", "telegram.*",
  "telegram.getUpdates", "telegram.sendMessage", "telegram.editMessageText", "telegram.getFile",
  "telegram.getMe", "telegram.setMyCommands", "telegram.setMyDescription",
  "telegram.download", ...SHEET_OPERATIONS,
];

const PRESETS = [
  ["Upload: 503 three times", "google.upload.chunk", { kind: "status", status: 503, count: 3 }],
  ["Upload: cut after 300 KB", "google.upload.chunk", { kind: "cut_body", after_bytes: 300000 }],
  ["Upload: the answer is lost", "google.upload.chunk", { kind: "after" }],
  ["Upload: storage full", "google.upload.*", { kind: "status", reason: "storageQuotaExceeded" }],
  ["Upload: folder full", "google.upload.start", { kind: "status", reason: "numChildrenInNonRootLimitExceeded" }],
  ["Drive: limit of the day", "google.drive.*", { kind: "status", reason: "dailyLimitExceeded" }],
  ["Drive: sharing forbidden", "google.drive.permissions.create", { kind: "status", reason: "publishOutNotPermitted" }],
  ["Drive: too many requests", "google.drive.*", { kind: "status", status: 429, retry_after: 3, count: 3 }],
  ["Refresh: 503 three times", "google.token.refresh", { kind: "status", status: 503, count: 3 }],
  ["Refresh: invalid_client", "google.token.refresh", { kind: "oauth_error", error: "invalid_client", count: 3 }],
  ["Refresh: deleted_client", "google.token.refresh", { kind: "oauth_error", error: "deleted_client", count: 3 }],
  ["Refresh: unauthorized_client", "google.token.refresh", { kind: "oauth_error", error: "unauthorized_client" }],
  ["Refresh: invalid_grant", "google.token.refresh", { kind: "oauth_error", error: "invalid_grant" }],
  ["Refresh: access denied", "google.token.refresh", { kind: "oauth_error", error: "access_denied", error_description: "Account restricted" }],
  ["Refresh: organisation forbids", "google.token.refresh", { kind: "oauth_error", error: "admin_policy_enforced" }],
  ["Refresh: another organisation's app", "google.token.refresh", { kind: "oauth_error", error: "org_internal" }],
  ["Refresh: a device's answer", "google.token.refresh", { kind: "oauth_error", error: "authorization_pending" }],
  ["Refresh: no longer for Drive", "google.token.refresh", { kind: "odd", set: { scope: "openid" } }],
  ["Refresh: life as text", "google.token.refresh", { kind: "odd", set: { expires_in: "3599" } }],
  ["Refresh: no life told", "google.token.refresh", { kind: "odd", drop: ["expires_in", "scope", "token_type"] }],
  ["Refresh: {} with 200", "google.token.refresh", { kind: "status", status: 200, body: {} }],
  ["Refresh: a strange error", "google.token.refresh", { kind: "status", status: 400, body: { error: { message: [] } } }],
  ["Exchange: Google is silent", "google.token.exchange", { kind: "hang" }],
  ["Exchange: organisation forbids", "google.token.exchange", { kind: "oauth_error", error: "admin_policy_enforced" }],
  ["Device: no code to show", "google.device_code", { kind: "odd", drop: ["user_code"] }],
  ["Device: the RFC's names", "google.device_code", { kind: "odd", drop: ["verification_url", "interval"], set: { verification_uri: "https://www.google.com/device" } }],
  ["Poll: organisation forbids", "google.token.device", { kind: "oauth_error", error: "policy_enforced" }],
  ["Poll: {} with 200", "google.token.device", { kind: "status", status: 200, body: {} }],
  ["Revoke: a page with 200", "google.revoke", { kind: "html" }],
  ["Google: silent", "google.*", { kind: "hang", count: 3 }],
  ["Google: 3 s late", "google.*", { kind: "latency", seconds: 3, count: 20 }],
  ["Telegram: flood limit", "telegram.sendMessage", { kind: "status", status: 429, retry_after: 5 }],
  ["Telegram: download cut", "telegram.download", { kind: "cut_response", after_bytes: 500000 }],
  ["Telegram: edits refused", "telegram.edit*", { kind: "status", status: 400, reason: "Bad Request: MESSAGE_ID_INVALID", count: 10 }],
  ["Telegram: topic closed", "telegram.sendMessage", { kind: "status", status: 400, reason: "Bad Request: TOPIC_CLOSED" }],
  ["Telegram: no menu for an hour", "telegram.setMy*", { kind: "status", status: 429, retry_after: 3600, count: 10 }],
  ["Telegram: older server", "telegram.*My*", { kind: "status", status: 404, reason: "Not Found: method not found", count: 20 }],
  ["Telegram: odd JSON", "telegram.sendMessage", { kind: "status", status: 200, body: { ok: true, result: { message_id: "x" } } }],
  ["Telegram: refusal without a word", "telegram.sendMessage", { kind: "status", status: 400, body: { ok: false, parameters: [] } }],
  ["Download: a short page", "telegram.download", { kind: "html", body: "<html>Please sign in</html>" }],
  ["Download: a page as long", "telegram.download", { kind: "altered", body: "<html>Please sign in</html>", padded: true, content_type: "text/html" }],
  ["Download: a page without a length", "telegram.download", { kind: "altered", body: "<html>Please sign in</html>", content_type: "application/octet-stream", chunked: true }],
  ["Download: an error with 200", "telegram.download", { kind: "status", status: 200, body: { ok: false, error_code: 404, description: "Not Found" } }],
  ["Download: nothing (204)", "telegram.download", { kind: "altered", status: 204, body: "" }],
  ["Download: led elsewhere (302)", "telegram.download", { kind: "altered", status: 302, body: "", headers: { Location: "/login" } }],
  ["Download: a part unasked", "telegram.download", { kind: "altered", status: 206, after_bytes: 100 }],
  ["Download: a part of another file", "telegram.download", { kind: "altered", status: 206, headers: { "Content-Range": "bytes 0-99/100" } }],
  ["Download: several parts", "telegram.download", { kind: "altered", status: 206, content_type: "multipart/byteranges; boundary=x" }],
  ["Download: compressed", "telegram.download", { kind: "altered", gzip: true }],
  ["Download: ends early, politely", "telegram.download", { kind: "altered", after_bytes: 1000, chunked: true }],
  ["Drive's bytes: another part", "google.drive.files.get", { kind: "altered", skip: 1, headers: { "Content-Range": "bytes 1-2/3" } }],
  ["Telegram: 502", "telegram.getUpdates", { kind: "status", status: 502, count: 3 }],
  ["Telegram: an answer refused in passing", "telegram.sendMessage", { kind: "status", status: 502 }],
  ["Telegram: an update without a number", "telegram.getUpdates", { kind: "status", status: 200, body: { ok: true, result: [{ update_id: -1 }] }, count: 10 }],
  ...SHEET_PRESETS,
];

async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(API + path, options);
  if (!response.ok) {
    let text = response.statusText;
    try { text = (await response.json()).error || text; } catch { /* not JSON: the status will do */ }
    throw new Error(text);
  }
  return response.json();
}

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function button(text, action) {
  const element = make("button", text, "plain");
  element.type = "button";
  element.addEventListener("click", () => act(action));
  return element;
}

async function act(action) {
  try {
    await action();
    $("status").textContent = "";
  } catch (error) {
    $("status").textContent = error.message;
  }
  await refresh();
}

function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 1024 && step < units.length - 1) { bytes /= 1024; step += 1; }
  return `${step ? bytes.toFixed(1) : bytes} ${units[step]}`;
}

function describe(fault) {
  const parts = [];
  for (const name of ["status", "error", "reason", "seconds", "after_bytes", "retry_after", "chunked", "padded", "gzip", "owner"]) {
    if (fault[name] !== undefined && fault[name] !== null) parts.push(`${name} ${fault[name]}`);
  }
  parts.push(...(fault.drop || []).map((path) => `without ${path}`));
  for (const [path, value] of Object.entries({ ...fault.set, ...fault.headers })) {
    parts.push(`${path}: ${JSON.stringify(value).slice(0, 30)}`);
  }
  if (fault.skip) parts.push(`after ${fault.skip} more`);
  parts.push(fault.remaining === null ? "until taken back" : `${fault.remaining} left`);
  parts.push(`struck ${fault.hits}`);
  return parts.join(" · ");
}

function showFaults(faults, rates) {
  const items = faults.filter((fault) => fault.remaining !== 0).map((fault) => {
    const item = make("li");
    const text = make("span", `${fault.target} ${KINDS[fault.kind]}`);
    text.append(make("small", describe(fault)));
    item.append(text, button("Remove", () => call("DELETE", `/faults/${fault.id}`)));
    return item;
  });
  for (const rate of rates) {
    const item = make("li");
    item.append(
      make("span", `${rate.target} at ${size(rate.bytes_per_second)} a second`),
      button("Remove", () => call("POST", "/rate", { target: rate.target, bytes_per_second: 0 })),
    );
    items.push(item);
  }
  if (!items.length) {
    const item = make("li");
    item.append(make("span", "Everything works as it should.", "calm"));
    items.push(item);
  }
  $("fault-list").replaceChildren(...items);
}

function showAccounts(state) {
  const items = state.accounts.map((account) => {
    const grant = state.grants[account.email];
    const item = make("li");
    const who = make("div", undefined, "who");
    who.append(make("b", account.name), make("small", account.email));
    who.append(grant ? make("small", "connected", "connected") : make("small", "not connected"));
    const count = (state.files[account.email] || []).length;
    const what = `${count} ${count === 1 ? "file or folder" : "files and folders"}`;
    item.append(who, make("small", `${what} · ${size(account.used)} of ${size(account.limit)}`));
    const row = make("div", undefined, "row");
    const google = (action, more) => () => call("POST", `/google/${action}`, { account: account.email, ...more });
    if (grant) {
      row.append(button("Revoke access", google("revoke")));
      row.append(button("Expire tokens", google("expire_access_tokens")));
      row.append(button("Forget uploads", google("forget_sessions")));
    }
    const full = account.used >= account.limit;
    row.append(button(full ? "Make room" : "Fill storage", google("set_quota", { used: full ? 0 : account.limit })));
    const links = account.link_sharing;
    row.append(button(links ? "Forbid links" : "Allow links", google("link_sharing", { on: !links })));
    const open = make("a", "Open Drive");
    open.href = `/drive?account=${encodeURIComponent(account.email)}`;
    row.append(open);
    item.append(row);
    return item;
  });
  $("accounts").replaceChildren(...items);
  $("testing").checked = state.testing_mode;
  $("rotate").checked = state.rotate_refresh_tokens;
  const client = Object.values(state.clients)[0];
  if (document.activeElement !== $("client")) $("client").value = client;
}

function showCalls(calls) {
  const rows = calls.slice(-SHOWN_CALLS).reverse().map((entry) => {
    const row = make("tr");
    const bad = entry.status === 0 || entry.status >= 400;
    row.append(
      make("td", new Date(entry.at * 1000).toLocaleTimeString()),
      make("td", entry.operation),
      make("td", entry.status === 0 ? "none" : String(entry.status), bad ? "bad" : ""),
      make("td", entry.seconds.toFixed(3), "num"),
      make("td", entry.owner || ""),
    );
    return row;
  });
  $("calls").replaceChildren(...rows);
}

let google = true;
let shownAccounts = "";

async function refresh() {
  try {
    const [faults, rates, calls, departments, desktop] = await Promise.all(
      ["/faults", "/rate", "/calls", "/departments", "/desktop"].map((path) => call("GET", path)),
    );
    showDepartments(departments);
    showDesktop(desktop);
    showFaults(faults.faults, rates.rates);
    showCalls(calls.calls);
    if (google) {
      const response = await fetch(`${API}/google/state`);
      google = response.ok;
      if (google) {
        const text = await response.text();
        // Rebuilding a list under somebody's finger loses the tap: only when it has changed.
        if (text !== shownAccounts) {
          showAccounts(JSON.parse(text));
          showSheets(JSON.parse(text));
        }
        shownAccounts = text;
      }
      $("google").hidden = !google;
      $("drive-link").hidden = !google;
    }
  } catch {
    $("status").textContent = "The sandbox does not answer. Is it running?";
    return;
  }
  if ($("status").textContent.startsWith("The sandbox")) $("status").textContent = "";
}

function showFields() {
  for (const label of document.querySelectorAll("#custom [data-for]")) {
    label.hidden = !label.dataset.for.split(" ").includes($("kind").value);
  }
}

function start() {
  for (const [kind, text] of Object.entries(KINDS)) {
    const option = make("option", text);
    option.value = kind;
    $("kind").append(option);
  }
  for (const name of OPERATIONS) {
    const option = make("option");
    option.value = name;
    $("operations").append(option);
  }
  for (const [text, target, options] of PRESETS) {
    const element = button(text, () => call("POST", "/faults", { target, ...options }));
    const times = options.count > 1 ? ` × ${options.count}` : "";
    element.append(make("small", target + times));
    $("presets").append(element);
  }
  $("kind").addEventListener("change", showFields);
  showFields();
  startOdd();
  $("clear").addEventListener("click", () => act(async () => {
    await call("DELETE", "/faults");
    for (const rate of (await call("GET", "/rate")).rates) {
      await call("POST", "/rate", { target: rate.target, bytes_per_second: 0 });
    }
  }));
  $("custom").addEventListener("submit", (event) => {
    event.preventDefault();
    const body = {};
    for (const field of event.target.elements) {
      const label = field.closest("label");
      if (!field.name || !label || label.hidden || field.value === "") continue;
      body[field.name] = field.type === "number" ? Number(field.value) : field.value;
    }
    act(() => call("POST", "/faults", body));
  });
  $("speed").addEventListener("change", (event) => act(async () => {
    for (const target of ["google.upload.*", "telegram.download"]) {
      await call("POST", "/rate", { target, bytes_per_second: Number(event.target.value) });
    }
  }));
  for (const element of document.querySelectorAll("[data-act]")) {
    element.addEventListener("click", () => act(() => call("POST", `/google/${element.dataset.act}`, {})));
  }
  $("testing").addEventListener("change", (event) =>
    act(() => call("POST", "/google/testing_mode", { on: event.target.checked })));
  $("rotate").addEventListener("change", (event) =>
    act(() => call("POST", "/google/rotate_refresh_tokens", { on: event.target.checked })));
  $("client").addEventListener("change", (event) =>
    act(() => call("POST", "/google/client", { state: event.target.value })));
  $("week").addEventListener("click", () =>
    act(() => call("POST", "/google/advance_clock", { seconds: 7 * 86400 })));
  startDepartments();
  startDesktop();
  startSheets();
  refresh();
  setInterval(refresh, 1000);
}

start();
