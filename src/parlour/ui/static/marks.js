// Small pictures; the twin of pages/marks.html, which has their shapes.

const SVG = "http://www.w3.org/2000/svg";
const WORDS = { lock: "private", megaphone: "announcements", archive: "archived" };

/** A picture beside which words say the same. */
export function iconNode(name) {
  const picture = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ class: "mark", "aria-hidden": "true", focusable: "false" })) {
    picture.setAttribute(key, value);
  }
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#mark-${name}`);
  picture.append(use);
  return picture;
}

/** What a room is (a lock, a megaphone or a box), with words for those who hear the page. */
export function markNode(name, className = "is") {
  const node = document.createElement("span");
  node.className = className;
  const words = document.createElement("span");
  words.className = "unseen";
  words.textContent = WORDS[name];
  node.append(iconNode(name), words);
  return node;
}
