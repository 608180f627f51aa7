// The rooms at the side, by section, kept up to date while somebody looks. What a room needs of the reader is in its item.

import { activeRooms, roomPath } from "./api.js";
import { markNode } from "./marks.js";
import { lasting } from "./memory.js";
import { element } from "./message.js";
import { hold, Roving } from "./roving.js";
import * as shapes from "./shapes.js";
import { fullTime, shortAgo } from "./times.js";

const LOOK_MS = 20000;
const FRESH_MS = 60000;
const OPENED = 12; // rooms that this browser has opened stay in its list, even if others are more active

/** The sections, in their order; the twin of SECTIONS in page.py. */
const SECTIONS = { favourites: "Favourites", rooms: "Rooms", direct: "Direct" };

/**
 * Rooms {room, at, title, isPrivate, section, isUnread, count, isMuted}, the last active first, with the one the reader is in.
 *
 * `at` is the time of the newest event, null if there is none: such a room is where it would be after the first. The
 * reader's own room may be known to be younger than the server's list says, or be missing there. `opened` are rooms
 * that the reader has been in: those which are missing come last.
 */
export function listed(rooms, here, opened = []) {
  const found = rooms.find(({ room }) => room === here.room);
  const at = [found?.at ?? null, here.at].sort(youngestFirst).find((time) => time !== null) ?? null;
  const others = rooms.filter(({ room }) => room !== here.room);
  const missing = opened.filter(({ room }) => room !== here.room && !rooms.some((each) => each.room === room));
  return [...[{ ...found, ...here, at }, ...others].sort((a, b) => youngestFirst(a.at, b.at)), ...missing];
}

function youngestFirst(a, b) {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? 1 : -1;
}

export class RoomList {
  #place = document.querySelector(".list");
  #here;
  #nodes = new Map();
  #needs = new Map(); // room to what it needs of the reader, as the line has told last
  #roving;
  #rooms = [];
  #opened;
  #asked = performance.now(); // the server's own list is fresh

  /** Take over the list that the server rendered. */
  constructor() {
    const { room: here, about } = document.body.dataset;
    const { title, access } = JSON.parse(about);
    this.#here = { room: here, at: null, title, isPrivate: access === "private", section: access === "direct" ? "direct" : "rooms" };
    for (const node of this.#place.querySelectorAll("[data-room]")) {
      const { room } = node.dataset;
      const name = node.querySelector("bdi").textContent;
      this.#nodes.set(room, node);
      this.#rooms.push({
        room, at: node.querySelector("time").dateTime || null, title: name === room ? "" : name,
        isPrivate: node.querySelector(".is") !== null, section: node.closest("section").dataset.section,
      });
      this.#needs.set(room, {
        section: node.closest("section").dataset.section, isUnread: node.classList.contains("unread"),
        isMuted: node.classList.contains("muted"), count: Number.parseInt(node.querySelector(".count")?.textContent ?? "0", 10),
      });
    }
    const opened = lasting.get("rooms", shapes.rooms).filter(({ room }) => room !== here);
    this.#opened = opened.slice(0, OPENED);
    // Others may use this browser: it remembers what everybody may see.
    if (access === "open") lasting.set("rooms", [{ room: here, title }, ...this.#opened]);
  }

  start() {
    this.#roving = new Roving(this.#place, {
      selector: ".rooms a", rest: (links) => links.find((link) => link.ariaCurrent) ?? links[0],
    });
    setInterval(() => this.#look(), LOOK_MS);
    document.addEventListener("visibilitychange", () => this.#look());
    this.#place.addEventListener("mouseleave", () => this.#render());
    this.#render();
  }

  /** The rooms are these now, with what they need of the reader. */
  update(rooms) {
    this.#asked = performance.now();
    this.#rooms = rooms;
    this.#render();
  }

  /** A room needs this of the reader: {isUnread, count, isMuted, section}. One that is not in the list comes into it. */
  needs(room, needs) {
    this.#needs.set(room, needs);
    const isKnown = room === this.#here.room || this.#rooms.some((each) => each.room === room);
    if (!isKnown && (needs.count > 0 || needs.section === "favourites")) {
      this.#rooms = [...this.#rooms, { room, at: null, title: "", isPrivate: room.startsWith("~") }];
      this.#asked = -FRESH_MS; // its title is asked for at the next look
    }
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
    const opened = this.#opened.map((each) => ({ ...each, at: null, isPrivate: false }));
    const rooms = listed(this.#rooms, this.#here, opened).map((each) => ({ ...each, ...this.#needs.get(each.room) }));
    // Nothing moves under the pointer or the focus.
    if (!this.#place.matches(":hover, :focus-within")) this.#arrange(rooms);
    for (const each of rooms) {
      const node = this.#nodes.get(each.room);
      if (node) show(node, each); // else not yet, while nothing may move
    }
  }

  #arrange(rooms) {
    const nodes = new Map(rooms.map((each) => [each.room, this.#nodes.get(each.room) ?? this.#node(each)]));
    this.#nodes = nodes;
    const were = [...this.#place.querySelectorAll("section")];
    const sections = Object.entries(SECTIONS).map(([name, title]) => {
      const inside = rooms.filter(({ section = "rooms" }) => section === name).map(({ room }) => nodes.get(room));
      if (inside.length === 0) return null;
      const section = were.find(({ dataset }) => dataset.section === name) ?? sectionNode(name, title);
      const list = section.querySelector(".rooms");
      if (!isSame(inside, [...list.children])) list.replaceChildren(...inside);
      return section;
    }).filter((section) => section !== null);
    if (!isSame(sections, were)) {
      for (const section of were) section.remove();
      this.#place.prepend(...sections);
    }
    this.#roving.refresh();
  }

  #node({ room, title, isPrivate }) {
    const current = room === this.#here.room ? { "aria-current": "page" } : {};
    const sign = isPrivate ? markNode("lock", "sign is") : element("span", { class: "sign", "aria-hidden": "true" });
    const link = element("a", { href: roomPath(room), ...current }, sign, element("bdi", {}, title || room), " ", element("time"));
    hold(link);
    return element("li", { "data-room": room }, link);
  }
}

const sectionNode = (name, title) => element("section", { "data-section": name, "aria-labelledby": `list-${name}` },
  element("h2", { id: `list-${name}` }, title), element("ul", { class: "rooms" }));

/** Bring an item up to date: its name, when something happened, and what it needs of the reader. */
function show(node, { room, title, at, isUnread = false, count = 0, isMuted = false }) {
  setText(node.querySelector("bdi"), title || room);
  const classes = { unread: isUnread, counted: count > 0, muted: isMuted };
  for (const [name, isSo] of Object.entries(classes)) node.classList.toggle(name, isSo);
  const link = node.querySelector("a");
  const words = count > 0 ? `${count} for you` : isUnread ? "unread" : "";
  if ((link.querySelector(".count, bdi ~ .unseen")?.textContent ?? "") !== words) {
    for (const old of link.querySelectorAll(".count, bdi ~ .unseen")) old.remove();
    if (count > 0) link.querySelector("bdi").after(" ", element("b", { class: "count" }, `${count}`, element("span", { class: "unseen" }, " for you")));
    else if (words) link.querySelector("bdi").after(" ", element("span", { class: "unseen" }, words));
  }
  if (at === null) return;
  const time = node.querySelector("time");
  const date = new Date(at);
  time.dateTime = at;
  time.title = fullTime(date);
  setText(time, shortAgo(date));
}

const isSame = (some, others) => some.length === others.length && some.every((node, index) => node === others[index]);

function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
