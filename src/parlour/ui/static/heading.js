// The head of the page: what the room is called, what it is about, and how many are in it; the twin of that in room.html.

import { markNode } from "./marks.js";
import { element } from "./message.js";

/** Make the head say what state.js knows about the room. */
export function renderHeading(room, { title, topic, access, readOnly, archived, members }) {
  const heading = document.getElementById("heading");
  const line = heading.querySelector(".title-line");
  const name = line.querySelector("h1");
  const place = name.querySelector("a") ?? name; // a guest has no page of the room to go to
  place.replaceChildren(...(title
    ? [element("bdi", {}, title)]
    : [element("span", { class: "slash", "aria-hidden": "true" }, "/"), element("bdi", {}, room)]));
  const marks = Object.entries({ lock: access === "private", megaphone: readOnly, archive: archived });
  line.replaceChildren(name, ...marks.filter(([, is]) => is).map(([mark]) => markNode(mark)));
  heading.replaceChildren(line, ...(topic ? [element("p", { class: "topic" }, element("bdi", {}, topic))] : []));
  const number = document.querySelector(".members .number");
  if (number) {
    number.textContent = members || "";
    number.nextElementSibling.textContent = members === 0 ? "About this room" : members === 1 ? " member" : " members";
  }
}
