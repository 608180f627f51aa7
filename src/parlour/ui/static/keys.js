// Ways of the keyboard through the page that no element has by itself.

const SCROLLED = 0.9; // of what is in sight, so that a line of it stays

/**
 * Keys of the page: what is typed while no field has the focus goes into the composer, `PageUp` and `PageDown` in it
 * scroll the messages, Escape leads to it and then to the newest message (`toEnd`). `text()` is the field, if there is
 * one. Keys with modifiers, those of an input method, and those of a panel that is open are left alone.
 */
export function listenToKeys({ text, scroller, toEnd }) {
  document.addEventListener("keydown", (event) => {
    if (isTaken(event) || document.querySelector(":popover-open")) return;
    if (event.target === text()) inComposer(event);
    else if (!event.target.matches("input, textarea, select, [contenteditable]")) elsewhere(event);
  });

  const inComposer = (event) => {
    const direction = { PageUp: -1, PageDown: 1 }[event.key];
    if (event.key === "Escape") {
      toEnd();
    } else if (direction && !event.shiftKey && event.target.scrollHeight <= event.target.clientHeight + 1) {
      event.preventDefault();
      scroller.scrollBy({ top: direction * SCROLLED * scroller.clientHeight });
    }
  };

  const elsewhere = (event) => {
    // A space scrolls or presses a button; a letter that a dead key begins is typed where the focus is by then.
    const leads = [...event.key].length === 1 ? event.key !== " " : event.key === "Dead" || event.key === "Escape";
    if (leads) text()?.focus({ preventScroll: true });
  };
}

function isTaken(event) {
  const isModified = (event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph");
  return event.defaultPrevented || event.isComposing || event.keyCode === 229 || event.metaKey || isModified;
}
