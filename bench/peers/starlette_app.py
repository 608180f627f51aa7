"""Starlette on uvicorn (uvloop, httptools), as its documentation broadcasts: one send per WebSocket. Stores nothing."""

from __future__ import annotations

import contextlib
import socket
from collections import defaultdict

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def post(request: Request) -> Response:
    text = (await request.body()).decode()
    for subscriber in list(rooms[request.url.path]):
        with contextlib.suppress(WebSocketDisconnect):
            await subscriber.send_text(text)
    return Response(status_code=201)


async def read(subscriber: WebSocket) -> None:
    await subscriber.accept()
    room = rooms[subscriber.url.path]
    room.add(subscriber)
    try:
        while True:
            await subscriber.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        room.discard(subscriber)


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    app = Starlette(routes=[Route("/{room}", post, methods=["POST"]), WebSocketRoute("/{room}", read)])
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", access_log=False, log_level="warning", backlog=4096,
        ws_per_message_deflate=False, ws_ping_interval=None,
    )  # fmt: skip
    print(f"Listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


main()
