// Quiet hours, in which neither the title nor the icon of a page calls for the reader; the twin of core/inbox_settings.py.

const HOURS = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/;

/** Whether a minute of the day (0 to 1439) is in hours such as `22:00-07:00`, which may go over midnight; none are "". */
export function isQuiet(hours, minute) {
  const found = HOURS.exec(hours);
  if (found === null) return false;
  const [begin, end] = [60 * found[1] + Number(found[2]), 60 * found[3] + Number(found[4])];
  return begin <= end ? begin <= minute && minute < end : minute >= begin || minute < end;
}

/** The minute of the day of a Date in a time zone. Without one, or where the browser does not know it, in UTC. */
export function minuteOfDay(at, zone = "UTC") {
  try {
    const parts = new Intl.DateTimeFormat("en-u-nu-latn", { hour: "numeric", minute: "numeric", hourCycle: "h23", timeZone: zone }).formatToParts(at);
    const { hour, minute } = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
    return 60 * hour + minute;
  } catch {
    return 60 * at.getUTCHours() + at.getUTCMinutes();
  }
}
