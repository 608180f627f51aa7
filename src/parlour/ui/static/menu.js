// A menu of what can be done: beside what it is about, or a sheet from the bottom where there is a finger.

import { iconNode } from "./marks.js";
import { element } from "./message.js";

const KEYS = { ArrowDown: 1, ArrowUp: -1 };
const EDGE_PX = 8;

export class Menu {
  #node = element("div", { class: "menu-sheet", role: "menu", tabindex: "-1" });
  #from = null;
  #opened = 0;

  constructor() {
    this.#node.popover = "auto";
    this.#node.addEventListener("keydown", (event) => this.#step(event));
    this.#node.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed" && this.#node.contains(document.activeElement)) this.#from?.focus({ preventScroll: true });
    });
    document.body.append(this.#node);
  }

  get isOpen() {
    return this.#node.matches(":popover-open");
  }

  /** Whether it is still open as it was by the call of `open` that gave this. */
  isOpenAs(opened) {
    return this.isOpen && this.#opened === opened;
  }

  /** Open with a head (a node, or null), and rows {words, mark, isDangerous, run()}, beside the node `at`; then the focus goes back to `from`. */
  open(label, head, rows, { at, from }) {
    this.#from = from;
    this.#node.setAttribute("aria-label", label);
    const items = rows.map((row) => this.#item(row));
    this.#node.replaceChildren(...(head ? [head] : []), ...items);
    if (!this.isOpen) this.#node.showPopover();
    this.#place(at.getBoundingClientRect());
    (items[0] ?? this.#node).focus({ preventScroll: true });
    this.#opened += 1;
    return this.#opened;
  }

  close() {
    this.#node.hidePopover();
  }

  #item({ words, mark, isDangerous = false, run, href }) {
    const attributes = { class: `item${isDangerous ? " danger" : ""}`, role: "menuitem", tabindex: "-1" };
    const node = href
      ? element("a", { ...attributes, href }, iconNode(mark), words)
      : element("button", { ...attributes, type: "button" }, iconNode(mark), words);
    node.addEventListener("click", () => {
      this.close();
      run?.();
    });
    return node;
  }

  #step(event) {
    const items = [...this.#node.querySelectorAll(".item")];
    const index = items.indexOf(document.activeElement);
    const next = event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : index + KEYS[event.key];
    if (Number.isNaN(next) || items.length === 0) return;
    event.preventDefault();
    items[(next + items.length) % items.length].focus();
  }

  /** Below what it is about, or above where there is no place; a narrow screen has it at the bottom (actions.css). */
  #place({ top, bottom, left, right }) {
    const { style } = this.#node;
    style.top = style.left = "";
    if (window.matchMedia("(max-width: 40rem)").matches) return;
    const { width, height } = this.#node.getBoundingClientRect();
    const x = left + right < window.innerWidth ? left : right - width; // at the edge that is nearer to the window's
    const y = bottom + height + EDGE_PX > window.innerHeight ? top - height : bottom;
    style.left = `${Math.min(Math.max(EDGE_PX, x), window.innerWidth - width - EDGE_PX)}px`;
    style.top = `${Math.max(EDGE_PX, y)}px`;
  }
}
