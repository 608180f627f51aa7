// What this page keeps in the browser, and how it looks. Anything may stand there: what looks otherwise counts as none.

const KEY = /^[\w-]{8,64}$/;
const STATUSES = new Set(["pending", "held", "nameless", "failed"]);
const MAX_TIME_MS = 8.64e15; // what a Date can be

const isText = (value) => typeof value === "string";
const isTextOrNone = (value) => value === undefined || value === null || isText(value);
const isTime = (value) => Number.isFinite(value) && Math.abs(value) <= MAX_TIME_MS;
const listOf = (isMember) => (value) => (Array.isArray(value) ? value.filter(isMember) : []);

/** A text; none is empty. */
export const text = (value) => (isText(value) ? value : "");

/** Whether something was said to be so. */
export const yes = (value) => value === true;

/** Ids of writers. */
export const ids = listOf(isText);

/** Rooms {room, title} that were opened. */
export const rooms = listOf((item) => [item?.room, item?.title].every(isText) && item.room !== "");

/** A text that is being written, {text, at}; none is an empty one of 1970. */
export const draft = (value) => (isText(value?.text) && isTime(value.at) ? value : { text: "", at: 0 });

/** Messages that wait (`outbox` in state.js). One that cannot be sent is none; the others beside it count. */
export const outbox = listOf((item) =>
  [item?.key, item?.text, item?.name].every(isText) && KEY.test(item.key) && isTime(item.at) &&
  STATUSES.has(item.status) && [item.code, item.detail].every(isTextOrNone));
