// The sandbox's HTTP API, /sandbox/chat.

import { state } from "./state.js";

const BASE = "/sandbox/chat";

async function call(verb, path, body) {
  const options = { method: verb };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await fetch(BASE + path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

/** Whether departments are served beside the bot. */
export async function servesDepartments() {
  const answer = await fetch("/sandbox/control/departments");
  return answer.ok && Boolean((await answer.json()).url);
}

/** Whether a desktop page is run beside it. */
export async function hasDesktop() {
  const answer = await fetch("/sandbox/control/desktop");
  return answer.ok && (await answer.json()).on !== null;
}

export const people = () => call("GET", "/users");
export const putPerson = (fields) => call("POST", "/users", fields);
export const setBlocked = (id, on) => call("POST", `/users/${id}/${on ? "block" : "unblock"}`, {});
export const makeGroup = (title, members) => call("POST", "/groups", { title, members });
// Who does it: in a group the chat does not say.
const mine = (wish) => ({ user_id: state.me.id, ...wish });
export const send = (chat, wish) => call("POST", `/chats/${chat}/messages`, mine(wish));
export const sendAlbum = (chat, items) => call("POST", `/chats/${chat}/albums`, mine({ items }));
export const edit = (chat, id, text) => call("PATCH", `/chats/${chat}/messages/${id}`, { text });
export const remove = (chat, id) => call("DELETE", `/chats/${chat}/messages/${id}`);
export const tap = (chat, place) => call("POST", `/chats/${chat}/taps`, mine(place));
export const commands = async (chat) =>
  (await call("GET", `/chats/${chat}/commands?user_id=${state.me.id}`)).commands;
export const fileUrl = (id) => `${BASE}/files/${encodeURIComponent(id)}`;

/** Follow a chat; returns what ends it. */
export function follow(chat, onEvent, onState) {
  const source = new EventSource(`${BASE}/chats/${chat}/events`);
  source.onmessage = (message) => onEvent(JSON.parse(message.data));
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  return () => source.close();
}

/** Upload a file's bytes; XMLHttpRequest because fetch tells no progress. */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${BASE}/blobs`);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onerror = () => reject(new Error("The upload failed"));
    request.onload = () => {
      if (request.status !== 200) reject(new Error(`The upload failed (${request.status})`));
      else resolve(JSON.parse(request.responseText).blob);
    };
    request.send(file);
  });
}
