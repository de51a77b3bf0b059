// What the page knows. One object; parts of the page read it and app.js changes it.

export const state = {
  bot: null,
  people: [],
  groups: [],
  me: null, // the person one is
  group: null, // the group that is open, in the place of one's private chat
  messages: new Map(), // id -> {message, from_bot}
  keyboard: null,
  commands: [],
  description: "", // of the bot, shown before START
  startCode: null, // of a deep link, until START is pressed
  replyTo: null,
  editing: null,
  tapping: new Set(), // "message:row:column" of buttons that spin
};

/** The chat that is open. */
export const chatId = () => state.group?.id ?? state.me.id;

/** The name a sender goes by. */
export function nameOf(message) {
  if (message.sender_chat) return message.sender_chat.title;
  const { first_name: first, last_name: last } = message.from;
  return last ? `${first} ${last}` : first;
}

/** Whether the person one is has written it: in a group others write, too. */
export const isMine = ({ message, from_bot: fromBot }) =>
  !fromBot && (!state.group || (message.from.id === state.me.id && !message.sender_chat));

const KINDS = {
  photo: "Photo",
  video: "Video",
  animation: "GIF",
  audio: "Audio",
  voice: "Voice message",
  video_note: "Video message",
  sticker: "Sticker",
  document: "File",
  contact: "Contact",
  location: "Location",
  poll: "Poll",
  dice: "Dice",
};

/** A message in one line. */
export function summary(message) {
  const text = message.text || message.caption;
  if (text) return text;
  const kind = Object.keys(KINDS).find((name) => name in message);
  return message.document?.file_name || KINDS[kind] || "Message";
}

export const kindName = (kind) => KINDS[kind] || kind;
