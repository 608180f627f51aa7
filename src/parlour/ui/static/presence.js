// Who is here: faces in the bar, all of them in a sheet, each with a card; and telling the server how the reader is here.

import { peopleHere } from "./api.js";
import { iconNode } from "./marks.js";
import { element } from "./message.js";
import { avatarNode } from "./people.js";
import { opener, sheet } from "./sheets.js";

const FACES = 4;
const AWAY_AFTER_MS = 60_000; // not looked at for so long
const ASK_MS = 60_000; // where no WebSocket tells

export class Presence {
  #room;
  #send;
  #isOwn;
  #button = opener("people", { class: "here" }, iconNode("people"));
  #list = element("ul", { class: "roll" });
  #sheet;
  #timer = 0;
  #isAway = document.hidden;
  #isTold = false;

  /** For a room: `send(state)` tells the server that the reader is `online` or `away`, `isOwn(id)` says who is the reader, `onPerson(person, node)` shows a card. */
  constructor(room, { send, isOwn, onPerson }) {
    this.#room = room;
    this.#send = send;
    this.#isOwn = isOwn;
    const members = document.querySelector(".bar .members");
    const ways = members === null ? [] : [element("p", { class: "to-members" }, members)];
    this.#sheet = sheet("people", "Who is here", this.#list, ...ways);
    this.#sheet.addEventListener("toggle", ({ newState }) => newState === "open" && this.#ask());
    this.#list.addEventListener("click", ({ target }) => {
      const row = target.closest("button");
      if (row) onPerson(JSON.parse(row.dataset.person), row);
    });
    document.getElementById("connection").after(this.#button); // a direct conversation has no other
    document.addEventListener("visibilitychange", () => this.#looked());
    setInterval(() => this.#isTold || document.hidden || this.#ask(), ASK_MS);
    this.#button.hidden = true;
  }

  /** The line is live: say how the reader is here, and be told who is. */
  announce() {
    if (!this.#send(this.#isAway ? "away" : "online") && !this.#isTold) this.#ask();
  }

  /** An item says how many are here, and some of them. */
  heard({ count, people }) {
    this.#isTold = true;
    this.#show(count, people);
    if (this.#sheet.matches(":popover-open")) this.#ask();
  }

  #looked() {
    clearTimeout(this.#timer);
    const say = () => {
      this.#isAway = document.hidden;
      this.announce();
    };
    if (document.hidden) this.#timer = setTimeout(say, AWAY_AFTER_MS);
    else if (this.#isAway) say();
  }

  async #ask() {
    const here = await peopleHere(this.#room);
    if (here === null) return;
    this.#show(here.count, here.people);
    const more = here.count - here.people.length;
    this.#list.replaceChildren(...here.people.map((person) => this.#row(person)), ...(more > 0 ? [element("li", { class: "rest" }, `and ${more} more`)] : []));
  }

  #show(count, people) {
    const faces = element("span", { class: "faces", "aria-hidden": "true" }, ...people.slice(0, FACES).map((person) => avatarNode(person)));
    const words = count === 1 ? " person is here" : " people are here";
    this.#button.replaceChildren(faces, iconNode("people"), element("span", { class: "number" }, `${count}`), element("span", { class: "unseen" }, words));
    this.#button.hidden = count === 0;
  }

  #row(person) {
    const { id, name, kind, away = false } = person;
    const role = this.#isOwn(id) ? "you" : { guest: "guest", bot: "bot" }[kind];
    return element("li", {}, element("button", { type: "button", "data-person": JSON.stringify(person) },
      avatarNode(person), element("span", { class: `state${away ? " away" : ""}` }, element("span", { class: "unseen" }, away ? "away" : "online")),
      element("bdi", {}, name), ...(role ? [element("small", {}, role)] : [])));
  }
}
