"""The hub: nothing is skipped, repeated or reordered on the way from a commit to a subscription."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from parlour.chat.ports import Commit
from parlour.core.cursor import Cursor
from parlour.core.event import Stored
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.hub.resources import Tuning
from parlour.hub.ring import OVERHEAD, Ring
from tests.support.memory_hub import MemoryHub, until
from tests.support.recorder import NUMBERS, Recorder, encode_nothing, encode_seqs

MAX_EVENTS = Tuning().ring_events
PAGES_PER_SLICE = Tuning().pages_per_slice


class Pipe(Recorder):
    """A reader whose bytes go to a function."""

    def __init__(self, hub: Hub, write: Callable[[bytes], None], encoder: Encoder = NUMBERS) -> None:
        super().__init__(hub, encoder=encoder)
        self._given = write

    def write(self, data: bytes) -> None:
        self._given(data)


@pytest.fixture
async def rooms() -> AsyncIterator[MemoryHub]:
    rooms = MemoryHub()
    yield rooms
    await rooms.close()


async def test_reader_gets_replay_then_caught_up_then_live(rooms: MemoryHub) -> None:
    await rooms.post(3)
    reader = await rooms.reader(since=1)
    await rooms.post(2)
    assert reader.seqs == [2, 3, 4, 5]
    assert reader.notes == ["caught_up 3"]


async def test_readers_of_one_batch_share_one_encoding(rooms: MemoryHub) -> None:
    made: list[bytes] = []

    def encode(room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        made.append(encode_seqs(room, epoch, events))
        return made[-1]

    given: list[bytes] = []
    encoder = Encoder(encode, encode_nothing)
    for _ in range(3):
        await Pipe(rooms.hub, given.append, encoder).follow(0)
    await rooms.post(4)
    assert made == [b"1 2 3 4 "]
    assert all(data is made[0] for data in given)
    assert len(given) == 3


async def test_readers_that_resume_at_the_same_place_share_one_encoding(rooms: MemoryHub) -> None:
    await rooms.post(6)
    made: list[bytes] = []

    def encode(room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        made.append(encode_seqs(room, epoch, events))
        return made[-1]

    given: list[bytes] = []
    shared, own = Encoder(encode, encode_nothing), Encoder(encode, encode_nothing, is_shared=False)
    for encoder, since in ((shared, 2), (shared, 2), (shared, 4), (own, 2), (own, 2)):
        await Pipe(rooms.hub, given.append, encoder).follow(since)
    assert given == [b"3 4 5 6 ", b"3 4 5 6 ", b"5 6 ", b"3 4 5 6 ", b"3 4 5 6 "]
    assert len(made) == 4
    await rooms.post(1)
    await Pipe(rooms.hub, given.append, shared).follow(2)
    assert given[-1] == b"3 4 5 6 7 "


async def test_many_readers_that_catch_up_leave_the_loop_to_others_in_between(rooms: MemoryHub) -> None:
    await rooms.reader(since=0)  # keeps the room in memory
    late = [await rooms.reader(since=0, takes=1) for _ in range(10 * PAGES_PER_SLICE)]
    await rooms.post(1)  # fills every buffer
    await rooms.post(3)
    for reader in late:
        reader.drained(takes=1_000)
    iterations = 0
    while any(reader.seqs != [1, 2, 3, 4] for reader in late):
        before = sum(len(reader.seqs) > 1 for reader in late)
        await asyncio.sleep(0)
        assert sum(len(reader.seqs) > 1 for reader in late) - before <= PAGES_PER_SLICE
        iterations += 1
        assert iterations <= 12


async def test_slow_reader_keeps_a_cursor_and_costs_the_others_nothing(rooms: MemoryHub) -> None:
    slow = await rooms.reader(since=0, takes=1)
    quick = await rooms.reader(since=0)
    for _ in range(5):
        await rooms.post(3)
    assert slow.seqs == [1, 2, 3]
    assert quick.seqs == list(range(1, 16))
    slow.drained(takes=1_000)
    await until(lambda: slow.seqs == list(range(1, 16)))
    await rooms.post(1)
    assert slow.seqs[-1] == quick.seqs[-1] == 16


async def test_reader_far_behind_the_ring_is_caught_up_from_the_store(rooms: MemoryHub) -> None:
    reader = await rooms.reader(since=0, takes=1)
    await rooms.post(1)
    for _ in range(5):
        await rooms.post(MAX_EVENTS // 4 + 1)
    total = 5 * (MAX_EVENTS // 4 + 1) + 1
    reader.drained(takes=1_000)
    await until(lambda: len(reader.seqs) >= total)
    assert reader.seqs == list(range(1, total + 1))


@pytest.mark.parametrize("seed", range(20))
async def test_bus_that_drops_repeats_and_reorders_changes_nothing_for_readers(seed: int) -> None:
    chance = random.Random(seed)
    held: list[Commit] = []

    def losing(commits: Sequence[Commit]) -> Sequence[Commit]:
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

    rooms = MemoryHub(losing)
    reader = await rooms.reader(since=0)
    for _ in range(60):
        await rooms.post(chance.randrange(1, 4))
        await asyncio.sleep(0)
    head = (await rooms.store.log("lobby")).head_seq
    (await rooms.hub.open("lobby")).head_moved(head)
    await until(lambda: len(reader.seqs) >= head)
    assert reader.seqs == list(range(1, head + 1))
    await rooms.close()


async def test_commits_during_the_loading_of_a_room_are_neither_lost_nor_repeated(rooms: MemoryHub) -> None:
    await rooms.post(5)
    opening = asyncio.gather(*[rooms.reader(since=0) for _ in range(3)])
    saying = asyncio.gather(*[rooms.post(2) for _ in range(5)])
    readers = await opening
    await saying
    for reader in readers:
        assert reader.seqs == list(range(1, 16))


async def test_one_broken_writer_does_not_keep_the_batch_from_the_others(rooms: MemoryHub) -> None:
    def broken(_data: bytes) -> None:
        raise RuntimeError("the transport is closed")

    await Pipe(rooms.hub, broken).follow(0)
    reader = await rooms.reader(since=0)
    await rooms.post(2)
    assert reader.seqs == [1, 2]


async def test_a_room_whose_only_reader_breaks_goes_on(rooms: MemoryHub) -> None:
    broken = await Recorder(rooms.hub, breaks_at=1).follow(0)
    rooms.hub.deliver([Commit("lobby", [Stored(1, b"{}", "message")])])
    assert broken.notes == ["caught_up 0", "failed"]
    assert rooms.hub.sizes()["subscriptions"] == 0


async def test_gap_reasons(rooms: MemoryHub) -> None:
    await rooms.post(3)
    channel = await rooms.hub.open("lobby")
    assert channel.gap(Cursor(None, 3)) is None
    assert channel.gap(Cursor(channel.epoch, 0)) is None
    assert channel.gap(Cursor("other", 1)) == "epoch_changed"
    assert channel.gap(Cursor(None, 4)) == "cursor_ahead"
    channel.first_seq = 3
    assert channel.gap(Cursor(None, 1)) == "below_retention"
    assert channel.gap(Cursor(None, 2)) is None


async def test_rooms_without_readers_are_forgotten_within_their_bound() -> None:
    rooms = MemoryHub(tuning=Tuning(idle_channels=10))
    for index in range(30):
        (await rooms.hub.open(f"room{index}")).release()
    kept = await rooms.reader(since=0, room="kept")
    sizes = rooms.hub.sizes()
    assert sizes["channels"] <= 11
    assert sizes["subscriptions"] == 1
    kept.close()
    assert rooms.hub.sizes()["subscriptions"] == 0
    await rooms.close()


def test_ring_is_bounded_by_count_and_by_bytes() -> None:
    ring = Ring(MAX_EVENTS, 262144)
    ring.extend([Stored(seq, b"x" * 10, "message") for seq in range(1, 3 * MAX_EVENTS)])
    assert len(ring.events) == MAX_EVENTS
    ring.replace([Stored(seq, b"x" * 16_000, "message") for seq in range(1, 100)])
    assert ring.size <= 262144
    assert ring.size == sum(len(event.json) + OVERHEAD for event in ring.events)
    assert ring.events[-1].seq == 99


def test_ring_pages_are_exact_or_absent() -> None:
    ring = Ring(MAX_EVENTS, 262144)
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
