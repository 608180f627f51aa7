// A line of long-polls, and POST to send: what passes where proxies hold back every answer until it is complete.

import { liveAddress, refusalOf } from "./api.js";
import { sendingBy } from "./posted.js";

const WAIT_S = 25; // proxies give up after 30 to 60 s
const PAUSE_MS = 500; // a busy room is asked twice a second, and tells what has gathered
const HIDDEN_PAUSE_MS = 20000; // and a tab that nobody looks at asks without waiting: it holds no connection
const REFUSED_MS = 5000;

/** Open a line after a cursor; what it has is said in socket.js. */
export function openPoll(place, { onItem, onEnd }) {
  const aborter = new AbortController();
  const say = (item) => aborter.signal.aborted || onItem(item);
  ask(place, aborter.signal, say)
    .catch((error) => ({ isRefused: error instanceof TypeError }))
    .then((end) => aborter.signal.aborted || onEnd(end));
  return { send: sendingBy(place.room, say), ask: () => false, close: () => aborter.abort() };
}

async function ask(place, signal, onItem) {
  const headers = { Accept: "application/json" };
  let { lastSeq } = place;
  for (let isAtHead = false; ;) {
    const address = liveAddress({ ...place, lastSeq }, { format: "json", wait: isAtHead && !document.hidden ? WAIT_S : 0 });
    const response = await fetch(address, { headers, cache: "no-store", signal });
    if (!response.ok) {
      const refusal = await refusalOf(response);
      if (refusal.code === "rate_limited" && isAtHead) {
        await pause(refusal.waitMs ?? REFUSED_MS);
        continue;
      }
      if (refusal.code !== "cursor_gone") return { ...refusal, isRefused: true };
      onItem({ ...refusal.problem, type: "reset" });
      return new Promise(() => {}); // the page gets its history, then opens another line
    }
    const { events, head_seq: head } = await response.json();
    for (const event of events) onItem(event);
    lastSeq = events.at(-1)?.seq ?? lastSeq;
    const wasAtHead = isAtHead;
    isAtHead = events.length === 0 || lastSeq >= head;
    if (wasAtHead) onItem({ type: "heartbeat" });
    else if (isAtHead) onItem({ type: "caught_up", room: place.room, cursor: `${place.epoch}.${lastSeq}` });
    if (isAtHead) await pause(document.hidden ? HIDDEN_PAUSE_MS : PAUSE_MS);
  }
}

/** Wait, but no longer than until the page is shown or hidden. */
const pause = (ms) => new Promise((resolve) => {
  const end = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  document.addEventListener("visibilitychange", end);
});
