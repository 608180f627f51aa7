"""T5, promise 4: however often, wherefrom and in whatever form a message is sent at once, its key stores it once."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from parlour.store.sqlite.check import check
from tests.checker.history import Entry
from tests.checker.invariants import violations
from tests.fault.client import Message, Shared, content, decode_item
from tests.fault.cutting_proxy import CuttingProxy
from tests.fault.load import read_pages
from tests.fault.readers import LongPoll, Reader, StreamReading
from tests.fault.storm import REQUESTS, Guest, Line, copies
from tests.fault.transports import STREAMS
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

KEYS = 600
LONG_KEYS = int(os.environ.get("PARLOUR_TEST_KEYS", "100000"))
ROUND = 5000
"""Keys whose history is checked together."""

WAVE = 60
"""Keys under way at once: some hundreds of copies."""

REPEATED = 3
"""Keys of earlier waves that come once more with each."""

MEAN_BYTES = 20_000
"""After which the proxy cuts: some fifty answers."""

KINDS = (*REQUESTS, *REQUESTS, "websocket", "websocket", "websocket")
"""The lines of one guest."""

NAME = "twin"
GUESTS = (Guest(NAME, "one"), Guest(NAME, "another"), Guest(NAME, ""))
"""Three authors of one name, who use the same keys in the same rooms: only the cookie tells them apart."""

_log = logging.getLogger("parlour.fault")


class Figures(NamedTuple):
    """What a round amounted to."""

    keys: int
    sent: int
    acks: int
    replays: int
    refused: int
    unknown: int
    cuts: int
    connections: int
    shown: int
    events: int


class Storm:
    """The lines of all guests, and readers beside them, through a proxy that cuts them all."""

    def __init__(self, shared: Shared, proxy: CuttingProxy, guests: list[Guest], seed: int) -> None:
        self._shared = shared
        self._proxy = proxy
        self._random = Random(seed)
        self._left = 0
        self._settled = asyncio.Event()
        self._lines = {
            guest: [Line(shared, guest, number, kind, self._answered) for number, kind in enumerate(KINDS)]
            for guest in guests
        }
        room = shared.rooms[0]
        self._readers: list[Reader] = [StreamReading(shared, room, stream, seed) for stream in STREAMS]
        self._readers.append(LongPoll(shared, room, seed))
        self._done: list[tuple[Guest, Message]] = []
        self._keys = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Storm:
        runners = [line for lines in self._lines.values() for line in lines] + [*self._readers]
        self._tasks = [asyncio.create_task(runner.run()) for runner in runners]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wave(self, keys: int) -> None:
        """Send all copies of so many new messages, and a few old ones; wait until each copy has its answer."""
        sends = [(*self._random.choice(self._done), 1) for _ in range(REPEATED)] if self._done else []
        flood = [(guest, copy) for guest, copy, _ in sends]
        for _ in range(keys):
            # Every guest uses the same keys: "key-0000007" of one is not that of another.
            number, which = divmod(self._keys, len(self._lines))
            guest = list(self._lines)[which]
            self._keys += 1
            message = copies(self._random.choice(self._shared.rooms), f"key-{number:07}", self._random)
            flood += [(guest, copy) for copy in message]
            self._done.append((guest, message[0]))
        self._random.shuffle(flood)
        self._left = len(flood)
        self._settled.clear()
        for guest, copy in flood:
            self._random.choice(self._lines[guest]).give(copy)
        await self._wait(self._settled.wait())

    async def rest(self) -> None:
        """Read the logs, and let the readers come to the head."""
        log = await asyncio.to_thread(read_log, self._shared)
        self._shared.history.log = log
        head = max(entry.seq for entry in log if entry.room == self._shared.rooms[0])
        await self._wait(self._readers_at(head))

    def figures(self) -> Figures:
        """What it amounted to."""
        sends = self._shared.history.sends
        outcomes = [send.outcome for send in sends]
        return Figures(
            len({(send.author, send.room, send.key) for send in sends}),
            len(sends),
            outcomes.count("ack"),
            sum(send.replay for send in sends),
            outcomes.count("known_fail"),
            outcomes.count("unknown"),
            self._proxy.cuts,
            len({send.conn for send in sends} | {reading.conn for reading in self._shared.history.readings}),
            sum(reader.received for reader in self._readers),
            len(self._shared.history.log),
        )

    def _answered(self) -> None:
        self._left -= 1
        if not self._left:
            self._settled.set()

    async def _readers_at(self, head: int) -> None:
        while any(reader.seen < head for reader in self._readers):
            await asyncio.sleep(0.01)

    async def _wait(self, what: object) -> None:
        """Wait for it, or for what a client died of."""
        assert asyncio.iscoroutine(what)
        waiting = asyncio.create_task(what)
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await asyncio.gather(*(task for task in self._tasks if task.done()))
        await waiting


def read_log(shared: Shared) -> list[Entry]:
    """The logs of all rooms, their authors by id. Blocks."""
    log = []
    for room, epoch, data in read_pages(shared):
        item = decode_item(data)
        assert item.by is not None
        _, *rest = content(item, data)
        log.append(Entry(room, epoch, item.seq, item.by.id, *rest))
    return log


def guests_of(port: int) -> tuple[str, list[Guest]]:
    """The epoch, and the guests with the authors that they are."""
    guests = []
    for known in GUESTS:
        guest = known._replace(cookie=raw.guest_cookie(port)) if known.cookie else known
        fields = ["Accept: application/json", "Connection: close"]
        fields += [f"Cookie: parlour_guest={guest.cookie}"] if guest.cookie else []
        answer = raw.exchange(port, raw.post(f"/before?name={guest.name}", b"Who am I?", *fields))
        author = decode_item(raw.body(answer)).by
        assert author is not None
        guests.append(guest._replace(author=author.id))
    assert len({guest.author for guest in guests}) == len(GUESTS)
    page = raw.body(raw.exchange(port, raw.head("GET", "/before?format=json", "Connection: close")))
    return decode_item(page.replace(b"{", b'{"type":"page",', 1)).epoch, guests


async def storms(tmp_path: Path, seed: int, keys: int) -> list[Figures]:
    """Storms of up to ROUND keys, each in rooms of its own and with a kill; everything is checked after each."""
    figures = []
    with ServerProcess(tmp_path / "data") as server:
        epoch, guests = guests_of(server.port)
        for number in range(0, keys, ROUND):
            count = min(ROUND, keys - number)
            async with AsyncExitStack() as stack:
                proxy = stack.enter_context(CuttingProxy(server.port, seed + number, MEAN_BYTES))
                shared = Shared(proxy.port, epoch, (f"one-{number}", f"two-{number}"))
                shared.is_up.set()
                storm = await stack.enter_async_context(Storm(shared, proxy, guests, seed + number))
                death = asyncio.create_task(kill_during(server, shared, count))
                for sent in range(0, count, WAVE):
                    await storm.wave(min(WAVE, count - sent))
                await death
                shared.port = server.port  # the last read is whole
                await storm.rest()
                figures.append(storm.figures())
            judge(shared, tmp_path / "history.jsonl")
            _log.info("%s", figures[-1])
    assert check(tmp_path / "data").is_ok
    return figures


async def kill_during(server: ServerProcess, shared: Shared, keys: int) -> None:
    """SIGKILL when about half of it is done, and a start at once."""
    while sum(not send.replay for send in shared.history.sends if send.outcome == "ack") < keys // 2:
        await asyncio.sleep(0.2)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


def judge(shared: Shared, keep: Path) -> None:
    """Every invariant, and what the checker does not ask: each key is stored, and nothing else was refused."""
    found = violations(shared.history)
    if found:
        shared.history.write(keep)
    assert not found, f"{len(found)} violations, such as {found[:3]}; the history is in {keep}"
    sends = shared.history.sends
    assert {send.code for send in sends if send.outcome == "known_fail"} == {"key_reused"}
    stored = {(entry.room, entry.author, entry.key): entry.text for entry in shared.history.log}
    assert stored.keys() == {(send.room, send.author, send.key) for send in sends}
    assert len(stored) == len(shared.history.log)
    for send in sends:
        is_same = stored[send.room, send.author, send.key] == send.text
        assert send.outcome == "unknown" or is_same == (send.outcome == "ack"), send


def is_enough(figures: Figures) -> bool:
    """Whether it was a storm: repeats, changed copies, lost answers."""
    return (
        figures.sent >= 9 * figures.keys
        and figures.replays >= 8 * figures.keys
        and figures.refused >= figures.keys // 4
        and figures.unknown >= figures.keys // 4
    )


@pytest.mark.timeout(120)
async def test_a_key_stores_once_however_often_and_wherefrom_it_is_sent(tmp_path: Path) -> None:
    (figures,) = await storms(tmp_path, 5, KEYS)
    assert is_enough(figures), figures
    assert figures.keys == figures.events == KEYS


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_a_hundred_thousand_keys_store_once_each(tmp_path: Path) -> None:
    rounds = await storms(tmp_path, 6, LONG_KEYS)
    assert all(is_enough(figures) for figures in rounds), rounds
    assert sum(figures.keys for figures in rounds) == LONG_KEYS
