// The way to the page of the room and back: it ends at the message that the reader was at.

import { eventPath, settingsPath } from "./api.js";

/** Show the message that the address names: on the way back in history, browsers look after the window's own place alone. */
export function findPlace() {
  const [{ type } = {}] = performance.getEntriesByType("navigation");
  const { hash } = window.location;
  if (type === "back_forward" && hash) document.getElementById(hash.slice(1))?.scrollIntoView({ block: "center" });
}

/** Have the links to the page of a room tell it, and the browser's own way back, which message is in sight. */
export function keepPlace(room, view) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.about");
    if (!link) return;
    const seq = view.seqInSight;
    link.href = `${settingsPath(room)}${seq === null ? "" : `?at=${seq}`}${link.hash}`;
    const opensHere = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (seq !== null && opensHere) window.history.replaceState(null, "", eventPath(room, seq));
  });
}
