// What was said before: a page more for whoever reads upwards, and the newest page where the log cannot be continued.

import { aboutOf } from "./about.js";
import { describe, history } from "./api.js";
import { hasOlder } from "./state.js";

export class History {
  #room;
  #state;
  #dispatch;
  #isLoading = false;

  /** Of a room: `state()` is that of state.js now, `dispatch(action)` changes it. */
  constructor(room, state, dispatch) {
    this.#room = room;
    this.#state = state;
    this.#dispatch = dispatch;
  }

  /** The log cannot be continued: show its newest page, to be followed from there. */
  async startOver() {
    try {
      this.#dispatch({ type: "history", ...(await history(this.#room)) });
      this.#dispatch({ type: "about", about: aboutOf(this.#state().about, await describe(this.#room)) });
    } catch {
      // The next connection will say reset again.
    }
  }

  /** Show the page before the first message. */
  async loadOlder() {
    if (this.#isLoading || !hasOlder(this.#state())) return;
    this.#isLoading = true;
    try {
      const page = await history(this.#room, this.#state().messages[0].seq);
      if (page.epoch === this.#state().epoch) this.#dispatch({ type: "older", ...page });
    } catch {
      // The reader can ask again.
    }
    this.#isLoading = false;
  }
}
