// Bun: uWebSockets inside; `server.publish` coalesces the messages of one loop iteration. Stores nothing.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request, server) {
    const room = new URL(request.url).pathname;
    if (request.method === "POST") {
      server.publish(room, await request.text());
      return new Response(null, { status: 201 });
    }
    if (server.upgrade(request, { data: { room } })) return;
    return new Response("not found", { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 960,
    sendPings: false,
    backpressureLimit: 64 << 20,
    open(socket) { socket.subscribe(socket.data.room); },
    message() {},
  },
});
console.log(`Listening on http://127.0.0.1:${server.port}`);
