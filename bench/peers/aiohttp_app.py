"""aiohttp on uvloop, the way its documentation broadcasts: one `send_str` per open WebSocket. Stores nothing."""

from __future__ import annotations

import socket
from collections import defaultdict

import uvloop
from aiohttp import web

rooms: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)


async def post(request: web.Request) -> web.Response:
    text = await request.text()
    for subscriber in list(rooms[request.path]):
        await subscriber.send_str(text)
    return web.Response(status=201)


async def read(request: web.Request) -> web.WebSocketResponse:
    subscriber = web.WebSocketResponse(compress=False)
    await subscriber.prepare(request)
    rooms[request.path].add(subscriber)
    try:
        async for _ in subscriber:
            pass
    finally:
        rooms[request.path].discard(subscriber)
    return subscriber


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    app = web.Application()
    app.add_routes([web.post("/{room}", post), web.get("/{room}", read)])
    print(f"Listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    web.run_app(app, sock=listening, access_log=None, print=None, loop=uvloop.new_event_loop(), backlog=4096)


main()
