// Times as the reader's language shows them, in the time zone of their account, else in that of their own clock.

const format = (options, locale) => new Intl.DateTimeFormat(locale, { ...options, timeZone: zone() });
const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
/** `7:38 PM`, but `07:38` where a day has 24 hours. */
export const HOUR = { hour: hourCycle === "h12" || hourCycle === "h11" ? "numeric" : "2-digit", minute: "2-digit" };
const clock = format(HOUR);
const full = format({ dateStyle: "full", timeStyle: "medium" });
const date = { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }; // of a day that was counted already
const weekday = new Intl.DateTimeFormat(undefined, date);
const weekdayYear = new Intl.DateTimeFormat(undefined, { ...date, year: "numeric" });
const numbers = format({ year: "numeric", month: "2-digit", day: "2-digit" }, "en-u-ca-gregory-nu-latn");
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const narrow = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });

const DAY_MS = 24 * 60 * 60 * 1000;

export const clockTime = (at) => clock.format(at);

export const fullTime = (at) => full.format(at);

/** The time zone of the account, where it has one that this browser knows; undefined is that of the clock. */
export function zone() {
  const name = globalThis.document?.body?.dataset?.zone;
  try {
    return name && new Intl.DateTimeFormat("en", { timeZone: name }) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The day of a Date as `2026-11-22`. */
export function dayOf(at) {
  const { year, month, day } = Object.fromEntries(numbers.formatToParts(at).map(({ type, value }) => [type, value]));
  return `${year}-${month}-${day}`;
}

/** How many days a day such as `2026-11-22` is before today. */
export const daysAgo = (day, now = new Date()) => (Date.parse(dayOf(now)) - Date.parse(day)) / DAY_MS;

/** A day by its distance from today: `yesterday` of -1. */
export const inDays = (days) => relative.format(days, "day");

/** A day such as `2026-11-22` in words: today, yesterday, or its date. */
export function dayLabel(day, now = new Date()) {
  const days = daysAgo(day, now);
  if (days === 0 || days === 1) {
    const words = inDays(-days);
    return words.charAt(0).toLocaleUpperCase() + words.slice(1);
  }
  const at = new Date(`${day}T00:00Z`);
  return (day.slice(0, 4) === dayOf(now).slice(0, 4) ? weekday : weekdayYear).format(at);
}

/** How long ago, in the largest unit that fits. */
export const ago = (at, now = new Date()) => since(relative, at, now);

/** The same where there is little place: `5m ago`. */
export const shortAgo = (at, now = new Date()) => since(narrow, at, now);

function since(words, at, now) {
  const minutes = Math.round((at - now) / 60000);
  if (minutes >= 0) return words.format(0, "second");
  if (minutes > -60) return words.format(minutes, "minute");
  if (minutes > -24 * 60) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / (24 * 60)), "day");
}
