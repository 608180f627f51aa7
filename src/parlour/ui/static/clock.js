// Times of pages: in lists of rooms how long ago, elsewhere in UTC as they come, and as it is here once this has run.

import { ago, dayOf, HOUR, zone } from "./times.js";

const IN_UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC$/;

/** A time that is written `2026-11-30 17:28 UTC`, as somebody here would say it; null for another text. */
export function here(text, now = new Date()) {
  const found = IN_UTC.exec(text.trim());
  if (!found) return null;
  const at = new Date(`${found[1]}T${found[2]}Z`);
  const isToday = dayOf(at) === dayOf(now);
  const year = dayOf(at).slice(0, 4) === dayOf(now).slice(0, 4) ? {} : { year: "numeric" };
  const day = isToday ? {} : { day: "numeric", month: "short", ...year };
  return at.toLocaleString(undefined, { ...day, ...HOUR, timeZone: zone() });
}

/** The same of a time within a sentence. */
export const hereIn = (text, now = new Date()) => text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, (time) => here(time, now));

/** Show them so. */
export function showHere() {
  for (const node of document.querySelectorAll(".rows > li > time")) node.textContent = ago(new Date(node.dateTime));
  for (const node of document.querySelectorAll("time, .at")) {
    const words = here(node.textContent);
    if (words === null) continue;
    node.title = node.textContent.trim();
    node.textContent = words;
  }
}
