"use strict";
// "Odd JSON": one field of one answer lacks, or is something else. Shown by the panel, panel.js.

// Of each answer, what the bot reads of it. "*": the whole of it.
const ODD_FIELDS = {
  "google.drive.about": ["user", "user.emailAddress", "user.permissionId", "storageQuota", "storageQuota.limit", "storageQuota.usage"],
  "google.drive.files.generateIds": ["ids", "ids.*"],
  "google.drive.files.get": ["id", "name", "size", "md5Checksum", "webViewLink", "trashed", "parents", "mimeType", "createdTime", "description", "driveId"],
  "google.drive.files.list": ["files", "files.*.id", "files.*.name", "files.*.size", "files.*.parents", "nextPageToken"],
  "google.drive.files.create": ["id", "name", "parents", "webViewLink"],
  "google.drive.files.update": ["id", "name", "trashed", "webViewLink"],
  "google.drive.permissions.list": ["permissions", "permissions.*.id", "permissions.*.type"],
  "google.upload.chunk": ["id", "name", "size", "md5Checksum", "webViewLink", "trashed", "header Range"],
  "google.upload.start": ["header Location"],
  "google.token.refresh": ["access_token", "expires_in", "refresh_token", "scope", "token_type"],
  "google.token.exchange": ["access_token", "expires_in", "refresh_token", "scope", "token_type"],
  "google.token.device": ["access_token", "expires_in", "refresh_token", "scope", "token_type"],
  "google.device_code": ["device_code", "user_code", "verification_url", "expires_in", "interval"],
  "telegram.getMe": ["result", "result.id", "result.username"],
  "telegram.getFile": ["result", "result.file_path", "result.file_size"],
  "telegram.sendMessage": ["result", "result.message_id", "result.chat"],
};
const ODD_WAYS = {
  missing: () => undefined,
  null: () => null,
  "of another type": () => ({ odd: [true] }),
  empty: () => "",
  absurd: () => "9".repeat(5000),
};

// The rule that makes a field odd; without a value it lacks.
function oddRule(target, field, value) {
  if (field === "*") {
    const body = value === undefined ? "{}" : JSON.stringify(value);
    return { target, kind: "status", status: 200, body };
  }
  if (field.startsWith("header ")) {
    return { target, kind: "odd", headers: { [field.slice(7)]: value === undefined ? null : String(value) } };
  }
  return { target, kind: "odd", ...(value === undefined ? { drop: [field] } : { set: { [field]: value } }) };
}

function offer(select, values) {
  select.replaceChildren(...values.map((value) => make("option", value)));
}

function startOdd() {
  const fields = () => offer($("odd-field"), [...ODD_FIELDS[$("odd-target").value], "*"]);
  offer($("odd-target"), Object.keys(ODD_FIELDS));
  offer($("odd-how"), Object.keys(ODD_WAYS));
  fields();
  $("odd-target").addEventListener("change", fields);
  $("odd").addEventListener("submit", (event) => {
    event.preventDefault();
    const value = ODD_WAYS[$("odd-how").value]();
    act(() => call("POST", "/faults", oddRule($("odd-target").value, $("odd-field").value, value)));
  });
}
