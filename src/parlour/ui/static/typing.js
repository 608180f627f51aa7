// Who is writing in the room, in one line above the composer; and telling the others that the reader is.

import { element } from "./message.js";

const AGAIN_MS = 3000; // between two notices of one writer
const SHOWN_MS = 7000; // after the last one
const NAME_CHARS = 24;

/** The words for the names of who is writing. */
export function typingWords(names) {
  const shown = names.map((name) => ([...name].length > NAME_CHARS ? `${[...name].slice(0, NAME_CHARS).join("")}…` : name));
  if (shown.length === 0) return "";
  if (shown.length === 1) return `${shown[0]} is writing…`;
  return shown.length === 2 ? `${shown[0]} and ${shown[1]} are writing…` : "Several people are writing…";
}

export class Typing {
  #line = element("p", { class: "writers", dir: "auto" }); // for eyes: ears have enough to hear
  #writers = new Map(); // id to {name, timer}
  #isOwn;
  #send;
  #told = -Infinity;

  /** `isOwn(id)` says whether an author is the reader; `send()` tells the others. */
  constructor({ isOwn, send }) {
    this.#isOwn = isOwn;
    this.#send = send;
    this.#line.setAttribute("aria-hidden", "true");
    document.querySelector(".foot").prepend(this.#line);
  }

  /** Somebody is writing. */
  heard({ id, name }) {
    if (this.#isOwn(id)) return;
    clearTimeout(this.#writers.get(id)?.timer);
    this.#writers.set(id, { name, timer: setTimeout(() => this.done(id), SHOWN_MS) });
    this.#render();
  }

  /** Somebody has written, or stopped. */
  done(id) {
    clearTimeout(this.#writers.get(id)?.timer);
    if (this.#writers.delete(id)) this.#render();
  }

  /** The reader is writing: `text` is what stands there now. */
  wrote(text) {
    const now = performance.now();
    if (text.trim() === "" || now - this.#told < AGAIN_MS) return;
    this.#told = now;
    this.#send();
  }

  /** What was written is sent: the next letter is news. */
  sent() {
    this.#told = -Infinity;
  }

  #render() {
    this.#line.textContent = typingWords([...this.#writers.values()].map(({ name }) => name));
  }
}
