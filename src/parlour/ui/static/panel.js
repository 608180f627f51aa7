// The panel of rooms on a narrow screen: the page has links to it and back; a script makes it a popover with buttons.

import { element } from "./message.js";

/** Let Escape and a click beside it close the panel too, where the browser knows how. */
export function makePopover() {
  const panel = document.getElementById("side");
  if (!panel.showPopover) return;
  panel.popover = "auto";
  for (const [name, action] of [["menu", "toggle"], ["close", "hide"]]) {
    const link = document.querySelector(`a.${name}`);
    link.replaceWith(element("button", {
      class: name, type: "button", popovertarget: panel.id, popovertargetaction: action,
    }, link.textContent));
  }
}
