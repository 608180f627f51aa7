// What this browser remembers between pages; a browser that forbids it is served all the same.

/** Values under a prefix in one of the browser's stores, as JSON. `open` gives the store and may throw. */
export class Memory {
  #open;

  constructor(open) {
    this.#open = open;
  }

  /** The value of a name, or `fallback` if there is none or it cannot be read. */
  get(name, fallback) {
    try {
      return JSON.parse(this.#open().getItem(keyOf(name))) ?? fallback;
    } catch {
      return fallback;
    }
  }

  /** Keep a value; an empty one (null, "", []) is forgotten. */
  set(name, value) {
    try {
      if (value === null || value.length === 0) this.#open().removeItem(keyOf(name));
      else this.#open().setItem(keyOf(name), JSON.stringify(value));
    } catch {
      // Full or forbidden: it is a comfort, not a promise.
    }
  }
}

/** Servers below different paths of one site share its stores: each has names of its own. */
const keyOf = (name) => `parlour${document.body.dataset.prefix}:${name}`;

/** As long as the browser keeps it. */
export const lasting = new Memory(() => window.localStorage);

/** As long as the tab lives, reloads included. */
export const passing = new Memory(() => window.sessionStorage);
