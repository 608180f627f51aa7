// What this browser remembers between pages; a browser that forbids it is served all the same.

const MAX_CHARS = 1_000_000; // a value; browsers give all rooms of a server some five million together

/** Values under a prefix in one of the browser's stores, as JSON. `open` gives the store and may throw. */
export class Memory {
  #open;

  constructor(open) {
    this.#open = open;
  }

  /** The value of a name, in the shape that it must have (shapes.js), which says what there is if it has none. */
  get(name, shape) {
    return shape(this.#read(name));
  }

  /** Whether there is anything under a name. */
  has(name) {
    return this.#read(name) !== null;
  }

  /** Keep a value; false if that cannot be, and then the one before is still there. An empty one (null, "", []) goes. */
  set(name, value) {
    try {
      const store = this.#open();
      const json = value === null || value.length === 0 ? null : JSON.stringify(value);
      if (json?.length > MAX_CHARS) return false;
      if (json === null) store.removeItem(keyOf(name));
      else store.setItem(keyOf(name), json);
      return true;
    } catch {
      return value === null || value.length === 0; // full or forbidden: and what was never kept has gone
    }
  }

  /** The names that are kept and begin so. */
  names(beginning) {
    try {
      const whole = keyOf(beginning);
      const keys = Object.keys(this.#open()).filter((key) => key.startsWith(whole));
      return keys.map((key) => key.slice(keyOf("").length));
    } catch {
      return [];
    }
  }

  /** Call `onGone()` when another tab has forgotten a name. */
  watch(name, onGone) {
    window.addEventListener("storage", ({ key, newValue }) => {
      if (key === keyOf(name) && newValue === null) onGone();
    });
  }

  #read(name) {
    try {
      return JSON.parse(this.#open().getItem(keyOf(name)));
    } catch {
      return null; // forbidden, or not JSON
    }
  }
}

/** Servers below different paths of one site share its stores: each has names of its own. */
const keyOf = (name) => `parlour${document.body.dataset.prefix}:${name}`;

/** As long as the browser keeps it. */
export const lasting = new Memory(() => window.localStorage);

/** As long as the tab lives, reloads included. */
export const passing = new Memory(() => window.sessionStorage);
