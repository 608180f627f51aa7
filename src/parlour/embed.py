"""Parlour inside another program: the three functions by which a small chat server is known, and a running server.

from parlour import start_server
start_server(8080)                               # blocks until Ctrl-C

async with await start_server_async(0) as server:
    await send_message(server, "lobby", "Hello", name="alice")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import TracebackType

from parlour.app import App, start
from parlour.chat.posting import Sender
from parlour.config import Settings
from parlour.core.event import Appended
from parlour.net.connection import Connection
from parlour.process import run

handle_client = Connection
"""The per-connection protocol: `handle_client(server)` makes the asyncio.Protocol that serves one client.

It is what the listener calls for every connection; a program with a socket of its own gives
`lambda: handle_client(running.app.server)` to `loop.connect_accepted_socket`.
"""


class RunningServer:
    """A server that runs in this process's event loop until `close` (or the end of its `async with`)."""

    def __init__(self, app: App, failed: asyncio.Future[None]) -> None:
        self.app = app
        self._failed = failed

    @property
    def url(self) -> str:
        """Where it listens, for example `http://127.0.0.1:8080`."""
        return self.app.urls[0]

    async def wait_failed(self) -> None:
        """Return never, or raise what made storing impossible: then close the server."""
        await self._failed

    async def close(self, seconds: float | None = None) -> None:
        """Finish what is under way, tell readers to come back, and close; `seconds` bounds the wait."""
        await self.app.stop(seconds)
        self._failed.cancel()

    async def __aenter__(self) -> RunningServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close(1)


def start_server(port: int = 8080, **settings: object) -> int:
    """Serve on a port until SIGINT or SIGTERM; blocks, and must run in the main thread (it handles signals).

    `settings` are those of docs/config.md by name: `start_server(8080, data="chat", host="0.0.0.0")`. Returns the exit
    code the process should end with. Raises TypeError for an unknown setting.
    """
    return run(_settings(port, settings))


async def start_server_async(port: int = 8080, **settings: object) -> RunningServer:
    """Start a server on the running event loop and return at once. Raises what `parlour.app.start` raises."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_fatal(error: BaseException) -> None:
        if not failed.done():
            failed.set_exception(error)

    return RunningServer(await start(_settings(port, settings), on_fatal), failed)


async def send_message(server: RunningServer, room: str, text: str, *, name: str, key: str | None = None) -> Appended:
    """The relay: store a message and hand it to everyone in the room, in this order. Returns the durable event.

    The sender is a guest of this process under the given name; nobody limits its rate. Raises Refusal.
    """
    sender = Sender(seat="process", address=None)
    return await server.app.posting.post(sender, room, text, name=name, key=key)


def _settings(port: int, given: dict[str, object]) -> Settings:
    convert: dict[str, Callable[[object], object]] = {
        "data": lambda value: Path(str(value)),
        "host": lambda value: tuple(value) if isinstance(value, list | tuple) else (str(value),),
    }
    known = {field.name for field in fields(Settings)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise TypeError(f"there is no setting {unknown[0]!r}; docs/config.md lists them")
    values = {name: convert[name](value) if name in convert else value for name, value in given.items()}
    return Settings(port=port, **values)  # type: ignore[arg-type]  # the names were checked above
