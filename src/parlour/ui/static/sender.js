// Brings the outbox to the server: one message at a time, in order, with the same key until it is acknowledged.

const DOUBT_MS = 5000; // without an answer so long, and the line is asked whether it lives
const ANSWER_MS = 15000; // and so long, and it is dropped all the same

export class Sender {
  #live;
  #dispatch;
  #inFlight = null;
  #timer = 0;
  #unseen = 0;

  constructor({ live, dispatch }) {
    this.#live = live;
    this.#dispatch = dispatch;
  }

  /** Do what the outbox asks for now; called after every change of the state. */
  pump(state) {
    this.#watchUnseen(state.outbox.some((item) => item.status === "stored"));
    const next = state.outbox.find((item) => item.status === "pending" || item.status === "held");
    if (state.line !== "live" && state.line !== "asking") {
      this.#forget();
    } else if (this.#inFlight !== null && next?.key === this.#inFlight.key && next.status === this.#inFlight.status) {
      return; // waiting for its answer, or for its time
    } else if (next) {
      this.#forget();
      if (next.status === "held") this.#hold(next);
      else this.#send(next);
    } else {
      this.#forget();
    }
  }

  #send({ key, text, name }) {
    if (!this.#live.send({ op: "send", text, key, ...(name ? { name } : {}) })) return;
    this.#inFlight = { key, status: "pending" };
    this.#timer = setTimeout(() => {
      this.#live.ask();
      this.#timer = setTimeout(() => this.#live.reconnect(), ANSWER_MS - DOUBT_MS);
    }, DOUBT_MS);
  }

  /** What the server has stored comes back as an event. If it does not, the half of the line that listens is dead. */
  #watchUnseen(isUnseen) {
    if (!isUnseen) {
      clearInterval(this.#unseen);
      this.#unseen = 0;
    } else if (!this.#unseen) {
      this.#unseen = setInterval(() => this.#live.ask(), DOUBT_MS);
    }
  }

  #hold({ key, waitMs }) {
    this.#inFlight = { key, status: "held" };
    this.#timer = setTimeout(() => this.#dispatch({ type: "retry", key }), waitMs);
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#inFlight = null;
  }
}
