// Panels above the page: the rooms on a narrow screen, and sheets. The page has links to them and back; a script makes
// them popovers with buttons, which Escape and a click beside them close.

import { iconNode } from "./marks.js";
import { element } from "./message.js";

/** Make popovers of all panels that the page came with. */
export function makeSheets() {
  for (const panel of document.querySelectorAll(".side, .sheet")) makePopover(panel);
}

/** A sheet of its own, closed: its title and what is in it. */
export function sheet(id, title, ...content) {
  const heading = element("h2", { id: `${id}-title` }, title);
  const close = element("button", { class: "close", type: "button", popovertarget: id, popovertargetaction: "hide" }, ...closing());
  const node = element("section", { class: "sheet", id, "aria-labelledby": heading.id }, element("div", { class: "sheet-head" }, heading, close), ...content);
  show(node);
  document.body.append(node);
  return node;
}

/** A button that opens a panel. */
export function opener(id, attributes, ...content) {
  return element("button", { type: "button", popovertarget: id, ...attributes }, ...content);
}

function makePopover(panel) {
  if (!panel.showPopover) return;
  show(panel);
  for (const link of document.querySelectorAll(`a[href="#${panel.id}"]`)) {
    const words = link.classList.contains("menu") ? [iconNode("back"), element("span", { class: "unseen" }, link.textContent)] : [...link.childNodes];
    link.replaceWith(opener(panel.id, { class: link.className }, ...words));
  }
  const attributes = { class: "close", type: "button", popovertarget: panel.id, popovertargetaction: "hide" };
  panel.querySelector("a.close").replaceWith(element("button", attributes, ...closing()));
}

const closing = () => [iconNode("close"), element("span", { class: "unseen" }, "Close")];

/** A sheet is a dialog with the focus in it, once it is open. */
function show(panel) {
  panel.popover = "auto";
  if (!panel.classList.contains("sheet")) return;
  panel.setAttribute("role", "dialog");
  panel.tabIndex = -1;
  panel.addEventListener("toggle", ({ newState }) => {
    if (newState === "open" && !panel.contains(document.activeElement)) (panel.querySelector("[autofocus]") ?? panel).focus();
  });
}
