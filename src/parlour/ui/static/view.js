// The timeline on the screen: makes the page agree with the state, and keeps the reader's place while doing so.

import { bold, jumpButton, link, showEdge } from "./edges.js";
import { outgoingNode, readMessage, rowNode, updateRow } from "./message.js";
import { rows } from "./rows.js";
import { begin, hasOlder } from "./state.js";
import { dayOf } from "./times.js";

const NEAR_END_PX = 60;
const NEAR_START_PX = 600;

export class View {
  #parts = {};
  #title = document.title;
  #state = null;
  #wasLive = false;

  constructor() {
    for (const id of ["scroller", "messages", "outbox", "older", "start", "empty"]) {
      this.#parts[id] = document.getElementById(id);
    }
    this.#parts.jump = jumpButton();
    document.querySelector(".foot").prepend(this.#parts.jump);
  }

  /** The state that the server rendered. Its days are those of UTC, so they go: the reader has days of their own. */
  read({ mine }) {
    for (const day of this.#parts.messages.querySelectorAll(".day")) day.remove();
    const { room, epoch, first, last } = document.body.dataset;
    const messages = [...this.#parts.messages.querySelectorAll("li[data-seq]")].map((node) => {
      node.dataset.row = `m${node.dataset.seq}`;
      return readMessage(node, room);
    });
    return begin({ room, epoch, firstSeq: Number(first), lastSeq: Number(last), messages, mine });
  }

  /** What the reader does: `onPlace()` after scrolling, `onAct(act, key)` for a button of a message on its way. */
  listen({ onPlace, onAct, onOlder }) {
    const { scroller, jump, outbox, older } = this.#parts;
    scroller.addEventListener("scroll", () => onPlace(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    older.addEventListener("click", (event) => {
      event.preventDefault();
      onOlder();
    });
    outbox.addEventListener("click", ({ target }) => {
      if (target.dataset.act) onAct(target.dataset.act, target.closest("li").dataset.key);
    });
  }

  /** Whether the end of the timeline is in sight. The scroller counts from its end: 0 there, less above. */
  get isAtEnd() {
    return this.#parts.scroller.scrollTop > -NEAR_END_PX;
  }

  get isNearStart() {
    const { scrollHeight, clientHeight, scrollTop } = this.#parts.scroller;
    return scrollHeight - clientHeight + scrollTop < NEAR_START_PX;
  }

  toEnd() {
    this.#parts.scroller.scrollTop = 0;
  }

  render(state) {
    const old = this.#state;
    this.#state = state;
    // In another epoch the same numbers are other messages.
    if (old && state.epoch !== old.epoch) this.#parts.messages.replaceChildren();
    const place = this.isAtEnd ? null : this.#place();
    if (state.messages !== old?.messages || state.newFrom !== old.newFrom || state.mine !== old.mine) {
      this.#renderMessages(state);
    }
    const isLive = state.line === "live" || state.line === "asking";
    if (state.outbox !== old?.outbox || isLive !== this.#wasLive) {
      this.#wasLive = isLive;
      this.#parts.outbox.replaceChildren(...state.outbox.map((item) => outgoingNode(item, isLive)));
    }
    if (place === null) this.toEnd();
    else this.#parts.scroller.scrollTop += place.node.getBoundingClientRect().top - place.top;
    this.renderPlace();
    document.title = state.unread ? `(${state.unread}) ${this.#title}` : this.#title;
  }

  /** What depends on where the reader is. */
  renderPlace() {
    const { jump } = this.#parts;
    const { unread } = this.#state;
    jump.hidden = this.isAtEnd;
    const words = unread ? `${unread} new ${unread === 1 ? "message" : "messages"}` : "Jump to latest";
    if (jump.textContent !== words) jump.textContent = words;
    jump.classList.toggle("unread", unread > 0);
  }

  /** Nothing new will come: there is nothing to jump to. */
  leave() {
    this.#parts.jump.hidden = true;
  }

  /** New messages are spoken from here on; what was there before is not. */
  announce() {
    this.#parts.scroller.setAttribute("role", "log");
    this.#parts.scroller.setAttribute("aria-live", "polite");
  }

  #renderMessages(state) {
    const { messages, older, start, empty } = this.#parts;
    const nodes = new Map([...messages.children].map((node) => [node.dataset.row, node]));
    let next = messages.firstElementChild;
    for (const row of rows(state.messages, state.newFrom, dayOf)) {
      const known = nodes.get(row.key);
      nodes.delete(row.key);
      if (known) updateRow(known, row, state.mine);
      const node = known ?? rowNode(row, state.mine);
      if (node === next) next = node.nextElementSibling;
      else messages.insertBefore(node, next);
    }
    for (const node of nodes.values()) node.remove();
    const { room } = state;
    showEdge(older, hasOlder(state), () => [link(`/${encodeURIComponent(room)}`, "Older messages")]);
    showEdge(start, !hasOlder(state) && state.messages.length > 0, () => ["This is where ", bold(room), " begins."]);
    showEdge(empty, state.lastSeq === 0, () => []);
  }

  /** The first message in sight and where it is, to put it back there. */
  #place() {
    const { scroller, messages } = this.#parts;
    const top = scroller.getBoundingClientRect().top;
    const node = [...messages.children].find((child) => child.getBoundingClientRect().bottom > top) ?? scroller;
    return { node, top: node.getBoundingClientRect().top };
  }
}
