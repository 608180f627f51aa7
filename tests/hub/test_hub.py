"""The hub: nothing is skipped, repeated or reordered on the way from a commit to a subscription."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from parlour.chat.ports import Commit
from parlour.core.cursor import Cursor
from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.hub import Hub
from parlour.hub.ring import MAX_EVENTS, OVERHEAD, Ring
from parlour.hub.subscription import Encoder, Subscription
from parlour.hub.turns import PAGES
from parlour.store.memory import MemoryStore
from tests.support.recorder import NUMBERS, Recorder, encode_nothing, encode_seqs
from tests.support.stores import PATIENCE_S, CountedIds, HandClock, append, draft


class Pipe:
    """A sink of one function."""

    descriptor = -1

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write


class House:
    """A hub over a memory store, with a bus that does to commits what `relay` says."""

    def __init__(self, relay: Callable[[Sequence[Commit]], Sequence[Commit]] = lambda commits: commits) -> None:
        self.store = MemoryStore(HandClock(), CountedIds())
        self.hub = Hub(self.store)
        self.store.on_commit(lambda commits: self.hub.deliver(relay(commits)))

    async def say(self, count: int, room: str = "lobby") -> None:
        await asyncio.gather(*[append(self.store, draft(f"message {index}", room)) for index in range(count)])

    async def enter(self, since: int, room: str = "lobby", takes: int = 1_000_000) -> Recorder:
        return Recorder(takes).enter(await self.hub.open(room), since)


async def settle(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.hub.close()
    await house.store.close()


async def test_reader_gets_replay_then_caught_up_then_live(house: House) -> None:
    await house.say(3)
    reader = await house.enter(since=1)
    await house.say(2)
    assert reader.seqs == [2, 3, 4, 5]
    assert reader.notes == ["caught_up 3"]


async def test_readers_of_one_batch_share_one_encoding(house: House) -> None:
    made: list[bytes] = []

    def encode(channel: Channel, events: Sequence[Stored]) -> bytes:
        made.append(encode_seqs(channel, events))
        return made[-1]

    channel = await house.hub.open("lobby")
    given: list[bytes] = []
    encoder = Encoder(encode, encode_nothing)
    for _ in range(3):
        reader = Recorder()
        Subscription(channel, encoder, Pipe(given.append), reader).start(0)
    await house.say(4)
    assert made == [b"1 2 3 4 "]
    assert all(data is made[0] for data in given)
    assert len(given) == 3


async def test_readers_that_resume_at_the_same_place_share_one_encoding(house: House) -> None:
    await house.say(6)
    made: list[bytes] = []

    def encode(channel: Channel, events: Sequence[Stored]) -> bytes:
        made.append(encode_seqs(channel, events))
        return made[-1]

    given: list[bytes] = []
    shared, own = Encoder(encode, encode_nothing), Encoder(encode, encode_nothing, is_shared=False)
    for encoder, since in ((shared, 2), (shared, 2), (shared, 4), (own, 2), (own, 2)):
        Subscription(await house.hub.open("lobby"), encoder, Pipe(given.append), Recorder()).start(since)
    assert given == [b"3 4 5 6 ", b"3 4 5 6 ", b"5 6 ", b"3 4 5 6 ", b"3 4 5 6 "]
    assert len(made) == 4
    await house.say(1)
    Subscription(await house.hub.open("lobby"), shared, Pipe(given.append), Recorder()).start(2)
    assert given[-1] == b"3 4 5 6 7 "


async def test_a_crowd_that_catches_up_leaves_the_loop_to_others_in_between(house: House) -> None:
    await house.enter(since=0)  # keeps the room in memory
    crowd = [await house.enter(since=0, takes=1) for _ in range(10 * PAGES)]
    await house.say(1)  # fills every buffer
    await house.say(3)
    for reader in crowd:
        reader.drained(room=1_000)
    turns = 0
    while any(reader.seqs != [1, 2, 3, 4] for reader in crowd):
        before = sum(len(reader.seqs) > 1 for reader in crowd)
        await asyncio.sleep(0)
        assert sum(len(reader.seqs) > 1 for reader in crowd) - before <= PAGES
        turns += 1
        assert turns <= 12


async def test_slow_reader_keeps_a_cursor_and_costs_the_others_nothing(house: House) -> None:
    slow = await house.enter(since=0, takes=1)
    quick = await house.enter(since=0)
    for _ in range(5):
        await house.say(3)
    assert slow.seqs == [1, 2, 3]
    assert quick.seqs == list(range(1, 16))
    slow.drained(room=1_000)
    await settle(lambda: slow.seqs == list(range(1, 16)))
    await house.say(1)
    assert slow.seqs[-1] == quick.seqs[-1] == 16


async def test_reader_far_behind_the_ring_is_caught_up_from_the_store(house: House) -> None:
    reader = await house.enter(since=0, takes=1)
    await house.say(1)
    for _ in range(5):
        await house.say(MAX_EVENTS // 4 + 1)
    total = 5 * (MAX_EVENTS // 4 + 1) + 1
    reader.drained(room=1_000)
    await settle(lambda: len(reader.seqs) >= total)
    assert reader.seqs == list(range(1, total + 1))


@pytest.mark.parametrize("seed", range(20))
async def test_bus_that_drops_repeats_and_reorders_changes_nothing_for_readers(seed: int) -> None:
    chance = random.Random(seed)
    held: list[Commit] = []

    def relay(commits: Sequence[Commit]) -> Sequence[Commit]:
        out: list[Commit] = []
        for commit in commits:
            fate = chance.random()
            if fate < 0.2:
                continue
            if fate < 0.4:
                held.append(commit)
                continue
            out += [commit] * (2 if fate < 0.6 else 1)
            if held and chance.random() < 0.5:
                out.append(held.pop())
        return out

    house = House(relay)
    reader = await house.enter(since=0)
    for _ in range(60):
        await house.say(chance.randrange(1, 4))
        await asyncio.sleep(0)
    (await house.hub.open("lobby")).repair()
    head = (await house.store.log("lobby")).head_seq
    await settle(lambda: len(reader.seqs) >= head)
    assert reader.seqs == list(range(1, head + 1))
    await house.hub.close()


async def test_commits_during_the_loading_of_a_room_are_neither_lost_nor_repeated(house: House) -> None:
    await house.say(5)
    opening = asyncio.gather(*[house.enter(since=0) for _ in range(3)])
    saying = asyncio.gather(*[house.say(2) for _ in range(5)])
    readers = await opening
    await saying
    for reader in readers:
        assert reader.seqs == list(range(1, 16))


async def test_one_broken_writer_does_not_keep_the_batch_from_the_others(house: House) -> None:
    channel = await house.hub.open("lobby")

    def broken(_data: bytes) -> None:
        raise RuntimeError("the transport is closed")

    Subscription(channel, NUMBERS, Pipe(broken), Recorder()).start(0)
    reader = await house.enter(since=0)
    await house.say(2)
    assert reader.seqs == [1, 2]


async def test_gap_reasons(house: House) -> None:
    await house.say(3)
    channel = await house.hub.open("lobby")
    assert channel.gap(Cursor(None, 3)) is None
    assert channel.gap(Cursor(channel.epoch, 0)) is None
    assert channel.gap(Cursor("other", 1)) == "epoch_changed"
    assert channel.gap(Cursor(None, 4)) == "cursor_ahead"
    channel.first_seq = 3
    assert channel.gap(Cursor(None, 1)) == "below_retention"
    assert channel.gap(Cursor(None, 2)) is None


async def test_rooms_without_readers_are_forgotten_within_their_bound(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parlour.hub.hub.IDLE_CHANNELS", 10)
    for index in range(30):
        (await house.hub.open(f"room{index}")).release()
    kept = await house.enter(since=0, room="kept")
    sizes = house.hub.sizes()
    assert sizes["channels"] <= 11
    assert sizes["subscriptions"] == 1
    assert kept.subscription is not None
    kept.subscription.close()
    assert house.hub.sizes()["subscriptions"] == 0


def test_ring_is_bounded_by_count_and_by_bytes() -> None:
    ring = Ring()
    ring.extend([Stored(seq, b"x" * 10, "message") for seq in range(1, 3 * MAX_EVENTS)])
    assert len(ring.events) == MAX_EVENTS
    ring.replace([Stored(seq, b"x" * 16_000, "message") for seq in range(1, 100)])
    assert ring.size <= 262144
    assert ring.size == sum(len(event.json) + OVERHEAD for event in ring.events)
    assert ring.events[-1].seq == 99


def test_ring_pages_are_exact_or_absent() -> None:
    ring = Ring()
    assert ring.after(0, 10, 1000) is None
    ring.extend([Stored(seq, b"12345", "message") for seq in range(11, 21)])
    assert ring.after(9, 10, 1000) is None
    assert [event.seq for event in ring.after(10, 3, 1000) or ()] == [11, 12, 13]
    assert [event.seq for event in ring.after(17, 10, 1000) or ()] == [18, 19, 20]
    assert [event.seq for event in ring.after(10, 10, 12) or ()] == [11, 12]
    assert [event.seq for event in ring.after(10, 10, 1) or ()] == [11]
    assert [event.seq for event in ring.before(21, 2, first_seq=1) or ()] == [19, 20]
    assert ring.before(13, 5, first_seq=1) is None
    assert [event.seq for event in ring.before(13, 5, first_seq=11) or ()] == [11, 12]
