// What a screen reader is told: each message that is new, once; what was there before and what is loaded stays silent.

import { shown } from "./hidden.js";
import { element } from "./message.js";
import { missedWords } from "./missed.js";

const AT_ONCE = 5; // more than these in one go are counted: nobody wants to hear a whole night's talk
const KEPT = 20;
const CHARS = 500;

export class Announcer {
  #region = element("div", { class: "unseen", id: "heard", role: "log", "aria-label": "New messages" });
  #state;

  /** From here on, what comes after this state is new. */
  constructor(state) {
    this.#state = state;
    document.body.append(this.#region);
  }

  /** Say what is in a state and was not in the one before it. */
  hear(state) {
    const old = this.#state;
    this.#state = state;
    if (state.missed !== old.missed) this.#say(missedWords(state.missed.reason));
    if (state.epoch !== old.epoch) return; // another log
    const fresh = state.messages.filter(({ seq }) => seq > old.lastSeq);
    if (fresh.length > AT_ONCE) this.#say(`${fresh.length} new messages`);
    else for (const { by, type, text } of fresh) this.#say(`${by.name}${type === "notice" ? "" : ":"} ${spoken(text)}`);
    for (const item of state.outbox) {
      const isNews = item.status === "failed" && !old.outbox.some(({ key, status }) => key === item.key && status === "failed");
      if (isNews) this.#say(`Not sent: ${item.detail ?? spoken(item.text)}`);
    }
  }

  #say(words) {
    this.#region.append(element("p", {}, words));
    while (this.#region.childElementCount > KEPT) this.#region.firstElementChild.remove();
  }
}

/** A text as it is read out: its beginning, with the names of what cannot be seen. */
export function spoken(text) {
  const start = text.length > CHARS ? `${text.slice(0, CHARS)}…` : text;
  return shown(start).map((part) => part.text).join("");
}
