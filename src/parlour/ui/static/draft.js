// What is being written, kept while it is written: it outlives the tab, and another tab of the room begins with it.

import { lasting, passing } from "./memory.js";
import * as shapes from "./shapes.js";

const PAUSE_MS = 500;

export class Draft {
  #name;
  #text = "";
  #timer = 0;
  #isOwn = false; // written here

  /** Whether it would outlive the tab. */
  isKept = true;

  #onSaved;

  /**
   * For a room. `onGone(text)` is told when another tab has sent or dropped the text that this one began with,
   * `onSaved()` that `isKept` may have changed.
   */
  constructor(room, { onGone, onSaved }) {
    this.#name = `draft:${room}`;
    this.#onSaved = onSaved;
    lasting.watch(this.#name, () => {
      if (this.#isOwn) return;
      onGone(this.#text);
      this.#text = "";
      passing.set(this.#name, null);
    });
    window.addEventListener("pagehide", () => this.#isOwn && this.#save());
    document.addEventListener("visibilitychange", () => document.hidden && this.#timer && this.#save());
  }

  /** What to begin with: of this tab's earlier life, or of the tab that wrote last. */
  begin() {
    this.#text = passing.get(this.#name, shapes.text) || lasting.get(this.#name, shapes.draft).text;
    return this.#text;
  }

  /** The text as it is now. */
  write(text) {
    this.#text = text;
    this.#isOwn = true;
    clearTimeout(this.#timer);
    if (text === "") this.#save();
    else this.#timer = setTimeout(() => this.#save(), PAUSE_MS);
  }

  #save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    passing.set(this.#name, this.#text);
    this.isKept = lasting.set(this.#name, this.#text === "" ? null : { text: this.#text, at: Date.now() });
    this.#onSaved();
  }
}
