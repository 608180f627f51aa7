// Talks to a URL with the `ws` package: sends each line of standard input as a message, and writes down what it hears as
// JSON lines: ["message", data], ["pong", data], and at the end ["close", code]. The line `close` closes.

import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const put = (...item) => process.stdout.write(`${JSON.stringify(item)}\n`);
const socket = new WebSocket(process.argv[2]);
socket.on("message", (data) => put("message", data.toString()));
socket.on("pong", (data) => put("pong", data.toString()));
socket.on("close", (code) => put("close", code));
socket.on("open", async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "close") {
      socket.close(1000);
    } else if (line === "ping") {
      socket.ping("are you there?");
    } else {
      socket.send(line);
    }
  }
});
