// A line of server-sent events, and POST to send, for where a WebSocket does not pass.

import { refusalOf, streamAddress } from "./api.js";
import { sendingBy } from "./posted.js";

/** Open a line after a cursor; what it has is said in socket.js. Read by fetch, which tells why it was refused. */
export function openStream(place, { onItem, onEnd }) {
  const aborter = new AbortController();
  const say = (item) => aborter.signal.aborted || isOfOtherLog(item, place.room) || onItem(item);
  follow(streamAddress(place), place.room, aborter.signal, say)
    .catch((error) => ({ isRefused: error instanceof TypeError })) // there is nobody at the other end
    .then((end) => aborter.signal.aborted || onEnd(end));
  return { send: sendingBy(place.room, say), ask: () => false, close: () => aborter.abort() };
}

/** The log of the reader's own account is caught up at another time than the room. */
const isOfOtherLog = ({ type, room }, own) => type === "caught_up" && room !== own;

async function follow(address, room, signal, onItem) {
  const response = await fetch(address, { headers: { Accept: "text/event-stream" }, cache: "no-store", signal });
  if (!response.ok) {
    const refusal = await refusalOf(response);
    return { ...refusal, isRefused: refusal.code !== "refused_on_the_way" };
  }
  if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return {};
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await lines.read();
    if (done) return {};
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) {
      if (!line.startsWith("data:")) continue;
      const item = JSON.parse(line.slice("data:".length));
      onItem(item);
      if (item.type === "closed" && item.room === room) {
        lines.cancel(); // with the log of the reader's account it would go on
        return {};
      }
    }
  }
}
