// A line by WebSocket: everything both ways.

import { liveAddress } from "./api.js";

/**
 * Open a line after a cursor. `onItem(item)` gets what the server says, `onEnd(end)` is called once when it is over.
 *
 * Every line has `send(operation)`, `ask()`, which makes a line that is alive say something and is false where that
 * takes a new line, and `close()`, after which nothing more is called.
 */
export function openSocket(place, { onItem, onEnd }) {
  const address = liveAddress(place);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  const send = (operation) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(operation));
  };
  const close = () => {
    socket.onmessage = socket.onclose = null;
    socket.close();
  };
  socket.onclose = () => onEnd({});
  socket.onmessage = ({ data }) => {
    try {
      onItem(JSON.parse(data));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      close();
      onEnd({});
    }
  };
  return { send, close, ask: () => (send({ op: "ping" }), true) };
}
