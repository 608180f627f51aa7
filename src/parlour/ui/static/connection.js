// The word at the top that says how the line is. A break that is mended within a second is not worth a word.

import { isOut } from "./about.js";

const GRACE_MS = 1000;
const WORDS = {
  connecting: "Connecting…", live: "Live", asking: "Checking…", retrying: "Reconnecting…", offline: "Offline",
  closed: "Closed", out: "Signed out",
};

export class Connection {
  #node = document.getElementById("connection");
  #line = "connecting";
  #trouble = null;
  #timer = 0;

  constructor() {
    for (const name of ["online", "offline"]) window.addEventListener(name, () => this.render(this.#line, this.#trouble));
    this.#show("connecting");
  }

  /** The line and its trouble are now as state.js has them. Without a network nothing is called live. */
  render(line, trouble) {
    this.#line = line;
    this.#trouble = trouble;
    if (!navigator.onLine) this.#show("offline");
    else if (line === "live" || line === "asking") this.#show(line);
    else if (trouble === "login_required" || isOut(trouble)) this.#show("closed");
    else if (trouble === "signed_out") this.#show("out");
    else this.#timer ||= setTimeout(() => this.#show(this.#word), GRACE_MS); // attempts that fail meanwhile change nothing
  }

  /** While a broken line is being taken up again the word stays: it says whether it works, not how. */
  get #word() {
    return this.#node.dataset.state === "connecting" ? this.#line : "retrying";
  }

  #show(state) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#node.dataset.state === state) return;
    this.#node.dataset.state = state;
    this.#node.querySelector(".words").textContent = WORDS[state];
    this.#node.querySelector("a").hidden = true;
  }
}
