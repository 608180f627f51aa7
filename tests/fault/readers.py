"""Readers under faults: each follows one room on one transport and comes back with its cursor whatever happens."""

from __future__ import annotations

import time
from asyncio import StreamReader, StreamWriter
from random import Random

import msgspec

from tests.checker.history import CaughtUp, Opened, Received, Reset
from tests.fault.client import Shared, answer, content, decode_item
from tests.fault.transports import Stream
from tests.support import raw

PAGE = 200
WAIT_S = 5


class Page(msgspec.Struct):
    """A JSON page of a room, its events as they are."""

    epoch: str
    events: list[msgspec.Raw]


decode_page = msgspec.json.Decoder(Page).decode


class Reader:
    """One client; `seen` is its cursor."""

    def __init__(self, shared: Shared, room: str, transport: str, seed: int) -> None:
        self.room = room
        self.name = f"{transport}-{room}"
        self.seen = 0
        self.received = 0
        self.resets = 0
        self._transport = transport
        self._shared = shared
        self._random = Random(f"{seed} {self.name}")
        self._line = 0
        self._conn = ""

    async def run(self) -> None:
        """Read until cancelled."""
        await self._shared.stay_connected(self._follow)

    async def _follow(self, reader: StreamReader, writer: StreamWriter) -> None:
        raise NotImplementedError

    def _opened(self, since: int) -> None:
        self._line += 1
        self._conn = f"{self.name}.{self._line}"
        opened = Opened(self.name, self._conn, self._transport, self.room, time.monotonic(), self._shared.epoch, since)
        self._shared.history.readings.append(opened)

    def _item(self, data: bytes) -> None:
        item = decode_item(data)
        head = (self.name, self._conn, self.room, time.monotonic())
        readings = self._shared.history.readings
        if item.by is not None and item.seq:
            readings.append(Received(*head, self._shared.epoch, item.seq, *content(item, data)))
            self.seen = max(self.seen, item.seq)
            self.received += 1
        elif item.type == "caught_up":
            epoch, _, seq = item.cursor.partition(".")
            readings.append(CaughtUp(*head, epoch, int(seq)))
        elif item.type == "reset":
            readings.append(Reset(*head, item.epoch, item.reason))
            self.seen = item.head_seq
            self.resets += 1


class StreamReading(Reader):
    """Follows a stream, and sometimes hangs up by itself to come back, also with an older cursor."""

    def __init__(self, shared: Shared, room: str, stream: Stream, seed: int) -> None:
        super().__init__(shared, room, stream.name, seed)
        self._stream = stream

    async def _follow(self, reader: StreamReader, writer: StreamWriter) -> None:
        since = max(0, self.seen - self._random.choice((0, 0, 0, 1, 7)))
        limit = self.received + self._random.randint(50, 1500)
        self._opened(since)
        writer.write(self._stream.request(self.room, self._shared.epoch, since))
        head = await reader.readuntil(b"\r\n\r\n")
        if int(head[9:12]) != self._stream.status:
            raise ConnectionRefusedError(head[:12])
        items = self._stream.items()
        while self.received < limit:
            data = await reader.read(65536)
            if not data:
                raise EOFError
            for item in items.feed(data):
                self._item(item)


class LongPoll(Reader):
    """Asks for what is new, again and again, over one keep-alive connection."""

    def __init__(self, shared: Shared, room: str, seed: int) -> None:
        super().__init__(shared, room, "long-poll", seed)

    async def _follow(self, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            since = self.seen
            self._opened(since)
            cursor = f"{self._shared.epoch}.{since}"
            target = f"/{self.room}?wait={WAIT_S}&limit={PAGE}&since={cursor}"
            writer.write(raw.head("GET", target, "Accept: application/json"))
            status, _, body = await answer(reader)
            if status == 410:
                self._item(body.replace(b'"type":', b'"problem":').replace(b"{", b'{"type":"reset",', 1))
            if status != 200:
                raise ConnectionRefusedError(status)
            page = decode_page(body)
            for event in page.events:
                self._item(bytes(event))
            if len(page.events) < PAGE:  # then it says: that is all there is
                head = (self.name, self._conn, self.room, time.monotonic())
                self._shared.history.readings.append(CaughtUp(*head, page.epoch, self.seen))
