// The commands in sheets, for a terminal: with the address that works here, and a button to copy each.

import { copyText } from "./copy.js";
import { element } from "./message.js";

/** A proxy may hand on the name of the site without its port: where the name is the same, the reader's address is right. */
export function correctAddresses() {
  for (const place of document.querySelectorAll(".command bdi")) {
    const { origin, hostname, pathname } = new URL(place.textContent.replace(/^ws/, "http"));
    if (origin === window.location.origin || hostname !== window.location.hostname) continue;
    const address = window.location.origin + pathname;
    place.textContent = place.dataset.scheme === "ws" ? address.replace(/^http/, "ws") : address;
  }
}

/** Offer to copy the commands, also those that come later. */
export function offerCopying() {
  for (const command of document.querySelectorAll(".command")) offer(command);
  document.addEventListener("parlour:command", ({ target }) => offer(target.querySelector(".command")));
}

function offer(command) {
  const code = command.querySelector("code");
  const button = element("button", { class: "copy", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copyText(code.textContent)) ? "Copied" : "Select it";
  });
  command.append(button);
}
