"""A proxy that cuts each of its connections at a random byte: what is lost of an answer, its sender must ask again."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from random import Random
from typing import Self

ANSWERS = 0.8
"""Share of connections that are cut in what the server says; the others in what the client says."""


class CuttingProxy:
    """Forwards to `port` of 127.0.0.1; a connection lives for `mean_bytes` in one direction, on average.

    As a context manager it listens on its own `port`, and ends all connections at the end.
    """

    def __init__(self, port: int, seed: int, mean_bytes: int) -> None:
        self.port = 0
        self.cuts = 0
        self._to = port
        self._mean_bytes = mean_bytes
        self._random = Random(f"{seed} proxy")
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
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
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        until = int(self._random.expovariate(1 / self._mean_bytes))
        in_answers = self._random.random() < ANSWERS
        ways = (
            asyncio.create_task(self._copy(reader, to_server, None if in_answers else until)),
            asyncio.create_task(self._copy(from_server, writer, until if in_answers else None)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_server.transport.abort()
            writer.transport.abort()

    async def _copy(self, reader: StreamReader, writer: StreamWriter, left: int | None) -> None:
        """Copy up to the end, or `left` bytes."""
        while data := await reader.read(65536):
            if left is not None and len(data) > left:
                writer.write(data[:left])
                self.cuts += 1
                return
            if left is not None:
                left -= len(data)
            writer.write(data)
            await writer.drain()
