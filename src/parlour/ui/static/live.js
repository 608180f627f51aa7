// The line to the room: one WebSocket that comes back by itself, from the last event seen.

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15000;
const SILENCE_MS = 40000; // a heartbeat comes every 20 to 25 s; nothing in 40 s means that nobody is there
const CHECK_MS = 5000;

/** How long to wait before an attempt, counted from 0: exponential with full jitter, so that a crowd spreads out. */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
}

export class Live {
  #address;
  #onItem;
  #onLine;
  #socket = null;
  #attempt = 0;
  #timer = 0;
  #heard = 0;
  #notBefore = 0;

  /** `address()` is asked at each attempt; `onItem(item)` gets every frame, `onLine(line)` each change of the line. */
  constructor({ address, onItem, onLine }) {
    this.#address = address;
    this.#onItem = onItem;
    this.#onLine = onLine;
  }

  start() {
    window.addEventListener("online", () => this.#hurry());
    window.addEventListener("offline", () => this.#check());
    window.addEventListener("pageshow", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
    setInterval(() => this.#check(), CHECK_MS);
    this.#connect();
  }

  /** Send an operation; false if there is no line. */
  send(operation) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(operation));
    return true;
  }

  /** Drop the line and take it up again from the cursor of then. */
  reconnect() {
    if (this.#socket) this.#lost(this.#socket);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#heard = performance.now();
    this.#onLine("connecting");
    const socket = new WebSocket(this.#address());
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#received(socket, data);
    socket.onclose = () => this.#lost(socket);
  }

  #received(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard = performance.now();
    let item;
    try {
      item = JSON.parse(data);
    } catch {
      this.#lost(socket);
      return;
    }
    if (item.type === "caught_up") this.#attempt = 0;
    if (item.type === "bye") this.#notBefore = performance.now() + (item.reconnect_after_ms ?? 0);
    this.#onItem(item);
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.onclose = null;
    socket.close();
    this.#onLine(navigator.onLine ? "retrying" : "offline");
    const asked = Math.max(0, this.#notBefore - performance.now());
    this.#notBefore = 0;
    this.#timer = setTimeout(() => this.#connect(), asked + backoff(this.#attempt));
    this.#attempt += 1;
  }

  /** The world has changed for the better: try now. */
  #hurry() {
    if (this.#timer) this.#connect();
    else this.#check();
  }

  #check() {
    if (this.#socket && performance.now() - this.#heard > SILENCE_MS) this.#lost(this.#socket);
    if (this.#timer) this.#onLine(navigator.onLine ? "retrying" : "offline");
  }
}
