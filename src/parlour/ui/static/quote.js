// A reply by quote: the beginning of what is answered, as lines that every client shows.

const LINES = 3;
const CHARS = 200;

/** The lines that stand before a reply to a message, or to a part of its text. */
export function quoteOf({ by, text }, part = "") {
  const whole = (part.trim() || text).replaceAll("\r\n", "\n").trim();
  // Quotes in what is quoted are left out: the answer is to what was said.
  const said = part.trim() ? whole : whole.split("\n").filter((line) => !line.startsWith(">")).join("\n").trim() || whole;
  const lines = said.split("\n");
  const start = [...lines.slice(0, LINES).join("\n")];
  const isCut = lines.length > LINES || start.length > CHARS;
  const shown = start.slice(0, CHARS).join("") + (isCut ? "…" : "");
  return `${shown.split("\n").map((line, index) => `> ${index === 0 ? `${by.name}: ` : ""}${line}`).join("\n")}\n`;
}
