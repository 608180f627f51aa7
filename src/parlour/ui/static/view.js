// The timeline on the screen: makes the page agree with the state, and keeps the reader's place while doing so.

import { Announcer, spoken } from "./announcer.js";
import { renderEdge } from "./edge.js";
import { element, outgoingNode, readMessage, rowNode, updateDay, updateRow } from "./message.js";
import { hold, Roving } from "./roving.js";
import { rows } from "./rows.js";
import { begin } from "./state.js";
import { dayOf } from "./times.js";

const NEAR_END_PX = 60;
const NEAR_START_PX = 600;

export class View {
  #parts = {};
  #state = null;
  #roving;
  #announcer = null;
  #wasLive = false;

  constructor() {
    const jump = element("button", { class: "jump", id: "jump", type: "button", hidden: "" }, "Jump to latest");
    document.querySelector(".foot").prepend(jump);
    for (const id of ["scroller", "messages", "outbox", "edge", "jump"]) {
      this.#parts[id] = document.getElementById(id);
    }
    this.#roving = new Roving(this.#parts.messages, {
      selector: ".message", rest: (items) => items.at(-1), name: nameOf,
    });
  }

  /** The state that the server rendered. Its days are those of UTC, so they go: the reader has days of their own. */
  read({ mine }) {
    for (const day of this.#parts.messages.querySelectorAll(".day")) day.remove();
    const { room, epoch, first, last, about, account, read } = document.body.dataset;
    const own = new Set(mine);
    const messages = [...this.#parts.messages.querySelectorAll("li[data-seq]")].map((node) => {
      node.dataset.row = `m${node.dataset.seq}`;
      // What a guest has written the server may know better; what can be done with it is in the bar from now on.
      const actions = node.querySelector(".actions");
      if (actions && account === undefined) own.add(node.dataset.author);
      actions?.remove();
      return readMessage(node, room);
    });
    return begin({
      room, epoch, firstSeq: Number(first), lastSeq: Number(last), messages, mine: [...own], about: JSON.parse(about), account,
      newFrom: read === undefined ? null : Number(read) + 1,
    });
  }

  /** What the reader does: `onPlace()` after scrolling, `onAct(act, key)` for a button of a message on its way. */
  listen({ onPlace, onAct, onOlder }) {
    const { scroller, jump, outbox, edge } = this.#parts;
    scroller.addEventListener("scroll", () => onPlace(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    edge.addEventListener("click", (event) => {
      if (!event.target.closest("#older a")) return;
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

  /** The seq of the message in the middle of what is in sight; null at the end, where the page comes back to by itself. */
  get seqInSight() {
    const { scroller, messages } = this.#parts;
    if (this.isAtEnd && document.body.dataset.live === "yes") return null;
    const { top, height } = scroller.getBoundingClientRect();
    const shown = [...messages.querySelectorAll("[data-seq]")];
    const node = shown.find((child) => child.getBoundingClientRect().bottom > top + height / 2) ?? shown.at(-1);
    return node?.dataset.seq ?? null;
  }

  /** The list of the messages. */
  get list() {
    return this.#parts.messages;
  }

  /** The message that a row shows, or null. */
  eventOf(node) {
    const seq = Number(node.dataset.seq);
    return this.#state?.messages.find((event) => event.seq === seq && event.type === "message") ?? null;
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
    const parts = ["messages", "newFrom", "mine", "missed"];
    if (parts.some((part) => state[part] !== old?.[part])) this.#renderMessages(state);
    const isLive = state.line === "live" || state.line === "asking";
    if (state.outbox !== old?.outbox || isLive !== this.#wasLive) {
      this.#wasLive = isLive;
      this.#parts.outbox.replaceChildren(...state.outbox.map((item) => outgoingNode(item, isLive)));
    }
    renderEdge(this.#parts.edge, state);
    this.#announcer?.hear(state);
    if (place === null) this.toEnd();
    else this.#parts.scroller.scrollTop += place.node.getBoundingClientRect().top - place.top;
    this.renderPlace();
    const title = `${state.about.title || state.room} · Parlour`; // without "Not sent"
    const calls = state.isQuiet ? 0 : state.unread + state.calls; // here, and what is for the reader elsewhere
    document.title = calls ? `(${calls}) ${title}` : title;
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
    this.#announcer = new Announcer(this.#state);
  }

  /** Call the days what they are by now. */
  renderDays() {
    for (const day of this.#parts.messages.querySelectorAll(".day")) updateDay(day);
  }

  #renderMessages(state) {
    const { messages, scroller } = this.#parts;
    const reader = { mine: state.mine, account: state.account };
    const nodes = new Map([...messages.children].map((node) => [node.dataset.row, node]));
    let next = messages.firstElementChild;
    for (const row of rows(state.messages, state.newFrom, dayOf, state.missed)) {
      const known = nodes.get(row.key);
      nodes.delete(row.key);
      if (known) updateRow(known, row, reader);
      const node = known ?? rowNode(row, reader);
      if (!known && row.kind === "message") hold(node);
      if (node === next) next = node.nextElementSibling;
      else messages.insertBefore(node, next);
    }
    for (const node of nodes.values()) node.remove();
    this.#roving.refresh();
    scroller.tabIndex = state.messages.length ? -1 : 0; // what has a stop inside needs none
  }

  /** The first message in sight and where it is, to put it back there. */
  #place() {
    const { scroller, messages } = this.#parts;
    const top = scroller.getBoundingClientRect().top;
    const node = [...messages.children].find((child) => child.getBoundingClientRect().bottom > top) ?? scroller;
    return { node, top: node.getBoundingClientRect().top };
  }
}

/** What a screen reader says of a message that it gets to. */
function nameOf(node) {
  const [name, time, text] = [".name", "time", ".text"].map((part) => node.querySelector(part).textContent);
  return `${name}, ${time}: ${spoken(text)}`;
}
