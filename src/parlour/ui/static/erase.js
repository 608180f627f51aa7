// What a page shows no more: a message that was deleted, and what names an account that was.

import { noticeOf } from "./notices.js";

const DELETED_NAME = "deleted account";

/**
 * The state after an event. After a `redaction` a message is gone. After a `deleted` one nothing names an account any
 * more, and its messages may be gone.
 */
export function erase(state, { type, account, messages, ref }) {
  if (type === "redaction") {
    const rest = state.messages.filter(({ type: kind, seq }) => kind !== "message" || seq !== ref);
    return rest.length === state.messages.length ? state : { ...state, messages: rest };
  }
  if (type !== "deleted") return state;
  const isGone = ({ type: kind, by }) => messages === "remove" && kind === "message" && by.id === account;
  const left = state.messages.filter((message) => !isGone(message)).map((message) => without(message, account));
  const isSame = left.length === state.messages.length && left.every((message, index) => message === state.messages[index]);
  return isSame ? state : { ...state, messages: left };
}

/** An event without the name of an account; `account` of an event is whom it is about. */
function without(event, account) {
  const by = event.by.id === account ? { id: account, name: DELETED_NAME, kind: event.by.kind } : event.by;
  if (event.account !== account) return by === event.by ? event : { ...event, by };
  const about = { ...event, by, name: DELETED_NAME };
  return { ...about, text: noticeOf({ ...about, type: "member" }) };
}
