"""A browser as a server sees it: six connections, every file of a page fetched once, and a WebSocket for each tab."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from html import unescape
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.raw import UPGRADE
from tests.support.timeout import TIMEOUT_S

CONNECTIONS = 6
"""To one host at a time, WebSockets aside: what Chromium and Firefox open over HTTP/1.1."""

UNBIDDEN = ("/favicon.ico", "/manifest.webmanifest")
_NAMED = re.compile(r'<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"')


class Got(NamedTuple):
    """An answer: `fields` has lower-case names."""

    status: int
    fields: dict[str, str]
    body: bytes


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def close(self) -> None:
        """Cut it."""
        self.writer.transport.abort()

    async def ask(self, head: str) -> Got:
        """Send a request without a body. Raises EOFError when the server has closed instead of answering."""
        self.writer.write(head.encode())
        return await self.answer()

    async def answer(self) -> Got:
        """Read an answer and its body."""
        try:
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            body = await self.reader.readexactly(int(fields.get("content-length", 0)))
            return Got(int(lines[0].split()[1]), fields, body)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError("closed without an answer") from error


class Visitor:
    """A fresh browser at an address of this machine; `seen` counts the answers by status, `lost` those that failed.

    As a context manager it closes everything it has opened.
    """

    def __init__(self, port: int, source: str, *, connections: int = CONNECTIONS) -> None:
        self.port = port
        self.source = source
        self.seen: Counter[int] = Counter()
        self.lost = 0
        self.opened: list[Line] = []
        self._idle: list[Line] = []
        self._free = asyncio.Semaphore(connections)
        self._cache: set[str] = set()
        self._cookies: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self.opened:
            line.close()
        await asyncio.sleep(0)  # for the transports to be closed

    async def tab(self, path: str) -> bool:
        """Open a page in a tab of its own. True when its WebSocket has caught up with the room."""
        page = await self.get(path, "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\n")
        if page is None or page.status != 200:
            return False
        html = page.body.decode()
        named = {unescape(address) for address in _NAMED.findall(html)} | set(UNBIDDEN)
        wanted = [address for address in named if address.startswith("/") and address not in self._cache]
        self._cache.update(wanted)
        got = await asyncio.gather(*[self.get(address, "Accept: */*\r\n") for address in wanted])
        place = re.search(r'data-epoch="(\w+)".*?data-last="(\d+)"', html, re.DOTALL)
        assert place is not None, "the page does not say where it ends"
        live = await self.live(f"{path}?since={place[1]}.{place[2]}")
        return live and all(answer is not None and answer.status in (200, 304, 308) for answer in got)

    async def get(self, path: str, fields: str = "") -> Got | None:
        """Ask for something on a connection that is free, or a new one; None if there was no answer."""
        async with self._free:
            try:
                line = self._idle.pop() if self._idle else await self.line()
                got = await line.ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{self._cookie()}\r\n")
            except (EOFError, OSError):
                self.lost += 1
                return None
            if got.fields.get("connection") != "close":
                self._idle.append(line)
            self.seen[got.status] += 1
            name, _, value = got.fields.get("set-cookie", "").partition("=")
            if name:
                self._cookies.setdefault(name, value.partition(";")[0])
            return got

    async def live(self, path: str) -> bool:
        """Open a WebSocket and leave it open. True when it has caught up."""
        origin = f"Origin: http://localhost\r\n{self._cookie()}"
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"{field}\r\n" for field in UPGRADE) + origin
        try:
            line = await self.line()
            got = await line.ask(head + "\r\n")
            self.seen[got.status] += 1
            return got.status == 101 and await _caught_up(line.reader)
        except (EOFError, OSError):
            self.lost += 1
            return False

    async def line(self) -> Line:
        """Open a connection. Raises OSError."""
        async with asyncio.timeout(TIMEOUT_S):  # unlike wait_for of Python 3.11, it never swallows a cancellation
            line = Line(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.source, 0)))
        self.opened.append(line)
        return line

    def _cookie(self) -> str:
        return f"Cookie: {'; '.join(f'{k}={v}' for k, v in self._cookies.items())}\r\n" if self._cookies else ""


async def _caught_up(reader: asyncio.StreamReader) -> bool:
    """Read until `caught_up`; a server's frames are not masked, and in a text the quotes would be escaped."""
    received = b""
    while b'"type":"caught_up"' not in received:
        piece = await reader.read(65536)
        if not piece:
            return False
        received = received[-20:] + piece
    return True
