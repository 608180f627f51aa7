// Times of pages for whoever has set no time zone: in UTC as they come, and in that of the browser once this has run.

const IN_UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC$/;

/** A time that is written `2026-11-30 17:28 UTC`, as somebody here would say it; null for another text. */
export function here(text, now = new Date()) {
  const found = IN_UTC.exec(text.trim());
  if (!found) return null;
  const at = new Date(`${found[1]}T${found[2]}Z`);
  const hour = { hour: "numeric", minute: "2-digit" };
  const isToday = at.toDateString() === now.toDateString();
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return at.toLocaleString(undefined, isToday ? hour : { day: "numeric", month: "short", ...year, ...hour });
}

/** Show them so. */
export function showHere() {
  for (const node of document.querySelectorAll("time, .at")) {
    const words = here(node.textContent);
    if (words === null) continue;
    node.title = node.textContent.trim();
    node.textContent = words;
  }
}
