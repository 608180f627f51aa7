// Which rows a timeline has: days, the line before what is new, and messages under the heading of their sender.

const GROUP_GAP_MS = 5 * 60 * 1000;
const HUES = 12;

/**
 * Rows {key, kind: "day" | "new" | "missed" | "message" | "notice", …} of messages and notices that ascend by seq.
 *
 * `dayOf(date)` names the day of a Date as the reader counts days (`2026-11-22`). A message row has `continues`: the
 * message before it is of the same sender, day and moment, so one heading is enough. `missed` ({reason, after} or null) stands behind the message `after`.
 */
export function rows(messages, newFrom, dayOf, missed = null) {
  const result = [];
  const gap = missed && { key: `missed-${missed.after}`, kind: "missed", reason: missed.reason };
  let isGapDue = gap !== null;
  let before = null;
  for (const event of messages) {
    const isBehindGap = isGapDue && event.seq > missed.after;
    if (isBehindGap) result.push(gap);
    isGapDue &&= !isBehindGap;
    const at = new Date(event.at);
    const day = dayOf(at);
    const isNewDay = before === null || day !== before.day;
    if (isNewDay) result.push({ key: `day-${day}`, kind: "day", at, day });
    const isNew = newFrom !== null && event.seq >= newFrom && (before === null || before.event.seq < newFrom);
    if (isNew) result.push({ key: "new", kind: "new" });
    const kind = event.type === "notice" ? "notice" : "message";
    const isNext = !isNewDay && !isNew && !isBehindGap && kind === "message" && before.event.type !== "notice";
    const continues = isNext && sameSender(before.event.by, event.by) && at - before.at < GROUP_GAP_MS;
    result.push({ key: `m${event.seq}`, kind, event, at, continues });
    before = { event, at, day };
  }
  if (isGapDue) result.push(gap);
  return distinct(result);
}

/** A clock set back can make a day come twice: keys stay unique all the same. */
function distinct(result) {
  const seen = new Map();
  return result.map((row) => {
    const times = seen.get(row.key) ?? 0;
    seen.set(row.key, times + 1);
    return times ? { ...row, key: `${row.key}-${times}` } : row;
  });
}

function sameSender(a, b) {
  return a.id === b.id && a.name === b.name && a.kind === b.kind && a.hue === b.hue;
}

/** The colour of a sender, 0 to 11, as timeline.py has it: the one that was chosen, else FNV-1a over the UTF-8 of the id. */
export function hue(id, chosen) {
  if (chosen !== undefined) return chosen;
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value % HUES;
}

/** What stands in the circle beside a sender: the first character of the name. */
export function initial(name) {
  return [...([...name][0] ?? "").toUpperCase()][0] ?? "";
}
