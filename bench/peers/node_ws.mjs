// Node.js with `ws`, the way its documentation broadcasts: one send per open client. Stores nothing.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const rooms = new Map();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const text = Buffer.concat(parts);
    for (const socket of rooms.get(request.url) ?? []) {
      if (socket.readyState === 1) socket.send(text, { binary: false });
    }
    response.writeHead(201, { "Content-Length": 0 });
    response.end();
  });
});
server.keepAliveTimeout = 0;
server.on("upgrade", (request, stream, head) => {
  sockets.handleUpgrade(request, stream, head, (socket) => {
    if (!rooms.has(request.url)) rooms.set(request.url, new Set());
    const room = rooms.get(request.url);
    room.add(socket);
    socket.on("close", () => room.delete(socket));
    socket.on("error", () => {});
  });
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
