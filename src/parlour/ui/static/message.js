// The rows of a timeline as DOM nodes; the twins of those that timeline.py renders. Text is only ever a text node.

import { eventPath } from "./api.js";
import { pictured, Pictures } from "./hidden.js";
import { pieces } from "./links.js";
import { missedWords } from "./missed.js";
import { hue, initial } from "./rows.js";
import { clockTime, dayLabel, fullTime } from "./times.js";

/** A node with attributes and children; children that are strings become text nodes, null is left out. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** A new node for a row of rows.js. */
export function rowNode(row, reader) {
  const node = makers[row.kind](row);
  node.dataset.row = row.key;
  updateRow(node, row, reader);
  return node;
}

/**
 * Bring a node up to date with its row: who it is by, its neighbours, the reader's clock and who the reader is, by the
 * ids `mine` and the id of their account, if they have one.
 */
export function updateRow(node, row, { mine, account }) {
  if (row.kind === "day") updateDay(node);
  if (row.kind !== "message" && row.kind !== "notice") return;
  showAuthor(node, row);
  if (row.kind === "message") {
    node.classList.toggle("cont", row.continues);
    node.classList.toggle("mine", mine.includes(row.event.by.id));
    node.classList.toggle("for-me", isFor(account, row.event));
  }
  const time = node.querySelector("time");
  setText(time, clockTime(row.at));
  if (time.title !== fullTime(row.at)) time.title = fullTime(row.at);
}

/** Whether a message is for an account: another one has named it, or called everybody. */
function isFor(account, { by, mentions, everyone }) {
  return account !== undefined && account !== by.id && (Boolean(everyone) || (mentions ?? []).includes(account));
}

/** A message is by another name once its account is deleted, and a notice is about another one. */
function showAuthor(node, { kind, event }) {
  const { id, name, hue: chosen } = event.by;
  if (kind === "notice") setText(node.querySelector(".what"), event.text);
  const shown = node.querySelector(".name bdi");
  if (shown.textContent === name) return;
  shown.textContent = name;
  if (kind === "notice") return;
  node.querySelector(".avatar").dataset.initial = initial(name);
  for (const each of [...node.classList]) if (each.startsWith("hue-")) node.classList.remove(each);
  node.classList.add(`hue-${hue(id, chosen)}`);
}

/** Say which day it is as seen from now: yesterday's "Today" is "Yesterday". */
export function updateDay(node) {
  const time = node.firstElementChild;
  setText(time, dayLabel(time.dateTime));
}

/** The event that a server-rendered message or notice shows. */
export function readMessage(node, room) {
  const { seq, author, kind, key, hue: chosen, mentions, everyone } = node.dataset;
  const notice = node.querySelector(".what");
  return {
    room, seq: Number(seq), type: notice ? "notice" : "message", at: node.querySelector("time").dateTime,
    by: { id: author, name: node.querySelector(".name").textContent, kind, hue: chosen === undefined ? undefined : Number(chosen) },
    text: notice ? notice.textContent : readText(node.querySelector(".text")), key, mentions: mentions?.split(" "), everyone,
  };
}

/** The text that a node shows, with what cannot be seen instead of its pictures. */
function readText(node) {
  return [...node.childNodes].map((child) => {
    if (child.className === "hidden-char") return pictured(child.textContent);
    return child.localName === "a" ? readText(child) : child.textContent;
  }).join("");
}

/** A message that is on its way: {key, text, name, at, status, detail}. The buttons tell their `data-act`. */
export function outgoingNode(item, isLive) {
  const status = {
    pending: isLive ? "Sending…" : "Waiting…", held: "Will be sent again", nameless: "Waiting for another name",
    stored: "Sent", failed: "Not sent",
  }[item.status];
  return element("li", { class: `message outgoing ${item.status}`, "data-key": item.key },
    element("span", { class: "avatar", "aria-hidden": "true", "data-initial": initial(item.name) || "…" }),
    element("p", { class: "meta" },
      element("b", { class: "name" }, element("bdi", {}, item.name || "You")), " ",
      element("span", { class: "status" }, item.detail ? `${status}: ${item.detail}` : status)),
    textNode(item.text),
    item.status === "failed" ? element("p", { class: "acts" },
      element("button", { type: "button", "data-act": "retry" }, "Try again"),
      element("button", { type: "button", "data-act": "edit" }, "Edit"),
      element("button", { type: "button", "data-act": "discard" }, "Discard")) : null);
}

/** Whether a notice is of somebody who comes or goes: they may be many, and follow each other on a line (ui/timeline.py). */
const isPassing = ({ what }) => what === "joined" || what === "left";

const makers = {
  day: ({ day }) => element("li", { class: "day" }, element("time", { datetime: day })),
  new: () => element("li", { class: "new" }, element("span", {}, "New")),
  missed: ({ reason }) => element("li", { class: "missed" }, missedWords(reason)),
  notice: ({ event, at }) => element("li", { class: `notice${isPassing(event) ? " passing" : ""}`, id: `m${event.seq}`, "data-seq": event.seq },
    nameNode(event), badgeNode(event), " ", element("span", { class: "what", dir: "auto" }, event.text), " ", whenNode(event, at)),
  message: ({ event, at }) => element("li",
    { class: `message hue-${hue(event.by.id, event.by.hue)}`, id: `m${event.seq}`, "data-seq": event.seq },
    element("span", { class: "avatar", "aria-hidden": "true", "data-initial": initial(event.by.name) }),
    element("p", { class: "meta" },
      nameNode(event), badgeNode(event), " ", whenNode(event, at)),
    textNode(event.text)),
};

const nameNode = ({ by }) => element("b", { class: "name" }, element("bdi", {}, by.name));

const badgeNode = ({ by }) => ["bot", "system"].includes(by.kind) ? element("span", { class: "badge" }, by.kind) : null;

const whenNode = ({ room, seq, at: datetime }, at) => element("a", { class: "when", href: eventPath(room, seq) },
  element("time", { datetime, title: fullTime(at) }));

function textNode(text) {
  const pictures = new Pictures();
  const parts = pieces(text.replaceAll("\r\n", "\n")).flatMap(({ text: part, address }) => address !== null
    ? element("a", { href: address, dir: "ltr", rel: "noopener noreferrer nofollow" }, part)
    : pictures.cut(part).map(shownNode));
  return element("div", { class: "text", dir: "auto" }, ...parts, ...pictures.rest.map(shownNode));
}

function shownNode({ text, isPicture }) {
  return isPicture ? element("span", { class: "hidden-char", dir: "ltr" }, text) : text;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
