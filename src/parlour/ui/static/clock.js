// Times of pages: in lists of rooms how long ago, elsewhere in UTC as they come, and as it is here once this has run.

import { ago, clockTime, dayOf, daysAgo, HOUR, inDays, zone } from "./times.js";

const IN_UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC$/;

/** A time that is written `2026-11-30 17:28 UTC`, as somebody here would say it, the twin of ui/times.py; null for another text. */
export function here(text, now = new Date()) {
  const found = IN_UTC.exec(text.trim());
  if (!found) return null;
  const at = new Date(`${found[1]}T${found[2]}Z`);
  const days = daysAgo(dayOf(at), now);
  if (days === 0) return clockTime(at);
  if (days === 1) return `${inDays(-1)} ${clockTime(at)}`;
  const year = dayOf(at).slice(0, 4) === dayOf(now).slice(0, 4) ? {} : { year: "numeric" };
  return at.toLocaleString(undefined, { day: "numeric", month: "short", ...year, ...HOUR, timeZone: zone() });
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
  for (const node of document.querySelectorAll(".card > .until")) node.textContent = hereIn(node.textContent);
}
