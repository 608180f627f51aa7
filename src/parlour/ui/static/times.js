// Times as the reader's own clock and language show them.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const weekdayYear = new Intl.DateTimeFormat(undefined, {
  weekday: "long", day: "numeric", month: "long", year: "numeric",
});
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const DAY_MS = 24 * 60 * 60 * 1000;

export const clockTime = (at) => clock.format(at);

export const fullTime = (at) => full.format(at);

/** The local day of a Date as `2026-11-22`. */
export function dayOf(at) {
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** A day in words: today, yesterday, or its date. */
export function dayLabel(at, now = new Date()) {
  const midnight = (date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  const days = (midnight(at) - midnight(now)) / DAY_MS;
  if (days === 0 || days === -1) {
    const words = relative.format(days, "day");
    return words.charAt(0).toLocaleUpperCase() + words.slice(1);
  }
  return (at.getFullYear() === now.getFullYear() ? weekday : weekdayYear).format(at);
}

/** How long ago, in the largest unit that fits. */
export function ago(at, now = new Date()) {
  const minutes = Math.round((at - now) / 60000);
  if (minutes >= 0) return relative.format(0, "second");
  if (minutes > -60) return relative.format(minutes, "minute");
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / (24 * 60)), "day");
}
