"""Small inputs with many readers: one message, or a hundred, that hundreds of connections wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from tests.fault.inputs import MANY, TEXT, TEXTS, op
from tests.fault.loop_meter import Hold, LoopMeter
from tests.fault.transports import upgrade
from tests.support import raw
from tests.support.raw import head, post, ws_frame
from tests.support.talk import Client

LAST = "to all of you"
"""What is said last in every room, so that its readers know when they have everything."""

CHUNK = 256
CLOSE = ws_frame(b"\x03\xe8", 8)


class Audience(NamedTuple):
    """`size` connections that read, and the input `data` that all of them are given.

    They take turns with the requests in `asks`. Each is ready when it has been told `is_there` for all of its `rooms`.
    The input comes on a connection of its own, or from the first reader.
    """

    name: str
    size: int
    asks: Sequence[bytes]
    data: bytes
    rooms: int = 1
    is_there: bytes = b"caught_up"
    is_one_of_them: bool = False

    def measure(self, meter: LoopMeter, port: int) -> Hold:
        """Measure how long the loop is held until every reader has the last message."""
        name = f"{self.name}, for {self.size}"
        with ExitStack() as stack:
            audience = [stack.enter_context(Client.to(port)) for _ in range(self.size)]
            for number, client in enumerate(audience):
                client.send(self.asks[number % len(self.asks)])
            for client in audience:
                client.read_until(self.is_there, self.rooms)
            if self.is_one_of_them:
                hold = meter.begin(name)
                audience[0].send(self.data)
            else:
                hold = meter.feed(name, self.data)
            for client in audience:
                client.read_until(LAST.encode())
            return meter.more(hold)


def audiences(size: int, texts: Sequence[str]) -> Iterator[Audience]:
    """One message for a room, on every transport; and hostile texts for one who reads them as text."""
    words = post("/audience", LAST.encode(), TEXT)
    for transport in raw.TRANSPORTS[:3]:
        yield Audience(transport.name, size, [transport.request("audience", 0)], words)
    yield Audience("long-poll", size, [head("GET", "/audience?format=json&wait=55")], words, rooms=0)
    for name in texts:
        ops = b"".join([op(op="send", room="live", text=TEXTS[name]) for _ in range(16)])
        data = upgrade(MANY) + ops + op(op="send", room="live", text=LAST) + CLOSE
        yield Audience(f"live text: {name}", 1, [head("GET", "/live?follow=1&limit=1")], data, is_there=b"\r\n\r\n")


def audiences_of_many_rooms(size: int, count: int) -> Iterator[Audience]:
    """A message for each of `count` full rooms at once; and streams of several rooms, which share no bytes.

    Each room has as many readers as a chunk has members. One connection reads half of the rooms.
    """
    rooms = [f"full-{number}" for number in range(count)]
    half = count // 2
    halves = rooms[:half], rooms[half:]
    read = [upgrade(MANY) + b"".join([op(op="subscribe", room=room) for room in each]) for each in halves]
    # Those that come first are a batch by themselves; in the next one are the rest, and all that the reader reads.
    words = b"".join([op(op="send", room=room, text=LAST) for room in (*halves[1], *halves[0])])
    yield Audience(f"{count} rooms", 2 * CHUNK, read, upgrade(MANY) + words + CLOSE, half)
    yield Audience(f"{count} rooms, from a reader", 2 * CHUNK, read, words, half, is_one_of_them=True)
    polls = [head("GET", f"/{room}?format=json&wait=55") for room in rooms]
    yield Audience(f"{count} rooms, long-poll", size, polls, upgrade(MANY) + words + CLOSE, rooms=0)
    query = "&".join([f"room={room}" for room in rooms[:31]])
    streams = [head("GET", f"{MANY}?{query}", "Accept: text/event-stream")]
    last = op(op="send", room=rooms[0], text=LAST) + CLOSE
    yield Audience("streams of 31 rooms", size, streams, upgrade(MANY) + last, 31)
    small = b"".join([op(op="send", room=rooms[0], text=f"{number}") for number in range(199)])
    yield Audience("200 messages, streams of 31 rooms", CHUNK, streams, upgrade(MANY) + small + last, 31)
