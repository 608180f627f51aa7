// What needs the reader: what is unread in which room, and how far this one has been read.

import { markRead } from "./api.js";
import { showWhoWaits } from "./asking.js";
import { showOnIcon } from "./icon_count.js";
import { showReports } from "./reports.js";
import { isQuiet, minuteOfDay } from "./quiet.js";

const SEEN_MS = 1000; // a glance is no reading
const MINUTE_MS = 60_000;

/**
 * For whoever is signed in, else null. What rooms need goes to `roomList`; `lastSeq` is the newest event of the page, if all
 * of it is read.
 */
export function openInbox(lastSeq, send, roomList, dispatch) {
  const { room, inbox, read = lastSeq, quiet = "" } = document.body.dataset;
  return inbox === undefined ? null : new Inbox(room, Number(read), quiet, send, roomList, dispatch);
}

class Inbox {
  #room;
  #send;
  #roomList;
  #dispatch;
  #counts = new Map(); // room to the messages for the reader
  #quietHours;
  #read; // the seq up to which the server knows that this room is read
  #newest = 0; // the seq of the newest event at the last look
  #timer = 0;
  #isHeldBack = false; // the reader wants to have it unread

  constructor(room, read, quietHours, send, roomList, dispatch) {
    this.#room = room;
    this.#read = read;
    this.#quietHours = quietHours;
    this.#send = send;
    this.#roomList = roomList;
    this.#dispatch = dispatch;
    setInterval(() => this.#call(), MINUTE_MS);
    showWhoWaits(room);
  }

  /** Whether an item is about the reader's own log and not about the room; then it is done with. */
  heard(item) {
    if (item.type === "caught_up" && item.room === this.#room) {
      this.#send({ op: "me" });
      this.#call();
    }
    if (item.type === "inbox" && item.setting === "quiet_hours") {
      this.#quietHours = item.value;
      this.#call();
    }
    if (item.type === "reports") {
      showReports(item.open);
      return true;
    }
    if (item.type !== "unread") return item.room?.startsWith(".") ?? false;
    const { room, unread, mentions, level, favourite } = item;
    const isMuted = level === "nothing";
    const count = isMuted ? 0 : level === "all" ? unread : mentions;
    const section = favourite ? "favourites" : room.startsWith("@") ? "direct" : "rooms";
    this.#roomList.needs(room, { isUnread: unread > 0 && !isMuted, count, isMuted, section });
    this.#counts.set(room, room === this.#room ? 0 : count);
    this.#call();
    return true;
  }

  /** What is for the reader is counted in the page all the time, in its title and on its icon outside of quiet hours. */
  #call() {
    const calls = [...this.#counts.values()].reduce((sum, each) => sum + each, 0);
    const isQuietNow = isQuiet(this.#quietHours, minuteOfDay(new Date(), document.body.dataset.zone));
    this.#dispatch({ type: "calls", calls, isQuiet: isQuietNow });
    const [menu, total] = [".bar .menu", ".for-you .count"].map((selector) => document.querySelector(selector));
    if (total) total.textContent = calls || "";
    if (calls > 0) menu?.setAttribute("data-calls", calls);
    else menu?.removeAttribute("data-calls");
    showOnIcon(isQuietNow ? 0 : calls);
  }

  /** The reader looks at the newest messages, or does not; `seq` is that of the newest event. */
  looked(isAttentive, seq) {
    this.#newest = seq;
    if (!isAttentive) {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#isHeldBack = false;
    } else if (seq > this.#read && !this.#timer && !this.#isHeldBack) {
      this.#timer = setTimeout(() => this.#mark(seq), SEEN_MS);
    }
  }

  /** Nothing is read until the reader comes back. */
  holdBack(seq) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#isHeldBack = true;
    this.#read = Math.min(this.#read, seq - 1);
    this.#dispatch({ type: "unreadFrom", seq });
  }

  async #mark(seq) {
    const before = this.#read;
    this.#timer = 0;
    this.#read = seq;
    this.looked(true, this.#newest); // what came meanwhile is looked at as well
    if (!(await markRead(this.#room, { read: seq }))) this.#read = Math.min(this.#read, before);
  }
}

/** A window in sight is not looked at while somebody works in another one. */
export function isLookedAt() {
  return document.visibilityState === "visible" && document.hasFocus();
}
