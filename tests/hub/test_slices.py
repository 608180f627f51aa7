"""What one batch has for many rooms, or must be encoded for each reader, is done in many iterations of the loop."""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from parlour.core.event import Author, Stored
from parlour.hub.encoder import Encoder
from parlour.hub.resources import Tuning
from parlour.schema.events import Typing
from tests.support.memory_hub import MemoryHub
from tests.support.recorder import Recorder, encode_nothing, encode_seqs
from tests.support.stores import TIMEOUT_S, append, draft

CHUNK = 8
TUNING = Tuning(chunk_readers=CHUNK, writes_per_slice=4, writes_at_once=24, encoded_at_once=32, costly_write_bytes=1024)
AT_ONCE = TUNING.writes_at_once
PAGES = TUNING.pages_per_slice
PAGE_BYTES = TUNING.page_bytes
WOKEN = TUNING.wakeups_per_slice

MOST = AT_ONCE + CHUNK + TUNING.writes_per_slice + CHUNK
"""Writes in one iteration: at once, then of the queue, and both times the room that exceeds it."""


@pytest.fixture
async def rooms() -> AsyncIterator[MemoryHub]:
    rooms = MemoryHub(tuning=TUNING)
    yield rooms
    await rooms.close()


def written(readers: Sequence[Recorder]) -> int:
    return sum(len(reader.seqs) for reader in readers)


async def iterations_until(rooms: MemoryHub, readers: Sequence[Recorder], count: int, most: int) -> int:
    """How many iterations pass until so much is written; none writes more than `most`."""
    iterations, before = 0, written(readers)
    assert before <= most
    while before < count:
        await asyncio.sleep(0)
        now = written(readers)
        assert now - before <= most
        iterations, before = iterations + 1, now
    await rooms.at_rest()
    assert written(readers) == count
    return iterations


def names(count: int) -> list[str]:
    return [f"room{number}" for number in range(count)]


async def test_messages_for_many_rooms_are_written_in_many_iterations(rooms: MemoryHub) -> None:
    readers = [reader for room in names(40) for reader in await rooms.live(CHUNK, room)]
    await rooms.post(rooms=names(40))
    iterations = await iterations_until(rooms, readers, 40 * CHUNK, MOST)
    assert iterations >= 30
    assert all(reader.seqs == [1] for reader in readers)


async def test_small_rooms_share_an_iteration(rooms: MemoryHub) -> None:
    readers = [reader for room in names(200) for reader in await rooms.live(1, room)]
    await rooms.post(rooms=names(200))
    iterations = await iterations_until(rooms, readers, 200, MOST)
    assert iterations <= (200 - AT_ONCE) / TUNING.writes_per_slice + 2


async def test_few_small_rooms_are_written_to_before_the_senders_are_answered(rooms: MemoryHub) -> None:
    few = names(AT_ONCE // CHUNK)
    readers = [reader for room in few for reader in await rooms.live(CHUNK, room)]
    seen: list[int] = []
    for room in few:
        rooms.store.append(draft("hello", room), lambda _answer: seen.append(written(readers)))
    await asyncio.sleep(0)
    assert seen == [AT_ONCE] * len(few)
    assert not rooms.is_busy


async def test_an_iteration_that_wrote_much_costs_the_next_one_nothing(rooms: MemoryHub) -> None:
    await rooms.live(AT_ONCE // 2, "large")  # in chunks
    readers = [reader for room in names(3) for reader in await rooms.live(CHUNK, room)]
    for count in range(1, 6):
        await rooms.post(rooms=["large", *names(3)])
        assert written(readers) == count * AT_ONCE
        await asyncio.sleep(0)


async def test_no_third_batch_begins_while_small_rooms_are_given_two(rooms: MemoryHub) -> None:
    readers = [reader for room in names(100) for reader in await rooms.live(2, room)]
    await rooms.post(rooms=names(100))
    await rooms.post(rooms=names(100))
    third = append(rooms.store, draft("the third", "room0"))
    while not third.done():
        await asyncio.sleep(0)
    assert all(reader.seqs[:2] == [1, 2] for reader in readers)
    await rooms.at_rest()
    assert all(reader.seqs == [1, 2] for reader in readers[2:])


async def test_people_who_type_in_many_rooms_are_shown_in_many_iterations(rooms: MemoryHub) -> None:
    shown: list[bytes] = []

    def item(_item: object) -> bytes:
        shown.append(b"typing")
        return b"1"

    types = [Encoder(encode_seqs, item, is_shared=False) for _ in range(40 * CHUNK)]
    for number, encoder in enumerate(types):
        await rooms.live(1, f"room{number // CHUNK}", encoder=encoder)
    for room in names(40):
        channel = await rooms.hub.open(room)
        channel.broadcast(Typing(room, Author("u_alice", "alice", "member")))
        channel.release()
    assert len(shown) <= MOST
    await rooms.at_rest()
    assert len(shown) == 40 * CHUNK


async def test_a_reader_that_is_flushed_in_many_rooms_is_written_to_alone(rooms: MemoryHub) -> None:
    """A heartbeat flushes every room of its connection, and there may be a hundred of them."""
    readers = [reader for room in names(40) for reader in await rooms.live(CHUNK, room)]
    await rooms.post(rooms=names(40))
    before = written(readers)
    for reader in readers[::CHUNK]:
        reader.flush_all()
    assert written(readers) - before <= 40
    assert all(reader.seqs == [1] for reader in readers[::CHUNK])
    await rooms.at_rest()
    assert all(reader.seqs == [1] for reader in readers)


class Encodings:
    """Encoders, and how many events all of them together were asked for."""

    def __init__(self) -> None:
        self.made = 0

    def own(self) -> Encoder:
        return Encoder(self._encode, encode_nothing, is_shared=False, is_costly=True)

    def shared(self) -> Encoder:
        return Encoder(self._encode, encode_nothing, is_costly=True)

    def _encode(self, room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        self.made += len(events)
        return encode_seqs(room, epoch, events)


async def test_encodings_of_their_own_are_made_in_the_iteration_in_which_they_are_written(rooms: MemoryHub) -> None:
    made = Encodings()
    readers = [reader for _ in range(30 * CHUNK) for reader in await rooms.live(encoder=made.own())]
    await rooms.post()
    assert made.made == written(readers)
    iterations, before = 0, written(readers)
    while written(readers) < len(readers):
        await asyncio.sleep(0)
        assert made.made == written(readers) <= before + CHUNK
        iterations, before = iterations + 1, written(readers)
    assert iterations >= 20


async def test_many_events_for_many_encodings_are_given_page_by_page() -> None:
    rooms = MemoryHub(tuning=replace(TUNING, chunk_readers=4 * PAGES, encoded_at_once=8 * PAGES))
    made = Encodings()
    readers = [reader for _ in range(10 * PAGES) for reader in await rooms.live(encoder=made.own())]
    await rooms.post(50)
    before = 0
    while written(readers) < 50 * len(readers):
        await asyncio.sleep(0)
        assert made.made - before <= PAGES * 50
        before = made.made
    assert all(reader.seqs == list(range(1, 51)) for reader in readers)
    assert made.made == written(readers), "nothing is encoded twice"
    await rooms.close()


async def test_an_iteration_has_one_whole_page_of_a_costly_encoding(rooms: MemoryHub) -> None:
    pages: list[int] = []

    def encode(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
        pages.append(len(events))
        return b" ".join([b"%d" % event.seq + b" " * PAGE_BYTES for event in events])

    readers = await rooms.live(10, encoder=Encoder(encode, encode_nothing, is_costly=True))
    for reader in readers:
        reader.pause()
    text = "x" * (PAGE_BYTES // 2 - 500)
    for _ in range(4):
        rooms.store.append(draft(text), lambda _answer: None)
    await asyncio.sleep(0)
    for reader in readers:
        reader.drained(takes=1_000)
    while written(readers) < 4 * len(readers):
        before = len(pages)
        await asyncio.sleep(0)
        assert len(pages) - before <= 1
    assert pages == [2] * (2 * len(readers))
    assert all(reader.seqs == [1, 2, 3, 4] for reader in readers)


async def test_costly_texts_of_many_rooms_are_encoded_in_many_iterations(rooms: MemoryHub) -> None:
    made = Encodings()
    readers = [reader for room in names(40) for reader in await rooms.live(1, room, encoder=made.shared())]
    text = "x" * (PAGE_BYTES // 4)
    for room in names(40):
        rooms.store.append(draft(text, room), lambda _answer: None)
    before = 0
    while written(readers) < 40:
        await asyncio.sleep(0)
        assert made.made - before <= 5, "each counts as 9 writes"
        before = made.made
    assert all(reader.seqs == [1] for reader in readers)


async def test_requests_that_wait_in_many_rooms_are_woken_in_many_iterations(rooms: MemoryHub) -> None:
    waiters: list[Task[bool]] = []
    for room in names(20):
        channel = await rooms.hub.open(room)
        waiters += [asyncio.create_task(channel.wait_for_news(0, TIMEOUT_S)) for _ in range(WOKEN // 2)]
    await asyncio.sleep(0)
    await rooms.post(rooms=names(20))
    await asyncio.sleep(0)
    before = sum(waiter.done() for waiter in waiters)
    assert 0 < before <= 2 * WOKEN
    while before < len(waiters):
        await asyncio.sleep(0)
        now = sum(waiter.done() for waiter in waiters)
        assert 0 < now - before <= 2 * WOKEN
        before = now
    assert all(waiter.result() for waiter in waiters)
