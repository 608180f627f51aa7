"""A proxy between a browser and the server with the faults of real ones; each fault can be set at any time."""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter

from tests.support.proxy import PIECE, Proxy

UPGRADE = re.compile(rb"^(?:Upgrade|Connection):[^\n]*\n", re.IGNORECASE | re.MULTILINE)


class BadProxy(Proxy):
    """Forwards to `port` of 127.0.0.1, one request a connection. As a context manager it listens on its own `port`.

    `upgrades` says what becomes of opening handshakes of WebSockets: "pass"; "strip" (the server is asked without
    Upgrade); "swallow" (the line opens, and nothing comes over it); "hang" (never answered); or a status such as "403"
    that the proxy answers with. `holds_streams` keeps back what is answered to requests for streams until their end,
    head included. `refuses` are status and Retry-After that everything but pages and their parts is answered with,
    `refuses_parts` those for the parts.

    `requests` are the first lines of all requests so far.
    """

    def __init__(self, port: int, *, upgrades: str = "pass", holds_streams: bool = False) -> None:
        super().__init__()
        self.upgrades = upgrades
        self.holds_streams = holds_streams
        self.refuses: tuple[int, int] | None = None
        self.refuses_parts: tuple[int, int] | None = None
        self.requests: list[str] = []
        self._to = port

    def forget_lines(self) -> None:
        """Stop forwarding on all open connections without closing them; new connections work."""
        self.run(self._forget())

    def asked(self, *words: str) -> list[str]:
        """The requests so far that have all these words in their first line."""
        return [line for line in self.requests if all(word in line for word in words)]

    async def _forget(self) -> None:
        for line in self.connections:
            line.set_name("forgotten")

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection with one request."""
        line = asyncio.current_task()
        assert line is not None
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        self.requests.append(first.decode("latin-1"))
        is_upgrade = re.search(rb"^upgrade: *websocket", rest, re.IGNORECASE | re.MULTILINE) is not None
        is_part = b"/static/" in first
        refusal = self.refuses_parts if is_part else None if b"text/html" in rest else self.refuses
        if refusal is not None:
            await self._refuse(writer, *refusal)
        elif is_upgrade and self.upgrades == "hang":
            await self._until_gone(reader)
        elif is_upgrade and self.upgrades.isdecimal():
            await self._refuse(writer, int(self.upgrades))
        else:
            passes_upgrade = is_upgrade and self.upgrades != "strip"
            if not passes_upgrade:
                head = b"\r\n".join((first, b"Connection: close", UPGRADE.sub(b"", rest)))
            holds = not passes_upgrade and self.holds_streams and b"format=sse" in first
            await self._forward(line, head, reader, writer, holds, is_upgrade and self.upgrades == "swallow")

    async def _refuse(self, writer: StreamWriter, status: int, retry_after: int | None = None) -> None:
        field = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
        writer.write(f"HTTP/1.1 {status} No\r\n{field}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async def _until_gone(self, reader: StreamReader) -> None:
        while await reader.read(PIECE):
            pass

    async def _forward(
        self,
        line: asyncio.Task[None],
        head: bytes,
        reader: StreamReader,
        writer: StreamWriter,
        holds: bool,
        swallows: bool,
    ) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        to_server.write(head)
        if swallows:
            writer.write(await from_server.readuntil(b"\r\n\r\n"))
        ways = (
            asyncio.create_task(self._copy(line, reader, to_server)),
            asyncio.create_task(self._copy(line, from_server, None if swallows else writer, holds)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            to_server.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _copy(
        self, line: asyncio.Task[None], reader: StreamReader, writer: StreamWriter | None, holds: bool = False
    ) -> None:
        held = b""
        while data := await reader.read(PIECE):
            while line.get_name() == "forgotten":
                await asyncio.sleep(0.01)
            if holds:
                held += data
            elif writer is not None:
                writer.write(data)
                await writer.drain()
        if writer is not None:
            writer.write(held)
            await writer.drain()
