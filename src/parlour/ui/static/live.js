// The line to the room: it comes back by itself, from the last event seen, by whatever transport passes.

import { isOut } from "./about.js";
import { whileSignedIn } from "./account.js";
import { begin, failed, patience, rest, restart, worked } from "./choice.js";
import { openPoll } from "./poll.js";
import * as shapes from "./shapes.js";
import { openSocket } from "./socket.js";
import { openStream } from "./stream.js";
import { watchWaking } from "./wake.js";

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15000;
const SILENCE_MS = 40000; // a heartbeat comes every 20 to 25 s; nothing in 40 s means that nobody is there
const CHECK_MS = 5000;
const ANSWER_MS = 4000; // to be asked and say nothing so long is to be gone
const DOUBT_MS = 1000; // and after this long it is said that nothing is known
const CLOSED_MS = 30000; // before it is asked again whether a closed room has been opened
const FRESH_MS = 1000; // what was heard so recently need not be asked

const isClosed = (code) => code === "login_required" || isOut(code);
const isLasting = (code) => code === "draining" || isClosed(code); // troubles that the end of a line does not explain away

const OPEN = { socket: openSocket, stream: openStream, poll: openPoll };

/** How long to wait before an attempt, counted from 0: exponential with full jitter, so that a crowd spreads out. */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
}

export class Live {
  #place;
  #onItem;
  #onLine;
  #remember;
  #choice;
  #line = null;
  #isHeard = false; // anything, by this line
  #isLive = false; // caught up
  #heard = 0; // when
  #attempt = 0;
  #timer = 0; // to the next attempt
  #due = 0; // the time that this line has to say something
  #doubt = 0; // while it is asked
  #isInDoubt = false; // and that has been said
  #notBefore = 0;
  #trouble = null;
  #why = ""; // the server’s words for it, if it has some

  /**
   * `place()` is asked for {room, epoch, lastSeq} at each attempt; `onItem(item)` gets all that comes, whatever brings
   * it; `onLine(line, trouble, why)` each change: connecting, live, asking (does it live?), or retrying, with the code
   * of what is wrong or null, and the server’s words for it. `memory` keeps the transport for the visit.
   */
  constructor({ place, onItem, onLine, memory }) {
    this.#place = place;
    this.#onItem = onItem;
    this.#onLine = onLine;
    this.#choice = begin(memory.get("transport", shapes.text));
    this.#remember = (transport) => memory.set("transport", transport);
  }

  start() {
    watchWaking(() => this.ask());
    window.addEventListener("offline", () => this.ask());
    setInterval(() => this.#check(), CHECK_MS);
    this.#connect();
  }

  /** Send an operation; false if there is no line, or it only listens and the operation is not worth a request. */
  send(operation) {
    if (!this.#isHeard || (operation.op !== "send" && this.#choice.next !== "socket")) return false;
    this.#line.send(operation);
    return true;
  }

  /** Find out now whether there is a line; if none, try to get one. */
  ask() {
    if (!this.#line) {
      if (performance.now() >= this.#notBefore) this.retry();
    } else if (!this.#isHeard) {
      // Its time runs, but timers of a frozen page do not.
      if (performance.now() - this.#heard > patience(this.#choice)) this.#lost(this.#line, {});
    } else if (performance.now() - this.#heard > FRESH_MS && !this.#doubt) {
      if (this.#line.ask()) {
        this.#expectAnswer();
      } else {
        this.#choice = restart(this.#choice);
        this.#connect(ANSWER_MS);
      }
    }
  }

  /** Try now, whatever the server said about when. */
  retry() {
    if (!this.#line) this.#connect();
    else this.ask();
  }

  /** Drop the line and take it up again from the cursor of then. */
  reconnect() {
    if (this.#line) this.#lost(this.#line, {});
  }

  #connect(patienceMs = patience(this.#choice)) {
    this.#drop();
    this.#heard = performance.now();
    this.#onLine("connecting", this.#trouble, this.#why);
    const open = OPEN[this.#choice.next];
    const line = (document.body.dataset.account === undefined ? open : whileSignedIn(open))(this.#place(), {
      onItem: (item) => this.#received(line, item),
      onEnd: (end) => this.#lost(line, end),
    });
    this.#line = line;
    this.#due = setTimeout(() => this.#lost(line, {}), patienceMs);
  }

  #received(line, item) {
    if (line !== this.#line) return;
    this.#heard = performance.now();
    if (this.#isInDoubt) this.#onLine("live", null);
    this.#stopExpecting();
    if (!this.#isHeard) {
      this.#isHeard = true;
      this.#choice = worked(this.#choice);
      this.#remember(this.#choice.first);
    }
    if (item.type === "caught_up") {
      this.#isLive = true;
      this.#attempt = 0;
      this.#trouble = null;
      this.#why = "";
    }
    if (item.type === "bye") {
      this.#notBefore = performance.now() + (item.reconnect_after_ms ?? 0);
      this.#trouble = "draining";
    }
    if (item.type === "closed") {
      this.#trouble = item.code;
      this.#why = item.detail ?? "";
    }
    this.#onItem(item);
  }

  #lost(line, end) {
    if (line !== this.#line) return;
    this.#choice = failed(this.#choice, { heard: this.#isHeard, isRefused: end.isRefused ?? false });
    this.#drop();
    if (this.#choice.atOnce) {
      this.#connect();
      return;
    }
    this.#trouble = end.code ?? (isLasting(this.#trouble) ? this.#trouble : null);
    if (isClosed(this.#trouble)) this.#notBefore = performance.now() + CLOSED_MS;
    if (end.waitMs) this.#notBefore = performance.now() + end.waitMs;
    if (end.code) this.#why ||= end.detail ?? "";
    this.#onLine("retrying", this.#trouble, this.#why);
    const asked = Math.max(0, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => this.#connect(), asked + backoff(this.#attempt));
    this.#attempt += 1;
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#stopExpecting();
    this.#line?.close();
    this.#line = null;
    this.#isHeard = this.#isLive = false;
  }

  #expectAnswer() {
    const line = this.#line;
    this.#due = setTimeout(() => this.#lost(line, {}), ANSWER_MS);
    this.#doubt = setTimeout(() => {
      this.#isInDoubt = this.#isLive;
      if (this.#isInDoubt) this.#onLine("asking", null);
    }, DOUBT_MS);
  }

  #stopExpecting() {
    clearTimeout(this.#due);
    clearTimeout(this.#doubt);
    this.#doubt = 0;
    this.#isInDoubt = false;
  }

  #check() {
    if (!this.#isHeard) return;
    const resting = document.hidden ? rest(this.#choice) : null;
    if (resting) {
      this.#choice = resting;
      this.#connect();
    } else if (performance.now() - this.#heard > SILENCE_MS && !(document.hidden && this.#choice.next === "poll")) {
      this.#lost(this.#line, {}); // polls in the background come when the browser lets them
    }
  }
}
