// How many reports wait for the reader, beside the link to them at the side.

import { reportsPath } from "./api.js";
import { iconNode } from "./marks.js";
import { element } from "./message.js";

/** Say how many there are; whoever sees the first one gets the link with it. */
export function showReports(open) {
  const ways = document.querySelector(".ways");
  let link = ways.querySelector(".reports");
  if (!link) {
    if (open === 0) return;
    link = element("a", { class: "way reports", href: reportsPath() }, iconNode("flag"), "Reports");
    ways.querySelector(".you").before(link);
  }
  link.querySelector(".pill")?.remove();
  if (open > 0) link.append(element("b", { class: "pill" }, `${open}`, element("span", { class: "unseen" }, " open")));
}
