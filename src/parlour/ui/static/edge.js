// What stands above the messages: the way to older ones, or that there are none; the twin of `_edge` in page.py.

import { roomPath } from "./api.js";
import { element } from "./message.js";
import { missedWords } from "./missed.js";
import { opener } from "./sheets.js";
import { hasOlder } from "./state.js";

const makers = {
  older: ({ room, messages }) => element("p", { class: "edge", id: "older" },
    element("a", { href: `${roomPath(room)}?before=${messages[0].seq}` }, "Older messages")),
  start: ({ room, about, firstSeq }) => element("p", { class: "edge", id: "start" }, ...(about.history === "joined" && firstSeq > 1
    ? [missedWords("before_joining")]
    : wordsOfStart(room, about))),
  empty: ({ about }) => element("div", { class: "empty", id: "empty" },
    element("p", { class: "empty-title" }, "Nothing here yet"),
    element("p", {}, ...wordsOfEmpty(about)),
    ...(about.access === "direct" ? [] : [element("p", {}, opener("invite", { class: "button invite-here" }, "Invite people"))])),
};

function wordsOfStart(room, { access, members, title }) {
  if (access === "direct" && members === 1) return ["This is where your notes begin."];
  const what = access === "direct" ? "This is where your conversation with " : "This is where ";
  return [what, element("b", {}, element("bdi", {}, title || room)), " begins."];
}

function wordsOfEmpty({ access, members, title }) {
  if (access !== "direct") return ["Say hello: the first message makes the room. Everyone who opens this address is in it."];
  if (members === 1) return ["Nobody else reads what you write here."];
  return ["Nobody but you and ", element("bdi", {}, title), " reads what is written here."];
}

/** Make the place above the messages agree with the state. */
export function renderEdge(place, state) {
  const kind = kindOf(state);
  if (kind === (place.firstElementChild?.id ?? null)) return;
  place.replaceChildren(...(kind === null ? [] : [makers[kind](state)]));
}

function kindOf(state) {
  if (hasOlder(state)) return "older";
  if (state.messages.length > 0) return "start";
  return state.lastSeq === 0 && state.outbox.length === 0 ? "empty" : null;
}
