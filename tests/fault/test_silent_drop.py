"""Promise 3, from within: what does not arrive, or out of order, is read from the store, at the end of a room too."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from parlour import app
from parlour.chat.ports import Commit
from parlour.config import Settings
from parlour.core.event import Stored
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.store.memory import MemoryStore
from tests.checker.invariants import violations
from tests.fault.load import Load
from tests.fault.lossy_hub import RATES, LossyHub, lossy
from tests.support import raw
from tests.support.recorder import Recorder, encode_nothing, encode_seqs
from tests.support.stores import CountedIds, HandClock, append, draft
from tests.support.timeout import TIMEOUT_S

HEALED_S = 15
ACKS = 600
SEEDS = (1, pytest.param(2, marks=pytest.mark.long))

_log = logging.getLogger("parlour.fault")


@asynccontextmanager
async def server(data: Path, random: Random, rates: Mapping[str, float]) -> AsyncIterator[tuple[app.App, LossyHub]]:
    """The whole program on this loop, with a lossy hub."""
    died: list[BaseException] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Hub", lossy(random, rates))
        running = await app.start(Settings(port=0, data=data, rate_limits=False), died.append)
    hub = running.context.hub
    assert isinstance(hub, LossyHub)
    try:
        yield running, hub
    finally:
        await running.stop(0)
    assert died == []


def port(running: app.App) -> int:
    return int(running.urls[0].rpartition(":")[2])


@pytest.mark.parametrize("seed", SEEDS)
async def test_readers_of_every_transport_get_everything_in_order_once_whatever_is_lost_and_shuffled(
    tmp_path: Path, seed: int
) -> None:
    async with server(tmp_path / "data", Random(seed), RATES) as (running, hub):
        load = await asyncio.to_thread(Load, port(running), seed)
        async with load:
            await load.until_acks(ACKS)
            hub.is_dead = True
            await load.fall_silent()
            begun = time.monotonic()
            heads = {room: (await running.context.store.log(room)).head_seq for room in load.shared.rooms}
            await load.until(lambda: all(reader.seen == heads[reader.room] for reader in load.readers))
            healed_s = time.monotonic() - begun
            await load.rest()
        repaired = running.sizes()["repaired"]
    assert violations(load.shared.history, HEALED_S) == []
    assert sum(reader.resets for reader in load.readers) == 0
    assert healed_s < HEALED_S
    assert repaired >= hub.fates["lost"] > 0
    _log.info("%s, %d repaired, healed after %.1f s: %s", dict(hub.fates), repaired, healed_s, load.figures(0, 0.0))


STREAMS = {
    "text": raw.head("GET", "/lobby?follow=1&limit=1"),
    "many": raw.head("GET", "/api/v1/stream?room=lobby", "Accept: text/event-stream"),
    **{transport.name: raw.ask(transport, "lobby", 1, "") for transport in raw.TRANSPORTS[:3]},
}
LIVE = {"text": b"first"}
"""What shows that a stream is live; where nothing is given, that it is said."""


async def test_the_last_event_of_a_room_comes_too_though_nothing_follows_it(tmp_path: Path) -> None:
    """D9 of the delivery contract: the server looks after itself, and the heartbeat never says more than was shown."""
    async with server(tmp_path / "data", Random(1), {}) as (running, hub), Clients(port(running)) as clients:
        for room in ("lobby", "warm"):
            await clients.ask(raw.post(f"/{room}", b"first"), b"/1\n")
        await clients.ask(raw.head("GET", "/warm"), b"first")  # kept in memory from here on, and read by nobody
        readers = [await clients.ask(request, LIVE.get(name, b"caught_up")) for name, request in STREAMS.items()]
        readers.append(await clients.ask(raw.head("GET", "/lobby?format=json&since=1&wait=55"), b""))
        hub.is_dead = True
        for room in ("lobby", "warm"):
            await clients.ask(raw.post(f"/{room}", b"the last"), b"/2\n")
        async with asyncio.timeout(HEALED_S):
            await asyncio.gather(*[reader.readuntil(b"the last") for reader in readers])
            while b"the last" not in await clients.page("/warm"):
                await asyncio.sleep(0.05)
        assert hub.fates["lost"] == 2
        assert running.sizes()["repaired"] == 1, "the other room is not in memory any more"


class Clients:
    """Connections to a server on this loop; as a context manager it closes them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def ask(self, request: bytes, mark: bytes) -> asyncio.StreamReader:
        """Send a request on a new connection; read up to `mark`, if there is one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(writer)
        writer.write(request)
        if mark:
            await asyncio.wait_for(reader.readuntil(mark), HEALED_S)
        return reader

    async def page(self, target: str) -> bytes:
        """The answer to a GET."""
        reader = await self.ask(raw.head("GET", target, "Connection: close"), b"")
        return await reader.read()

    async def __aenter__(self) -> Clients:
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.transport.abort()


# --- within the hub ---


async def say(store: MemoryStore, count: int) -> None:
    await asyncio.gather(*[append(store, draft(f"message {index}")) for index in range(count)])


async def enter(hub: Hub) -> Recorder:
    return await Recorder(hub).follow(0)


class Late(MemoryStore):
    """A store whose newest pages come when the test lets them."""

    def __init__(self) -> None:
        super().__init__(HandClock(), CountedIds())
        self.go_on = asyncio.Event()
        self.is_asked = asyncio.Event()

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        found = await super().before(room, seq, limit, max_bytes)
        self.is_asked.set()
        await self.go_on.wait()
        return found


@pytest.mark.parametrize("lost", [[1], [2], [1, 2], [1, 3], [0, 2]])
async def test_what_is_lost_while_a_room_is_loaded_is_repaired(lost: list[int]) -> None:
    """What comes meanwhile is kept, and may have holes."""
    store = Late()
    hub = Hub(store)
    batches: list[Sequence[Commit]] = []
    store.on_commit(batches.append)
    await say(store, 2)
    entering = asyncio.create_task(enter(hub))
    await store.is_asked.wait()
    batches.clear()
    for _ in range(4):
        await say(store, 1)
    for index, commits in enumerate(batches):
        if index not in lost:
            hub.deliver(commits)
    store.go_on.set()
    reader = await entering
    async with asyncio.timeout(TIMEOUT_S):
        while len(reader.seqs) < 6:
            await asyncio.sleep(0)
    assert reader.seqs == [1, 2, 3, 4, 5, 6]
    await hub.close()
    await store.close()


async def test_reader_that_could_not_be_shown_an_event_is_disconnected_and_not_left_with_a_hole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore(HandClock(), CountedIds())
    hub = Hub(store)
    store.on_commit(hub.deliver)

    def fails_at_3(room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        if any(event.seq == 3 for event in events):
            raise ValueError("broken on purpose")
        return encode_seqs(room, epoch, events)

    broken = await Recorder(hub, breaks_at=3).follow(0)
    unspeakable = await Recorder(hub, encoder=Encoder(fails_at_3, encode_nothing)).follow(0)
    whole = await Recorder(hub).follow(0)
    for _ in range(5):
        await say(store, 1)
    assert whole.seqs == [1, 2, 3, 4, 5]
    for reader in (broken, unspeakable):
        assert reader.seqs == [1, 2]
        assert reader.notes == ["caught_up 0", "failed"]
    assert len(caplog.records) == 2
    assert hub.sizes()["subscriptions"] == 1
    await hub.close()
    await store.close()
