// The actions of a message (actions.js) at hand: a bar at the one that is pointed at or has the focus; for fingers a sheet, which
// opens from a mark at the message, or under a finger that rests on it.

import { actionsFor } from "./actions.js";
import { iconNode } from "./marks.js";
import { element } from "./message.js";

const IN_BAR = 3; // the others are behind "more"
const PRESS_MS = 500;
const MOVED_PX = 10;

export class ActionBar {
  #list;
  #menu;
  #eventOf;
  #reader;
  #page;
  #bar = element("div", { class: "act-bar", role: "group", "aria-label": "Actions" });
  #at = null;
  #press = null;
  #opened = null; // the row whose sheet the finger has opened that is still down

  /** For the rows of a list: `eventOf(node)` is the message of a row, `reader()` who looks, `page` as actions.js has it. */
  constructor(list, menu, { eventOf, reader, page }) {
    this.#list = list;
    this.#menu = menu;
    this.#eventOf = eventOf;
    this.#reader = reader;
    this.#page = page;
    list.addEventListener("pointerover", ({ target, pointerType }) => {
      if (pointerType === "mouse" && !this.#bar.contains(document.activeElement)) this.#show(target.closest(".message"));
    });
    list.addEventListener("pointerleave", () => this.#bar.contains(document.activeElement) || this.#menu.isOpen || this.#show(null));
    list.addEventListener("focusin", ({ target }) => {
      const row = target.closest(".message");
      if (row !== null && target.matches(":focus-visible")) this.#show(row);
    });
    list.addEventListener("focusout", ({ relatedTarget }) => list.contains(relatedTarget) || this.#menu.isOpen || list.matches(":hover") || this.#show(null));
    this.#listenToFingers();
    if (window.matchMedia("(hover: none)").matches) this.#showMarks();
  }

  /** All that can be done with the message of a row. */
  open(row, at = row) {
    const event = this.#eventOf(row);
    if (event === null) return;
    const rows = actionsFor(event, this.#reader()).map((action) => ({ ...action, run: () => action.run(event, this.#page) }));
    this.#menu.open(`Actions for the message of ${event.by.name}`, null, rows, { at, from: row });
  }

  #show(row) {
    if (row === this.#at) return;
    this.#at = row;
    this.#bar.remove();
    const event = row && this.#eventOf(row);
    if (!event) return;
    const actions = actionsFor(event, this.#reader()).filter(({ isDangerous }) => !isDangerous).slice(0, IN_BAR);
    const buttons = actions.map((action) => button(action.words, action.mark, () => action.run(event, this.#page)));
    const more = button("More actions", "more", () => this.open(row, this.#bar));
    more.setAttribute("aria-haspopup", "menu");
    this.#bar.replaceChildren(...buttons, more);
    row.append(this.#bar);
  }

  /** Where nothing can be pointed at, a quiet mark at each message says that there is something to open. */
  #showMarks() {
    const show = (node) => {
      if (!node.matches?.(".message") || node.querySelector(".open-acts")) return;
      node.append(element("button", { class: "open-acts", type: "button", tabindex: "-1", "aria-label": "Actions", "aria-haspopup": "menu" }, iconNode("more")));
    };
    for (const node of this.#list.children) show(node);
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) show(node);
    }).observe(this.#list, { childList: true });
    this.#list.addEventListener("click", ({ target }) => {
      const mark = target.closest(".open-acts");
      if (mark) this.open(mark.closest(".message"), mark);
    });
  }

  #listenToFingers() {
    const stop = () => {
      clearTimeout(this.#press?.timer);
      this.#press?.row.classList.remove("pressed");
      this.#press = null;
    };
    this.#list.addEventListener("pointerdown", ({ target, pointerType, clientX: x, clientY: y }) => {
      stop();
      this.#opened = null;
      const row = target.closest(".message");
      if (pointerType !== "touch" || row === null || this.#eventOf(row) === null) return;
      row.classList.add("pressed");
      const timer = setTimeout(() => {
        stop();
        this.#opened = row;
        this.open(row);
      }, PRESS_MS);
      this.#press = { row, timer, x, y };
    });
    this.#list.addEventListener("pointermove", ({ clientX, clientY }) => {
      if (this.#press && Math.hypot(clientX - this.#press.x, clientY - this.#press.y) > MOVED_PX) stop();
    });
    for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, stop);
    // To lift the finger is a click beside the sheet, which closes it, or a click on what the sheet has put below it.
    this.#list.addEventListener("touchend", (event) => {
      if (this.#opened === null) return;
      event.preventDefault();
      if (!this.#menu.isOpen) this.open(this.#opened);
      this.#opened = null;
    });
    // The browser's own menu of a finger that rests would come over the sheet; a link keeps it.
    this.#list.addEventListener("contextmenu", (event) => {
      if (event.pointerType === "touch" && !event.target.closest("a")) event.preventDefault();
    });
  }
}

function button(words, mark, run) {
  const node = element("button", { type: "button", title: words, "aria-label": words }, iconNode(mark));
  node.addEventListener("click", () => run());
  return node;
}
