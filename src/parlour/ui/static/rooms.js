// The rooms at the side: which were active last, kept up to date while somebody looks.

import { activeRooms, roomPath } from "./api.js";
import { markNode } from "./marks.js";
import { element } from "./message.js";
import { hold, Roving } from "./roving.js";
import { ago, fullTime } from "./times.js";

const LOOK_MS = 20000;
const FRESH_MS = 60000;

/**
 * Rooms {room, at, title, isPrivate}, the last active first, with the one the reader is in.
 *
 * `at` is the time of the newest event, null if there is none: such a room is where it would be after the first. The
 * reader's own room may be known to be younger than the server's list says, or be missing there.
 */
export function listed(rooms, here) {
  const listedAt = rooms.find(({ room }) => room === here.room)?.at ?? null;
  const at = [listedAt, here.at].sort(youngestFirst).find((time) => time !== null) ?? null;
  const others = rooms.filter(({ room }) => room !== here.room);
  return [{ ...here, at }, ...others].sort((a, b) => youngestFirst(a.at, b.at));
}

function youngestFirst(a, b) {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? 1 : -1;
}

export class RoomList {
  #list = document.querySelector(".rooms");
  #here;
  #nodes = new Map();
  #roving;
  #rooms = [];
  #asked = performance.now(); // the server's own list is fresh

  /** Take over the list that the server rendered. */
  constructor() {
    const { room: here, about } = document.body.dataset;
    const { title, access } = JSON.parse(about);
    this.#here = { room: here, at: null, title, isPrivate: access === "private" };
    for (const node of this.#list.children) {
      const { room } = node.dataset;
      const name = node.querySelector("bdi").textContent;
      this.#nodes.set(room, node);
      this.#rooms.push({
        room, at: node.querySelector("time").dateTime || null, title: name === room ? "" : name, isPrivate: node.querySelector(".is") !== null,
      });
    }
  }

  start() {
    this.#roving = new Roving(this.#list, {
      selector: "a", rest: (links) => links.find((link) => link.ariaCurrent) ?? links[0],
    });
    setInterval(() => this.#look(), LOOK_MS);
    document.addEventListener("visibilitychange", () => this.#look());
    this.#list.addEventListener("mouseleave", () => this.#render());
    this.#render();
  }

  /** There is an event in this room, of this time. */
  heard(at) {
    if (this.#here.at !== null && at <= this.#here.at) return;
    this.#here = { ...this.#here, at };
    this.#render();
  }

  /** The room that the reader is in has this name now. */
  renamed(title) {
    this.#here = { ...this.#here, title };
    this.#render();
  }

  async #look() {
    if (document.visibilityState !== "visible") return;
    if (performance.now() - this.#asked >= FRESH_MS) {
      this.#asked = performance.now();
      try {
        this.#rooms = await activeRooms();
      } catch {
        // The old list is better than none.
      }
    }
    this.#render();
  }

  #render() {
    const rooms = listed(this.#rooms, this.#here);
    // Nothing moves under the pointer or the focus.
    if (!this.#list.matches(":hover, :focus-within")) this.#arrange(rooms);
    for (const { room, at, title } of rooms) {
      const node = this.#nodes.get(room);
      if (!node) continue; // not yet, while nothing may move
      setText(node.querySelector("bdi"), title || room);
      if (at !== null) showTime(node.querySelector("time"), at);
    }
  }

  #arrange(rooms) {
    const nodes = rooms.map((each) => this.#nodes.get(each.room) ?? this.#node(each));
    this.#nodes = new Map(rooms.map(({ room }, index) => [room, nodes[index]]));
    const before = [...this.#list.children];
    const isSame = nodes.length === before.length && nodes.every((node, index) => node === before[index]);
    if (isSame) return;
    this.#list.replaceChildren(...nodes);
    this.#roving.refresh();
  }

  #node({ room, title, isPrivate }) {
    const current = room === this.#here.room ? { "aria-current": "page" } : {};
    const lock = isPrivate ? [" ", markNode("lock")] : [];
    const link = element("a", { href: roomPath(room), ...current }, element("bdi", {}, title || room), ...lock, " ", element("time"));
    hold(link);
    return element("li", { "data-room": room }, link);
  }
}

function showTime(time, at) {
  const date = new Date(at);
  time.dateTime = at;
  time.title = fullTime(date);
  setText(time, ago(date));
}

function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
