// Socket.IO on Node.js, WebSocket transport only: a room per address, `io.to(room).emit` for each post. Stores nothing.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.to(request.url).emit("message", Buffer.concat(parts).toString());
    response.writeHead(201, { "Content-Length": 0 });
    response.end();
  });
});
server.keepAliveTimeout = 0;
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => socket.join(socket.handshake.query.room));
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
