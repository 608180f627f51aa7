// Small pictures with words for those who hear the page; the twin of pages/marks.html, which has their shapes.

const SVG = "http://www.w3.org/2000/svg";
const WORDS = { lock: "private", megaphone: "announcements", archive: "archived" };

/** A lock, a megaphone or a box. */
export function markNode(name) {
  const node = document.createElement("span");
  node.className = "is";
  const picture = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ class: "mark", "aria-hidden": "true", focusable: "false" })) {
    picture.setAttribute(key, value);
  }
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#mark-${name}`);
  picture.append(use);
  const words = document.createElement("span");
  words.className = "unseen";
  words.textContent = WORDS[name];
  node.append(picture, words);
  return node;
}
