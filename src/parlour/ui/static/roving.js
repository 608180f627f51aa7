// Lists with one tab stop each: arrows, Home and End move inside, and the links and buttons of an item are stops while it is at hand.

const STEPS = {
  ArrowUp: (index) => index - 1,
  ArrowDown: (index) => index + 1,
  Home: () => 0,
  End: (index, count) => count - 1,
};

export class Roving {
  #list;
  #selector;
  #rest;
  #name;
  #current = null;

  /**
   * Take over a list whose items match `selector`. `rest(items)` is the stop while the focus is elsewhere; `name(item)`
   * is what a screen reader says of an item that it gets to, null where the item has a name.
   */
  constructor(list, { selector, rest, name = () => null }) {
    this.#list = list;
    this.#selector = selector;
    this.#rest = rest;
    this.#name = name;
    list.addEventListener("keydown", (event) => this.#step(event));
    list.addEventListener("focusin", ({ target }) => this.#take(target.closest(selector)));
    list.addEventListener("focusout", ({ relatedTarget }) => list.contains(relatedTarget) || this.refresh());
    for (const item of this.#items) hold(item);
    this.refresh();
  }

  /** To be called when items came or went; new ones have been held. */
  refresh() {
    if (!this.#list.contains(document.activeElement)) this.#take(this.#rest(this.#items) ?? null);
  }

  get #items() {
    return [...this.#list.querySelectorAll(this.#selector)];
  }

  #step(event) {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
    const items = this.#items;
    const item = items[step(items.indexOf(event.target.closest(this.#selector)), items.length)];
    event.preventDefault();
    item?.focus();
  }

  #take(item) {
    if (item === this.#current || item === undefined) return;
    if (this.#current) hold(this.#current);
    this.#current?.removeAttribute("aria-label");
    this.#current = item;
    if (item === null) return;
    for (const node of stops(item)) node.tabIndex = 0;
    const name = this.#name(item);
    if (name !== null) item.setAttribute("aria-label", name);
  }
}

/** Take an item, and what can be used in it, out of the order of tabs. */
export function hold(item) {
  for (const node of stops(item)) node.tabIndex = -1;
}

function stops(item) {
  return [item, ...item.querySelectorAll("a, summary, button")];
}
