// What a room's page knows, as a pure function of what happened: no DOM, no clock, no network.

import { NOTHING, aboutAfter } from "./about.js";
import { erase } from "./erase.js";
import { noticeOf } from "./notices.js";
import { change, PASSING, refuseName, waitingIn } from "./outbox.js";
import { trim } from "./trim.js";

const HOLD_MS = 3000;

/**
 * The state before anything happened.
 *
 * `messages` ascend by seq, with the notices between them (of the type `notice`); `about` is what the room is by the last
 * event (about.js), `account` the id of the reader's own; `lastSeq` is the last event seen, of whatever type. `outbox` holds what was written here
 * and is not in the log yet: {key, text, name, at, status, code, detail, waitMs}, status one of
 * pending (to be sent), held (to be sent again after waitMs), nameless (to be sent under another name), failed (refused
 * for good), stored (acknowledged). `refusedName` is {name, detail} of the name that the server does not take, or null.
 * `mine` are the ids this browser has been seen to write as. `gap` asks for a new connection from `lastSeq`, `reset` for
 * the newest page of history first, for `reason`; `missed` is {reason, after} of the last time that something may be
 * missing, with the seq it stands after, or null. What an earlier life of the page had acknowledged or shows already is not waiting.
 */
export function begin({ room, epoch, firstSeq, lastSeq, messages = [], outbox = [], mine = [], about = NOTHING, account, newFrom = null }) {
  const waiting = outbox.filter((item) => item.status !== "stored");
  return messages.reduce(settle, {
    room, epoch, firstSeq, lastSeq, messages, mine, about, account, outbox: waiting,
    line: "connecting", trouble: null, why: "", gap: false, reset: false, reason: null, missed: null,
    unread: 0, calls: 0, isQuiet: false, newFrom, attentive: true, refusedName: null,
  });
}

/** A frame of the socket as an action, or null for what this version does not know. */
export function actionOf(item) {
  if (Number.isInteger(item.seq) && item.type !== "ack") return { type: "event", event: item };
  switch (item.type) {
    case "ack": return { type: "ack", key: item.key, seq: item.seq };
    case "error": return item.key ? {
      type: "refused", key: item.key, code: item.code, detail: item.detail, field: item.field ?? null, retryAfterMs: item.retry_after_ms,
    } : null;
    case "caught_up": return { type: "line", line: "live" };
    // What is damaged is damaged in the newest page too: go on behind it.
    case "reset": return item.reason === "damaged" ? { type: "skip", seq: item.head_seq } : { type: "reset", reason: item.reason };
    default: return null;
  }
}

const reducers = {
  event: (state, { event }) => {
    if (state.reset || event.seq <= state.lastSeq) return state;
    if (event.seq !== state.lastSeq + 1) return { ...state, gap: true };
    const about = aboutAfter(state.about, event, state.account, state.mine);
    return trim(settle(notice(erase({ ...state, about, lastSeq: event.seq }, event), shown(event)), event));
  },

  /** A page before the first message. A page that does not reach it, or overlaps it, gives only what fits. */
  older: (state, { events, firstSeq }) => {
    const before = state.messages.length ? state.messages[0].seq : state.lastSeq + 1;
    const messages = events.map(shown).filter((event) => isShown(event) && event.seq < before);
    return { ...state, firstSeq, messages: [...messages, ...state.messages] };
  },

  /** The newest page instead of everything before: the answer to a reset. */
  history: (state, { epoch, firstSeq, headSeq, events }) => {
    const lastSeq = events.length ? events[events.length - 1].seq : headSeq;
    const fresh = {
      ...state, epoch, firstSeq, lastSeq, missed: { reason: state.reason, after: lastSeq },
      messages: events.map(shown).filter(isShown), reset: false, gap: false, unread: 0, newFrom: null,
    };
    return events.reduce(settle, fresh);
  },

  /** What the room is, asked for after a gap. */
  about: (state, { about }) => ({ ...state, about }),
  reset: (state, { reason }) => ({ ...state, reset: true, reason }),

  /** The events after the last one, up to `seq`, cannot be had any more. */
  skip: (state, { seq }) => {
    const lastSeq = Math.max(state.lastSeq, seq);
    return { ...state, lastSeq, missed: { reason: "damaged", after: lastSeq } };
  },

  /** The line is connecting, live, asking (whether it is) or retrying; `trouble` is what is wrong, `why` in words. */
  line: (state, { line, trouble = null, why = "" }) => {
    const next = { ...state, line, trouble, why };
    return line === "connecting" ? { ...next, gap: false, reset: false } : next;
  },

  attention: (state, { attentive }) => {
    if (attentive === state.attentive) return state;
    return { ...state, attentive, unread: attentive ? 0 : state.unread, newFrom: attentive ? state.newFrom : null };
  },

  /** Messages in other rooms are for the reader, who has quiet hours or not. */
  calls: (state, { calls, isQuiet }) => (calls === state.calls && isQuiet === state.isQuiet ? state : { ...state, calls, isQuiet }),

  /** The reader wants to have this message and all after it unread. */
  unreadFrom: (state, { seq }) => ({ ...state, newFrom: seq }),

  compose: (state, { key, text, name, at }) => {
    const status = state.refusedName?.name === name ? "nameless" : "pending";
    return { ...state, newFrom: null, outbox: [...state.outbox, { key, text, name, at, status }] };
  },

  ack: (state, { key, seq }) => seq <= state.lastSeq
    ? { ...state, outbox: state.outbox.filter((item) => item.key !== key) }
    : change(state, key, { status: "stored", detail: undefined }),

  refused: (state, { key, code, detail, field, retryAfterMs }) => {
    if (field === "name") return refuseName(state, key, detail);
    return PASSING.has(code)
      ? change(state, key, { status: "held", code, detail, waitMs: retryAfterMs ?? HOLD_MS })
      : change(state, key, { status: "failed", detail });
  },

  /** The reader would write as this author now. */
  named: (state, { id }) => state.mine.includes(id) ? state : { ...state, mine: [...state.mine, id].slice(-32) },

  /** The name is now another one: what waits for one is sent under it. */
  rename: (state, { name }) => {
    if (state.refusedName === null || name === state.refusedName.name) return state;
    const named = (item) => (item.status === "nameless" ? { ...item, name, status: "pending" } : item);
    return { ...state, refusedName: null, outbox: state.outbox.map(named) };
  },

  /** What a tab that was closed had left here: before what is written now, since it is older. */
  found: (state, { items }) => {
    const left = items.filter(({ key }) => !state.outbox.some((item) => item.key === key));
    const waiting = left.map((item) => (item.status === "failed" ? item : { ...item, status: "pending" }));
    return state.messages.reduce(settle, { ...state, outbox: [...waiting, ...state.outbox] });
  },

  /** Another tab has taken over what waited here. */
  taken: (state) => ({ ...state, outbox: state.outbox.filter(({ status }) => status === "stored") }),

  /** Send again; under another `name` if one is given, which only what was refused for good may get. */
  retry: (state, { key, name }) => change(state, key, {
    status: "pending", detail: undefined, waitMs: undefined, ...(name === undefined ? {} : { name }),
  }),

  /** Forget what waits. What was refused stays: the reader was not asked about it. */
  discardAll: (state) => {
    const waiting = new Set(waitingIn(state.outbox));
    return { ...state, outbox: state.outbox.filter((item) => !waiting.has(item)) };
  },

  discard: (state, { key }) => ({ ...state, outbox: state.outbox.filter((item) => item.key !== key) }),
};

/** The state after an action. What cannot be understood changes nothing. */
export function reduce(state, action) {
  return reducers[action.type]?.(state, action) ?? state;
}

/** Whether there are messages before the first one shown. */
export function hasOlder(state) {
  return state.messages.length > 0 && state.messages[0].seq > state.firstSeq;
}

function shown(event) {
  const text = noticeOf(event);
  return text === null ? event : { ...event, type: "notice", text };
}

const isShown = ({ type, text }) => (type === "message" || type === "notice") && typeof text === "string";

/** Add a new message or notice, and count a message for a reader who is not looking. */
function notice(state, event) {
  if (!isShown(event)) return state;
  const next = { ...state, messages: [...state.messages, event] };
  if (event.type === "notice" || state.attentive || state.mine.includes(event.by.id) || isEcho(state, event)) return next;
  return { ...next, unread: state.unread + 1, newFrom: state.newFrom ?? event.seq };
}

/** Take what has arrived in the log out of the outbox, and learn from it who we are. */
function settle(state, event) {
  if (!isEcho(state, event)) return state;
  const mine = state.mine.includes(event.by.id) ? state.mine : [...state.mine, event.by.id].slice(-32);
  return { ...state, mine, outbox: state.outbox.filter((item) => item.key !== event.key) };
}

/** Nobody else can have the key before the event is published, but later anyone can repeat it: so the text counts too. */
function isEcho(state, event) {
  return event.key !== undefined && state.outbox.some((item) => item.key === event.key && item.text === event.text);
}
