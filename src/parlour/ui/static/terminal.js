// The commands at the side, for a terminal: with the address that works here, and a button to copy them.

/** A proxy may hand on the name of the site without its port: where the name is the same, the reader's address is right. */
export function correctAddresses() {
  for (const place of document.querySelectorAll(".command bdi")) {
    const { origin, hostname, pathname } = new URL(place.textContent);
    const isElsewhere = origin !== window.location.origin && hostname === window.location.hostname;
    if (isElsewhere) place.textContent = window.location.origin + pathname;
  }
}

/** Offer to copy the commands, where the browser lets a page do that. */
export function offerCopying() {
  if (!navigator.clipboard) return;
  for (const code of document.querySelectorAll(".command code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    });
    code.after(button);
  }
}
