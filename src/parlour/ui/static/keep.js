// The outbox outlives its tab: each tab keeps its own in the browser, and what a closed one has left is taken over.

import { lasting } from "./memory.js";
import * as shapes from "./shapes.js";

const ROLL_CALL_MS = 500; // a tab that is there answers at once
const AGAIN_MS = 5000; // a tab may have died without a word, and one that is reloaded may still have answered
const DAY_MS = 24 * 60 * 60 * 1000;

/** A message that has waited so long is not sent before its writer has looked at it again. */
const STALE_MS = DAY_MS;

/** And one that has waited so long is forgotten. */
const FORGET_MS = 30 * DAY_MS;

/** What is left of the messages that a tab had kept, at the time `now`. */
export function revived(items, now) {
  return items.filter(({ at }) => now - at < FORGET_MS).map((item) => {
    const isStale = now - item.at > STALE_MS;
    return isStale ? { ...item, status: "failed", detail: "It was written more than a day ago." } : item;
  });
}

/** The idempotency key of a new message. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

const newName = (room) => `outbox:${room}:${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;

/** Leave a message of a room for the next live page, which sends it; false if the browser does not keep it. */
export function leaveBehind(room, item) {
  return lasting.set(newName(room), [item]);
}

export class Keep {
  #room;
  #own;
  #onFound;
  #onTaken;
  #calls;
  #answered = new Set();
  #isCalling = false;
  #count = 0;

  /** Whether what waits here would outlive the tab. */
  isKept = true;

  /** For a room: `onFound(items)` gets what another tab has left, `onTaken()` is told if one has taken over what is here. */
  constructor({ room, onFound, onTaken }) {
    this.#room = room;
    this.#own = newName(room);
    this.#onFound = onFound;
    this.#onTaken = onTaken;
  }

  start() {
    this.#forgetOld();
    lasting.watch(this.#own, () => this.#taken());
    try {
      this.#calls = new BroadcastChannel(`parlour:outbox:${this.#room}`);
      this.#calls.onmessage = ({ data }) => this.#heard(data);
    } catch {
      // Tabs that cannot talk may send the same message: it has the same key, and is stored once.
    }
    window.addEventListener("pagehide", () => this.#calls?.postMessage({ gone: this.#own }));
    window.addEventListener("pageshow", () => this.look());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    this.look();
    setInterval(() => this.look(), AGAIN_MS);
  }

  /** Keep the outbox as it is now. What has been stored need not be. */
  save(outbox) {
    const items = outbox.filter(({ status }) => status !== "stored");
    this.#count = items.length;
    this.isKept = lasting.set(this.#own, items);
  }

  /** See what closed tabs have left. */
  look() {
    if (this.isKept && this.#count > 0 && !lasting.has(this.#own)) this.#taken();
    const others = lasting.names(`outbox:${this.#room}:`).filter((name) => name !== this.#own);
    if (others.length === 0 || this.#isCalling) return;
    this.#isCalling = true;
    this.#answered.clear();
    for (const name of others) this.#calls?.postMessage({ call: name });
    setTimeout(() => {
      this.#isCalling = false;
      for (const name of others) if (!this.#answered.has(name)) this.#take(name);
    }, ROLL_CALL_MS);
  }

  #heard({ call, here, gone }) {
    if (call === this.#own) this.#calls.postMessage({ here: call });
    if (here) this.#answered.add(here);
    if (gone) this.#take(gone); // without a call: it could still answer
  }

  #take(name) {
    const items = lasting.get(name, shapes.outbox);
    if (items.length) this.#onFound(revived(items, Date.now()));
    lasting.set(name, null); // after they are kept as our own
  }

  #taken() {
    this.#count = 0;
    this.#onTaken();
  }

  #forgetOld() {
    for (const name of lasting.names("outbox:")) {
      if (revived(lasting.get(name, shapes.outbox), Date.now()).length === 0) lasting.set(name, null);
    }
    for (const name of lasting.names("draft:")) {
      if (Date.now() - lasting.get(name, shapes.draft).at >= FORGET_MS) lasting.set(name, null);
    }
  }
}
