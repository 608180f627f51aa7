"""A room that is written to in chunks: everybody gets the same in the same order, and other work comes in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from parlour.core.event import Appended, Author
from parlour.hub.encoder import Encoder
from parlour.hub.resources import Tuning
from parlour.schema.events import Typing
from tests.support.memory_hub import MemoryHub
from tests.support.recorder import NUMBERS, Recorder, encode_nothing, encode_seqs
from tests.support.stores import TIMEOUT_S, append, draft

CHUNK = 4
TUNING = Tuning(chunk_readers=CHUNK, writes_per_slice=CHUNK // 2, writes_at_once=12)


@pytest.fixture
async def rooms() -> AsyncIterator[MemoryHub]:
    rooms = MemoryHub(tuning=TUNING)
    yield rooms
    await rooms.close()


async def test_one_iteration_of_the_loop_writes_to_one_chunk(rooms: MemoryHub) -> None:
    readers = await rooms.live(5 * CHUNK)
    await rooms.post()
    written, iterations = 0, 0
    while written < len(readers):
        await asyncio.sleep(0)
        now = sum(len(reader.seqs) for reader in readers)
        assert now - written <= CHUNK
        written, iterations = now, iterations + 1
    assert iterations <= 6


async def test_a_small_room_is_written_to_before_the_senders_are_answered(rooms: MemoryHub) -> None:
    readers = await rooms.live(CHUNK)
    seen: list[list[int]] = []
    rooms.store.append(draft("hello"), lambda _answer: seen.extend([list(reader.seqs) for reader in readers]))
    await rooms.at_rest()
    assert seen == [[1]] * CHUNK


async def test_batches_that_meet_leave_as_one_write(rooms: MemoryHub) -> None:
    readers = await rooms.live(8 * CHUNK, takes=2)
    await rooms.post()
    await rooms.post()
    await rooms.at_rest()
    assert all(reader.seqs == [1, 2] for reader in readers)
    assert sum(reader.takes for reader in readers) >= 6 * CHUNK, "most were written to once"


async def test_no_third_batch_begins_while_readers_are_given_two(rooms: MemoryHub) -> None:
    readers = await rooms.live(20 * CHUNK)
    await rooms.post()
    await rooms.post()
    third = append(rooms.store, draft("the third"))
    while not third.done():
        await asyncio.sleep(0)
    assert all(reader.seqs[:2] == [1, 2] for reader in readers)
    await rooms.at_rest()
    assert all(reader.seqs == [1, 2, 3] for reader in readers)


class Weigher(Recorder):
    """Notes how much it was given at once."""

    largest = 0

    def write(self, data: bytes) -> None:
        self.largest = max(self.largest, len(data.split()))
        super().write(data)


async def test_what_was_lost_is_repaired_as_fast_as_readers_are_written_to(rooms: MemoryHub) -> None:
    """However much it is, a chunk is behind with a page and a batch at most."""
    readers = [Weigher(rooms.hub) for _ in range(20 * CHUNK)]
    for reader in readers:
        await reader.follow(0)
    rooms.losing = lambda _commits: ()
    for _ in range(6):
        await rooms.post(TUNING.page_events)
    rooms.losing = lambda commits: commits
    async with asyncio.timeout(TIMEOUT_S):
        while len(readers[-1].seqs) < 6 * TUNING.page_events:
            await rooms.post()
            await rooms.at_rest()
    await rooms.at_rest()
    head = (await rooms.store.log("lobby")).head_seq
    assert all(reader.seqs == list(range(1, head + 1)) for reader in readers)
    assert max(reader.largest for reader in readers) <= TUNING.page_events + 1


async def test_the_store_goes_on_while_people_type_all_the_time(rooms: MemoryHub) -> None:
    """A person who types gives every chunk a new backlog before the last one has been written to."""
    readers = await rooms.live(20 * CHUNK)
    channel = await rooms.hub.open("lobby")
    types = Encoder(encode_seqs, lambda _item: b" ")
    typists = [await Recorder(rooms.hub, encoder=types).follow(0) for _ in range(2 * CHUNK)]
    answers: list[asyncio.Future[Appended]] = []
    for _ in range(200):
        if len(answers) < 3 and all(answer.done() for answer in answers):
            answers.append(append(rooms.store, draft()))
        channel.broadcast(Typing("lobby", Author("u_alice", "alice", "member")))
        await asyncio.sleep(0)
    assert [answer.done() for answer in answers] == [True] * 3
    await rooms.at_rest()
    assert all(reader.seqs == [1, 2, 3] for reader in (*readers, *typists))
    channel.release()


async def test_a_reader_that_comes_or_goes_while_a_chunk_is_behind_misses_and_repeats_nothing(rooms: MemoryHub) -> None:
    readers = await rooms.live(3 * CHUNK)
    await rooms.post(2)
    late = await rooms.live(3)
    readers[-1].pause()
    assert not any(reader.seqs for reader in readers), "nobody is written to because one pauses"
    readers[-2].close()
    await rooms.post()
    readers[-1].drained(takes=1_000)
    await rooms.at_rest()
    assert all(reader.seqs == [3] for reader in late)
    assert readers[-1].seqs == [1, 2, 3]
    assert readers[-2].seqs in ([], [1, 2])
    assert all(reader.seqs == [1, 2, 3] for reader in readers[:-2])


async def test_a_reader_that_is_flushed_is_given_what_came_before(rooms: MemoryHub) -> None:
    readers = await rooms.live(3 * CHUNK)
    await rooms.post(2)
    assert readers[-1].seqs == []
    readers[-1].flush("lobby")
    assert readers[-1].seqs == [1, 2]
    assert not any(reader.seqs for reader in readers[:-1]), "and nobody else: that would be much work for a word"
    await rooms.post()
    readers[-2].pause()
    readers[-2].drained(takes=1_000)
    await rooms.at_rest()
    assert all(reader.seqs == [1, 2, 3] for reader in readers)


async def test_a_room_that_shrinks_is_written_to_at_once_again(rooms: MemoryHub) -> None:
    readers = await rooms.live(10 * CHUNK)
    order = list(readers)
    random.Random(1).shuffle(order)
    for reader in order[CHUNK // 2 :]:
        reader.close()
    await rooms.post()
    assert all(reader.seqs == [1] for reader in order[: CHUNK // 2])
    assert not rooms.is_busy


async def test_a_room_of_many_chunks_in_which_the_log_skips_gives_each_reader_everything_once(rooms: MemoryHub) -> None:
    readers = await rooms.live(2 * CHUNK)
    readers.pop().close()  # so that one chunk has a place for the last of the other
    channel = await rooms.hub.open("lobby")
    rooms.losing = lambda _commits: ()
    await rooms.post(5)
    channel._skip(3)
    channel.repair()
    await rooms.at_rest()
    assert all(reader.seqs == [1, 2, 3, 4, 5] for reader in readers)
    assert rooms.hub.sizes()["subscriptions"] == 1 + len(readers)
    channel.release()


async def test_one_broken_writer_in_a_chunk_is_disconnected_and_the_others_are_served(rooms: MemoryHub) -> None:
    readers = await rooms.live(2 * CHUNK)
    broken = await Recorder(rooms.hub, breaks_at=1).follow(0)
    readers += await rooms.live(CHUNK)
    await rooms.post(2)
    await rooms.at_rest()
    assert broken.notes == ["caught_up 0", "failed"]
    assert all(reader.seqs == [1, 2] for reader in readers)


COSTLY = Encoder(encode_seqs, encode_nothing, is_costly=True)
ROOMS = ("lobby", "red", "green", "blue")


@pytest.mark.parametrize("seed", range(30))
async def test_any_order_of_coming_going_and_pausing_keeps_every_log_whole(seed: int) -> None:
    chance = random.Random(seed)
    sizes = replace(TUNING, encoded_at_once=chance.choice((3, 20, 1024)), costly_write_bytes=chance.choice((20, 1000)))
    rooms = MemoryHub(tuning=sizes)
    there: list[tuple[Recorder, str, int]] = []  # with the room, and the head at which each came
    gone: list[tuple[Recorder, str, int]] = []
    channels = {room: await rooms.hub.open(room) for room in ROOMS}
    for _ in range(120):
        what = chance.randrange(6)
        if what == 0:
            own = Encoder(encode_seqs, encode_nothing, is_shared=False, is_costly=True)
            room, encoder = chance.choice(ROOMS), chance.choice((NUMBERS, COSTLY, own))
            came = await rooms.live(chance.randrange(1, 8), room, takes=chance.choice((1, 2, 99)), encoder=encoder)
            there += [(reader, room, channels[room].head) for reader in came]
        elif what == 1 and there:
            gone.append(there.pop(chance.randrange(len(there))))
            gone[-1][0].close()
        elif what == 2 and there:
            chance.choice(there)[0].drained(takes=chance.choice((1, 5)))
        elif what == 3 and there:
            reader, room, _ = chance.choice(there)
            reader.flush(room)
        else:
            await rooms.post(chance.randrange(1, 4), chance.sample(ROOMS, chance.randrange(1, 5)))
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
    for _ in range(100):
        for reader, _, _ in there:
            reader.drained(takes=1_000)
        await rooms.at_rest()
    for reader, room, came_at in there:
        assert reader.seqs == list(range(came_at + 1, channels[room].head + 1))
    for reader, _, came_at in gone:
        assert reader.seqs == list(range(came_at + 1, came_at + 1 + len(reader.seqs)))
    for channel in channels.values():
        channel.release()
    await rooms.close()
