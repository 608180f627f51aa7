"""Parlour inside another program: the three functions by which a small chat server is known, and a running server.

from parlour import start_server
start_server(8080)                               # blocks until Ctrl-C

async with await start_server_async(0) as server:
    await send_message(server, "lobby", "Hello", name="alice")
"""

from __future__ import annotations

import asyncio
import logging

from parlour import log, supervisor
from parlour.app import App, start
from parlour.config import SETTINGS, ConfigError, Settings, load, show
from parlour.core import payloads
from parlour.core.actor import OWNER, PROGRAM
from parlour.core.event import Appended
from parlour.core.policy import Policy
from parlour.net.http import HttpConnection
from parlour.outlet import occupy_standard_descriptors
from parlour.process import run

handle_client = HttpConnection
"""Makes the asyncio.Protocol that serves one client: a program with a socket of its own gives
`lambda: handle_client(running.app.server)` to `loop.connect_accepted_socket`."""


class RunningServer:
    """A server that runs in this process's event loop until `close` (or the end of its `async with`)."""

    def __init__(self, app: App, failed: asyncio.Future[None]) -> None:
        self.app = app
        self._failed = failed
        self._closing: asyncio.Task[int] | None = None

    @property
    def url(self) -> str:
        """Where it listens, for example `http://127.0.0.1:8080`."""
        return self.app.urls[0]

    async def wait_failed(self) -> None:
        """Raise what made storing impossible: then close the server. Return once it is closed without that."""
        await asyncio.shield(self._failed)

    async def close(self, seconds: float | None = None) -> None:
        """Finish what is under way, tell readers to come back, and close; `seconds` bounds the wait.

        May be called again, for the same end; cancelling it does not interrupt the work.
        """
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.app.stop(seconds))
        await asyncio.shield(self._closing)
        if not self._failed.done():
            self._failed.set_result(None)

    async def close_room(self, name: str) -> Policy:
        """Close a room to guests: once this returns they post nothing more in it, and are shown nothing more of it.

        The policy in force is returned; its `seq` is that of the event that closed the room. Raises Refusal.
        """
        return await self.app.context.rooms.change(OWNER, name, payloads.Settings(access="members"))

    async def open_room(self, name: str) -> Policy:
        """Open a room to guests again, with everything that is in it. Returns and raises as `close_room` does."""
        return await self.app.context.rooms.change(OWNER, name, payloads.Settings(access="open"))

    async def __aenter__(self) -> RunningServer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close(1)


def start_server(port: int = 8080, **settings: object) -> int:
    """Serve on a port until SIGINT or SIGTERM; blocks, and must run in the main thread (it handles signals).

    `settings` are those of docs/config.md by name: `start_server(8080, data="chat", host="0.0.0.0")`. Returns the exit
    code the process should end with. In a program that has set up no logging, the log goes to standard error. Raises
    TypeError for an unknown setting and ConfigError for a wrong value.
    """
    checked = _settings(port, settings)
    occupy_standard_descriptors()
    if not logging.getLogger().handlers:
        log.configure(checked.log_format, checked.log_level)
    return run(checked) if checked.processes == 1 else supervisor.run(checked)


async def start_server_async(port: int = 8080, **settings: object) -> RunningServer:
    """Start a server on the running event loop and return when it accepts connections.

    Raises TypeError and ConfigError as `start_server` does, and what `parlour.app.start` raises.
    """
    checked = _settings(port, settings)
    if checked.processes > 1:
        raise ConfigError("processes: an event loop has one; start_server starts several, and so does the command.")
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_fatal(error: BaseException) -> None:
        if not failed.done():
            failed.set_exception(error)

    return RunningServer(await start(checked, on_fatal), failed)


async def send_message(server: RunningServer, room: str, text: str, *, name: str, key: str | None = None) -> Appended:
    """The relay: store a message and hand it to everyone in the room, in this order. Returns the durable event.

    The sender is a guest of this process under the given name; nobody limits its rate. Raises Refusal.
    """
    return await server.app.context.posting.posted(PROGRAM, room, text, name=name, key=key)


def _settings(port: int, given: dict[str, object]) -> Settings:
    """Check settings as those of the command line are checked; None stands for the default."""
    rows = {row.name: row for row in SETTINGS}
    unknown = sorted(set(given) - set(rows))
    if unknown:
        raise TypeError(f"there is no setting {unknown[0]!r}; docs/config.md lists them")
    texts = {"port": str(port)}
    for name, value in given.items():
        if value is not None:
            texts[name] = show(rows[name], value)
    return load(texts, {}).settings
