// The rooms at the side: which were active last, kept up to date while somebody looks.

import { activeRooms, roomPath } from "./api.js";
import { element } from "./message.js";
import { hold, Roving } from "./roving.js";
import { ago, fullTime } from "./times.js";

const LOOK_MS = 20000;
const FRESH_MS = 60000;

/**
 * Rooms {room, at}, the last active first, with the one the reader is in.
 *
 * `at` is the time of the newest event, null if there is none: such a room is where it would be after the first. The
 * reader's own room may be known to be younger than the server's list says, or be missing there.
 */
export function listed(rooms, here) {
  const listedAt = rooms.find(({ room }) => room === here.room)?.at ?? null;
  const at = [listedAt, here.at].sort(youngestFirst).find((time) => time !== null) ?? null;
  const others = rooms.filter(({ room }) => room !== here.room);
  return [{ room: here.room, at }, ...others].sort((a, b) => youngestFirst(a.at, b.at));
}

function youngestFirst(a, b) {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? 1 : -1;
}

export class RoomList {
  #list = document.querySelector(".rooms");
  #here = { room: document.body.dataset.room, at: null };
  #nodes = new Map();
  #roving;
  #rooms = [];
  #asked = performance.now(); // the server's own list is fresh

  /** Take over the list that the server rendered. */
  constructor() {
    for (const node of this.#list.children) {
      const room = node.querySelector("bdi").textContent;
      this.#nodes.set(room, node);
      this.#rooms.push({ room, at: node.querySelector("time").dateTime || null });
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
    for (const { room, at } of rooms) {
      const time = this.#nodes.get(room)?.querySelector("time"); // none yet while nothing may move
      if (time && at !== null) showTime(time, at);
    }
  }

  #arrange(rooms) {
    const nodes = rooms.map(({ room }) => this.#nodes.get(room) ?? this.#node(room));
    this.#nodes = new Map(rooms.map(({ room }, index) => [room, nodes[index]]));
    const before = [...this.#list.children];
    const isSame = nodes.length === before.length && nodes.every((node, index) => node === before[index]);
    if (isSame) return;
    this.#list.replaceChildren(...nodes);
    this.#roving.refresh();
  }

  #node(room) {
    const current = room === this.#here.room ? { "aria-current": "page" } : {};
    const link = element("a", { href: roomPath(room), ...current }, element("bdi", {}, room), " ", element("time"));
    hold(link);
    return element("li", {}, link);
  }
}

function showTime(time, at) {
  const date = new Date(at);
  time.dateTime = at;
  time.title = fullTime(date);
  const words = ago(date);
  if (time.textContent !== words) time.textContent = words;
}
