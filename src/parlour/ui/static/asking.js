// How many guests wait to be let in, above where one writes, for whoever lets them in; room.html has the same line.

import { guestsOf } from "./api.js";
import { element } from "./message.js";

const ASK_MS = 5000;

/** Keep the line as it is by now, where guests come by a link: it leads to the page that they wait on. */
export function showWhoWaits(room) {
  const { guests: page } = document.body.dataset;
  if (page === undefined) return;
  let line = document.getElementById("asking");
  let shown = line?.querySelector(".words").textContent ?? "";
  setInterval(async () => {
    if (document.hidden) return;
    const guests = await guestsOf(room).catch(() => null);
    if (guests === null) return;
    const waiting = guests.filter(({ state }) => state === "waiting").length;
    const words = waiting === 0 ? "" : `${waiting} ${waiting === 1 ? "guest waits" : "guests wait"} to be let in.`;
    if (words === shown) return;
    shown = words;
    line?.remove();
    line = words === "" ? null : element("div", { class: "strip", id: "asking" }, element("span", { class: "words" }, words), " ", element("a", { href: page }, "See who"));
    if (line) document.getElementById("strip").after(line);
    document.getElementById("said").textContent = words;
  }, ASK_MS);
}
