"""A crowd of clients that keeps a server busy through its deaths, and the history of what all of them saw."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NamedTuple, Self

from tests.checker.history import Entry, History
from tests.checker.invariants import Violation, violations
from tests.fault.client import Shared, content, decode_item
from tests.fault.readers import LongPoll, Page, Reader, StreamReading, decode_page
from tests.fault.senders import HttpSender, Sender, WebSocketSender
from tests.fault.transports import STREAMS
from tests.support import raw
from tests.support.timeout import TIMEOUT_S

HTTP_SENDERS = 6
WEBSOCKET_SENDERS = 2
ROOMS = ("red", "green", "blue")

LOOK_S = 0.01
"""How often a condition is looked at."""

_log = logging.getLogger("parlour.fault")


class Figures(NamedTuple):
    """What a run amounted to."""

    deaths: int
    slowest_start_s: float
    acks: int
    replays: int
    unknown: int
    refused: int
    shown: int
    connections: int
    events: int


class Load:
    """Senders and readers of one running server. As a context manager it starts and ends them."""

    def __init__(self, port: int, seed: int, rooms: tuple[str, ...] = ROOMS) -> None:
        epoch = page_after(port, rooms[0], 0).epoch
        self.shared = Shared(port, epoch, rooms)
        self.shared.is_up.set()
        kinds: list[type[Sender]] = [HttpSender] * HTTP_SENDERS + [WebSocketSender] * WEBSOCKET_SENDERS
        self.senders = [kind(self.shared, number, seed) for number, kind in enumerate(kinds)]
        self.readers: list[Reader] = []
        for room in rooms:
            self.readers += [StreamReading(self.shared, room, stream, seed) for stream in STREAMS]
            self.readers.append(LongPoll(self.shared, room, seed))
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def acks(self) -> int:
        """How many sends have been acknowledged."""
        return sum(sender.acks for sender in self.senders)

    @property
    def refusals(self) -> int:
        """How many sends have been refused as not stored."""
        return sum(sender.refusals for sender in self.senders)

    async def __aenter__(self) -> Self:
        clients: list[Sender | Reader] = [*self.senders, *self.readers]
        self._tasks = [asyncio.create_task(client.run()) for client in clients]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, condition: Callable[[], bool], within_s: float = TIMEOUT_S) -> None:
        """Wait for a condition. Raises what a client died of, and TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition():
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(LOOK_S)

    async def until_acks(self, more: int) -> None:
        """Wait until so many more sends have been acknowledged."""
        wanted = self.acks + more
        await self.until(lambda: self.acks >= wanted)

    async def until_refusals(self, more: int) -> None:
        """Wait until so many more sends have been refused as not stored."""
        wanted = self.refusals + more
        await self.until(lambda: self.refusals >= wanted)

    async def fall_silent(self) -> None:
        """Stop sending, and learn what became of every unknown."""
        self.shared.stopping = True
        await self.until(lambda: all(task.done() for task in self._tasks[: len(self.senders)]))

    async def rest(self, within_s: float | None = None) -> None:
        """Fall silent, let all readers come to the heads; read all once more. Raises UnreadableLog.

        With `within_s` readers that have not come so far by then stay where they are: the verdict says so.
        """
        await self.fall_silent()
        log = await asyncio.to_thread(read_all, self.shared)
        self.shared.history.log = log
        heads = {entry.room: entry.seq for entry in log}
        with suppress(TimeoutError) if within_s is not None else nullcontext():
            are_there = lambda: all(reader.seen == heads.get(reader.room, 0) for reader in self.readers)  # noqa: E731
            await self.until(are_there, TIMEOUT_S if within_s is None else within_s)

    def violations(self) -> list[Violation]:
        """Every invariant that the history breaks; a reader that was told to start again breaks the seventh."""
        resets = [Violation("I7", f"{reader.name} was told to start again") for reader in self.readers if reader.resets]
        return violations(self.shared.history) + resets

    def verify(self, keep: Path) -> None:
        """Check every invariant; what breaks one is kept in the file `keep`."""
        found = self.violations()
        if found:
            self.shared.history.write(keep)
        assert not found, f"{len(found)} violations, such as {found[:3]}; the history is in {keep}"

    def figures(self, deaths: int, slowest_start_s: float) -> Figures:
        """The figures of the run; also logged."""
        history: History = self.shared.history
        outcomes = [send.outcome for send in history.sends]
        figures = Figures(
            deaths,
            round(slowest_start_s, 2),
            outcomes.count("ack"),
            sum(send.replay for send in history.sends),
            outcomes.count("unknown"),
            outcomes.count("known_fail"),
            sum(reader.received for reader in self.readers),
            len({reading.conn for reading in history.readings}),
            len(history.log),
        )
        _log.info("%s", figures)
        return figures


def read_all(shared: Shared, port: int = 0) -> list[Entry]:
    """The logs of all rooms, oldest first; by another port, if one is given. Blocks."""
    log: list[Entry] = []
    for room, epoch, data in read_pages(shared, port):
        item = decode_item(data)
        log.append(Entry(room, epoch, item.seq, *content(item, data)))
    return log


def read_pages(shared: Shared, port: int = 0) -> Iterator[tuple[str, str, bytes]]:
    """Room, epoch and JSON of every event, oldest first. Blocks."""
    for room in shared.rooms:
        seq = 0
        while (page := page_after(port or shared.port, room, seq)).events:
            yield from ((room, page.epoch, bytes(event)) for event in page.events)
            seq = decode_item(bytes(page.events[-1])).seq


class UnreadableLog(Exception):
    """The server does not give all of a log."""


def page_after(port: int, room: str, since: int) -> Page:
    """A thousand events after `since`. Blocks. Raises UnreadableLog."""
    target = f"/{room}?format=json&limit=1000&since={since}"
    answer = raw.exchange(port, raw.head("GET", target, "Connection: close"))
    if raw.status(answer) != 200:
        raise UnreadableLog(raw.body(answer))
    return decode_page(raw.body(answer))
