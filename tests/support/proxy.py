"""What all proxies of the tests have in common: a port or socket of their own, served on a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self
from weakref import WeakSet

from tests.support.timeout import TIMEOUT_S

PIECE = 65536


class Proxy:
    """Listens on its own `port` of 127.0.0.1 as a context manager. A subclass says what becomes of a connection."""

    def __init__(self) -> None:
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Task[None]] = set()
        self._writers: WeakSet[StreamWriter] = WeakSet()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, from its beginning to its end; it is closed afterwards. May raise OSError and EOFError."""
        raise NotImplementedError

    def call(self, function: Callable[[], None]) -> None:
        """Call a function on the thread of the proxy, and wait until it has been called."""

        async def work() -> None:
            function()

        self.run(work())

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the thread of the proxy, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(TIMEOUT_S)

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(TIMEOUT_S)
        self.loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        # A connection that has just come may become a task only now.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in self.connections:
                task.cancel()
            await asyncio.wait(others)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)  # what was aborted is closed

    def _accepted(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)
        task.add_done_callback(lambda _: writer.close())  # also if it was cancelled before it began

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, EOFError):
            await self.serve(reader, writer)
