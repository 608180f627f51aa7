// The one place that says what is wrong with the line and what waits for it: after five seconds (at once, if the
// reader has to sign in, since that does not pass by itself), and until it is well.

import { isOut } from "./about.js";
import { waitingIn } from "./outbox.js";

const AFTER_MS = 5000;

const WORDS = {
  offline: "You are offline.",
  draining: "The server is restarting.",
  rate_limited: "The server asks to slow down.",
  too_many_connections: "The server asks to slow down.",
  overloaded: "The server is busy.",
  storage_unavailable: "The server cannot store messages now.",
  storage_full: "The server’s disk is full.",
  login_required: "Only members can come in here.",
  signed_out: "You are signed out.",
  not_found: "You are not in this room any more.",
  cross_origin: "The server does not take this page for its own.",
};
const AWAY = "Can’t reach the server.";
const BY_SIGNING_IN = ["login_required", "signed_out"];
const SLOW = "Sending takes longer than usual.";

/** The words about a state of state.js: what is wrong, and how much waits. `isKept`: it would outlive the tab. */
export function stripWords({ line, trouble, why, outbox }, isOnline, isKept) {
  const waiting = waitingIn(outbox);
  const isLive = line === "live" || line === "asking";
  const code = isLive ? waiting.find((item) => item.status === "held")?.code : trouble;
  const words = (code === "signed_out" && why) || WORDS[code] || (isOut(code) && why) || undefined;
  const wrong = isOnline ? words ?? (isLive ? SLOW : AWAY) : WORDS.offline;
  if (waiting.length === 0) return wrong;
  const waits = waiting.length === 1 ? "1 message waits" : `${waiting.length} messages wait`;
  return `${wrong} ${waits}${isKept ? "." : ": keep this page open."}`;
}

function button(name, words, onClick) {
  const node = document.createElement("button");
  node.type = "button";
  node.className = name;
  node.textContent = words;
  node.addEventListener("click", () => onClick());
  return node;
}

export class Strip {
  #node = document.getElementById("strip");
  #said = document.getElementById("said");
  #signIn = document.createElement("a");
  #lineBroke = null; // when, or null
  #waitBegan = null;
  #timer = 0;

  /** `onRetry()` and `onDiscard()` are its buttons; its link leads to `signInPath`, null where nobody can sign in. */
  constructor(signInPath, { onRetry, onDiscard }) {
    // Made here, because browsers in a terminal know no `hidden` and would show them.
    if (signInPath !== null) this.#signIn.href = signInPath;
    this.#signIn.textContent = "Sign in";
    this.#node.append(this.#signIn, " ", button("retry", "Retry", onRetry), " ", button("discard", "Discard all", onDiscard));
  }

  render(state, isKept, now = performance.now()) {
    clearTimeout(this.#timer);
    const isWell = state.line === "live" && navigator.onLine;
    const waits = waitingIn(state.outbox).length;
    this.#lineBroke = isWell ? null : this.#lineBroke ?? now;
    this.#waitBegan = waits ? this.#waitBegan ?? now : null;
    const [since] = [this.#lineBroke, this.#waitBegan].filter((at) => at !== null).sort((a, b) => a - b);
    const isSaid = isOut(state.trouble) && waits === 0; // by writing.js
    if (since === undefined || isSaid) {
      this.#hide();
    } else if (now - since < AFTER_MS && !BY_SIGNING_IN.includes(state.trouble)) {
      this.#timer = setTimeout(() => this.render(state, isKept), AFTER_MS - (now - since));
    } else {
      this.#signIn.hidden = !this.#signIn.href || !BY_SIGNING_IN.includes(state.trouble);
      this.#show(stripWords(state, navigator.onLine, isKept), waits > 0);
    }
  }

  #show(words, canDiscard) {
    const text = this.#node.querySelector(".words");
    if (text.textContent !== words) text.textContent = words;
    this.#node.querySelector(".discard").hidden = !canDiscard;
    if (this.#node.hidden) this.#said.textContent = words; // spoken once, not at each change
    this.#node.hidden = false;
  }

  #hide() {
    if (this.#node.hidden) return;
    const hadFocus = this.#node.contains(document.activeElement);
    this.#node.hidden = true;
    this.#said.textContent = "Connected again.";
    if (hadFocus) document.getElementById("message")?.focus();
  }
}
