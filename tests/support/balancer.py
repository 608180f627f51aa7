"""A balancer in front of nodes, as simple as they come: each connection goes to the next node that takes it."""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Self

from tests.support.timeout import TIMEOUT_S


class Balancer:
    """Forwards to the ports `nodes` of 127.0.0.1 in turn. As a context manager it listens on its own `port`."""

    def __init__(self, nodes: Sequence[int] = ()) -> None:
        self.port = 0
        self.nodes = list(nodes)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def _accepted(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)

    async def _forward(self, reader: StreamReader, writer: StreamWriter) -> None:
        for _ in self.nodes:
            self.nodes.append(self.nodes.pop(0))
            with suppress(OSError):
                from_node, to_node = await asyncio.open_connection("127.0.0.1", self.nodes[0])
                break
        else:
            writer.transport.abort()
            return
        ways = (
            asyncio.create_task(_copy(reader, to_node)),
            asyncio.create_task(_copy(from_node, writer)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_node.transport.abort()
            writer.close()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
