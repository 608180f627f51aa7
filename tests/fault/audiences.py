"""Inputs that are little to say and much to hear: one message, or a hundred, that very many wait for."""

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

SHARE = 256
ROOMS = [f"full-{number}" for number in range(200)]
"""Each is read by as many as a share has members. One connection takes half of the rooms."""

CLOSE = ws_frame(b"\x03\xe8", 8)


class Herd(NamedTuple):
    """So many who ask, each for something else until it begins anew, and the input that all of them are given.

    Each is there when it has been told `is_there` for all of its `rooms`. The input comes on a connection of its own,
    or from the first of the herd.
    """

    name: str
    size: int
    asks: Sequence[bytes]
    data: bytes
    rooms: int = 1
    is_there: bytes = b"caught_up"
    is_one_of_them: bool = False

    def measure(self, meter: LoopMeter, port: int) -> Hold:
        """What the loop was held by until all have heard the last of it."""
        name = f"{self.name}, for {self.size}"
        with ExitStack() as stack:
            herd = [stack.enter_context(Client.to(port)) for _ in range(self.size)]
            for number, client in enumerate(herd):
                client.send(self.asks[number % len(self.asks)])
            for client in herd:
                for _ in range(self.rooms):
                    client.read_until(self.is_there)
            if self.is_one_of_them:
                hold = meter.begin(name)
                herd[0].send(self.data)
            else:
                hold = meter.feed(name, self.data)
            for client in herd:
                client.read_until(LAST.encode())
            return meter.more(hold)


def herds(size: int, texts: Sequence[str]) -> Iterator[Herd]:
    """One message for a room, on every transport; and hostile texts for one who reads them as text."""
    words = post("/herd", LAST.encode(), TEXT)
    for transport in raw.TRANSPORTS[:3]:
        yield Herd(transport.name, size, [transport.request("herd", 0)], words)
    yield Herd("long-poll", size, [head("GET", "/herd?format=json&wait=55")], words, rooms=0)
    for name in texts:
        ops = b"".join([op(op="send", room="live", text=TEXTS[name]) for _ in range(16)])
        data = upgrade(MANY) + ops + op(op="send", room="live", text=LAST) + CLOSE
        yield Herd(f"live text: {name}", 1, [head("GET", "/live?follow=1&limit=1")], data, is_there=b"\r\n\r\n")


def herds_of_many_rooms(size: int) -> Iterator[Herd]:
    """A message for each of many full rooms at once; and streams of several rooms, which share no bytes."""
    halves = ROOMS[:100], ROOMS[100:]
    read = [upgrade(MANY) + b"".join([op(op="subscribe", room=room) for room in half]) for half in halves]
    # Those that come first are a batch by themselves; in the next one are the rest, and all that the reader reads.
    words = b"".join([op(op="send", room=room, text=LAST) for room in (*halves[1], *halves[0])])
    yield Herd("200 rooms", 2 * SHARE, read, upgrade(MANY) + words + CLOSE, 100)
    yield Herd("200 rooms, from a reader", 2 * SHARE, read, words, 100, is_one_of_them=True)
    polls = [head("GET", f"/{room}?format=json&wait=55") for room in ROOMS]
    yield Herd("200 rooms, long-poll", size, polls, upgrade(MANY) + words + CLOSE, rooms=0)
    query = "&".join([f"room={room}" for room in ROOMS[:31]])
    streams = [head("GET", f"{MANY}?{query}", "Accept: text/event-stream")]
    last = op(op="send", room=ROOMS[0], text=LAST) + CLOSE
    yield Herd("streams of 31 rooms", size, streams, upgrade(MANY) + last, 31)
    small = b"".join([op(op="send", room=ROOMS[0], text=f"{number}") for number in range(199)])
    yield Herd("200 messages, streams of 31 rooms", SHARE, streams, upgrade(MANY) + small + last, 31)
