"""A connection of which a test reads as much as it needs, while the server runs in the same loop."""

from __future__ import annotations

import asyncio

from parlour import RunningServer


class Line:
    """A connection to a server, in the loop of the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.seen = b""

    @classmethod
    async def to(cls, server: RunningServer, *requests: bytes) -> Line:
        line = cls(*await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2])))
        line.writer.write(b"".join(requests))
        return line

    async def until(self, mark: bytes) -> bytes:
        """Everything that has come, once the mark is in it."""
        while mark not in self.seen:
            data = await self.reader.read(65536)
            assert data, (mark, self.seen)
            self.seen += data
        return self.seen

    async def rest(self) -> bytes:
        """Everything that has come, once the server has closed."""
        self.seen += await self.reader.read()
        self.writer.close()
        return self.seen
