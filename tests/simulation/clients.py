"""The clients of the simulated server: those of the kill loop, and readers of many rooms over one connection.

Senders have keys and ask again until they know; readers come back with their cursors. All write the one history.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import Iterator
from random import Random

import msgspec

from tests.checker.history import Entry
from tests.fault.client import BACKOFF_S, LOST, Fate, Message, Shared, answer, content, decode_item
from tests.fault.readers import LongPoll, Reader, StreamReading, decode_page
from tests.fault.senders import HttpSender, Sender, WebSocketSender
from tests.fault.transports import STREAMS, Frames, Lines, ServerSentEvents, upgrade
from tests.support import raw

LOOK_S = 0.05
OK, REQUEST_TIMEOUT, GONE = 200, 408, 410


class ManyRooms:
    """Follows all rooms over one connection, as server-sent events or as a WebSocket; one cursor a room."""

    def __init__(self, shared: Shared, transport: str, seed: int) -> None:
        self.rooms = {room: Reader(shared, room, transport, seed) for room in shared.rooms}
        self._shared = shared
        self._is_websocket = transport == "many-websocket"
        self._random = Random(f"{seed} {transport}")

    async def run(self) -> None:
        """Read until cancelled."""
        await self._shared.stay_connected(self._follow)

    async def _follow(self, reader: StreamReader, writer: StreamWriter) -> None:
        items: Lines | Frames = Frames() if self._is_websocket else ServerSentEvents()
        writer.write(upgrade("/api/v1/stream") if self._is_websocket else self._request())
        status = (await reader.readuntil(b"\r\n\r\n"))[9:12]
        if status != (b"101" if self._is_websocket else b"200"):
            raise ConnectionRefusedError(status)
        if self._is_websocket:
            writer.write(b"".join(self._subscriptions()))
        left = self._random.randint(20, 500)
        while left > 0:
            data = await reader.read(65536)
            if not data:
                raise EOFError
            for item in items.feed(data):
                left -= 1
                found = decode_item(item)
                if found.type in ("closed", "error"):  # the room may be open again when it comes back
                    raise ConnectionRefusedError(found.code)
                if found.room:
                    self.rooms[found.room]._item(item)

    def _request(self) -> bytes:
        for reader in self.rooms.values():
            reader._opened(reader.seen)
        places = ";".join(f"{room}={reader.seen}" for room, reader in self.rooms.items())
        rooms = "&".join(f"room={room}" for room in self.rooms)
        target = f"/api/v1/stream?{rooms}&since={self._shared.epoch};{places}"
        return raw.head("GET", target, "Accept: text/event-stream")

    def _subscriptions(self) -> Iterator[bytes]:
        for room, reader in self.rooms.items():
            reader._opened(reader.seen)
            operation = {"op": "subscribe", "room": room, "since": f"{self._shared.epoch}.{reader.seen}"}
            yield raw.ws_frame(msgspec.json.encode(operation))


class LateSender(HttpSender):
    """A request that came too late is answered in plain text, for its head may not have been read."""

    async def _judge(self, message: Message, sent_at: float, status: int, head: bytes, body: bytes) -> None:
        if status == REQUEST_TIMEOUT:
            self._record(message, sent_at, Fate("unknown", code="request_timeout"))
            raise EOFError
        await super()._judge(message, sent_at, status, head, body)


class Crowd:
    """All clients of a run, as tasks of the running loop."""

    def __init__(self, shared: Shared, seed: int, http: int = 4, websocket: int = 2, streams: float = 0.6) -> None:
        random = Random(f"{seed} crowd")
        self.shared = shared
        self._seed = seed
        self._kinds: list[type[Sender]] = [LateSender] * http + [WebSocketSender] * websocket
        self.senders = self._make_senders(0)
        many = [ManyRooms(shared, name, seed) for name in ("many-sse", "many-websocket")]
        alone: list[Reader] = []
        for room in shared.rooms:
            alone += [StreamReading(shared, room, stream, seed) for stream in STREAMS if random.random() < streams]
            alone.append(LongPoll(shared, room, seed))
        self.readers = [*alone, *(reader for each in many for reader in each.rooms.values())]
        self._sending = [_run(sender) for sender in self.senders]
        self._reading = [*map(_run, alone), *map(_run, many)]

    @property
    def acks(self) -> int:
        """How many sends have been acknowledged."""
        return sum(sender.acks for sender in self.senders)

    async def fall_silent(self) -> None:
        """Stop sending, and learn what became of every unknown."""
        self.shared.stopping = True
        await asyncio.gather(*self._sending)

    def talk_again(self) -> None:
        """Send on, as others, who repeat nothing of what was said so far."""
        self.shared.stopping = False
        others = self._make_senders(len(self.senders))
        self.senders += others
        self._sending = [_run(sender) for sender in others]

    def _make_senders(self, first: int) -> list[Sender]:
        return [kind(self.shared, number, self._seed) for number, kind in enumerate(self._kinds, first)]

    async def rest(self, heads: dict[str, int]) -> None:
        """Let all readers come to the heads, then send them home."""
        while not all(reader.seen == heads.get(reader.room, 0) for reader in self.readers):
            await asyncio.sleep(LOOK_S)

    def stragglers(self, heads: dict[str, int]) -> list[str]:
        """The readers that are not at the heads."""
        return [
            f"{reader.name} is at {reader.seen}" for reader in self.readers if reader.seen != heads.get(reader.room, 0)
        ]

    def died(self) -> list[BaseException]:
        """What clients have died of."""
        done = [task for task in (*self._sending, *self._reading) if task.done() and not task.cancelled()]
        return [error for task in done if (error := task.exception()) is not None]


def _run(client: Sender | Reader | ManyRooms) -> Task[None]:
    return asyncio.get_running_loop().create_task(client.run())


async def read_all(shared: Shared) -> list[Entry]:
    """The logs of all rooms over HTTP, oldest first; tried again until it succeeds."""
    while True:
        try:
            return await _read_all(shared)
        except LOST:
            await asyncio.sleep(BACKOFF_S)


async def _read_all(shared: Shared) -> list[Entry]:
    log: list[Entry] = []
    async with shared.connected() as (reader, writer):
        for room in shared.rooms:
            seq = 0
            while True:
                writer.write(raw.head("GET", f"/{room}?format=json&limit=1000&since={seq}"))
                status, _, body = await answer(reader)
                if status == GONE:
                    seq = msgspec.json.decode(body)["first_seq"] - 1
                    continue
                assert status == OK, body
                page = decode_page(body)
                if not page.events:
                    break
                for event in page.events:
                    item = decode_item(bytes(event))
                    seq = item.seq
                    log.append(Entry(room, page.epoch, seq, *content(item, bytes(event))))
    return log
