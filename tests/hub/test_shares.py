"""A room that is written to in shares: everybody gets the same in the same order, and others are served in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from parlour.core.event import Appended
from parlour.hub import group, hub, share
from parlour.hub.subscription import PAGE_EVENTS, Encoder
from parlour.schema.events import By, Typing
from tests.support.house import House, leave, place
from tests.support.recorder import NUMBERS, Recorder, encode_nothing, encode_seqs
from tests.support.stores import PATIENCE_S, append, draft

SHARE = 4
AT_ONCE = 12


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(group, "SHARE", SHARE)
    monkeypatch.setattr(hub, "ROUND", SHARE // 2)
    monkeypatch.setattr(hub, "AT_ONCE", AT_ONCE)
    house = House()
    yield house
    await house.close()


async def test_one_turn_of_the_loop_writes_to_one_share(house: House) -> None:
    readers = await house.enter(5 * SHARE)
    await house.say()
    written, turns = 0, 0
    while written < len(readers):
        await asyncio.sleep(0)
        now = sum(len(reader.seqs) for reader in readers)
        assert now - written <= SHARE
        written, turns = now, turns + 1
    assert turns <= 6


async def test_a_small_room_is_written_to_before_the_senders_are_answered(house: House) -> None:
    readers = await house.enter(SHARE)
    seen: list[list[int]] = []
    house.store.append(draft("hello"), lambda _answer: seen.extend([list(reader.seqs) for reader in readers]))
    await house.at_rest()
    assert seen == [[1]] * SHARE


async def test_batches_that_meet_leave_as_one_write(house: House) -> None:
    readers = await house.enter(8 * SHARE, takes=2)
    await house.say()
    await house.say()
    await house.at_rest()
    assert all(reader.seqs == [1, 2] for reader in readers)
    assert sum(reader.room for reader in readers) >= 6 * SHARE, "most were written to once"


async def test_no_third_batch_begins_while_readers_are_given_two(house: House) -> None:
    readers = await house.enter(20 * SHARE)
    await house.say()
    await house.say()
    third = append(house.store, draft("the third"))
    while not third.done():
        await asyncio.sleep(0)
    assert all(reader.seqs[:2] == [1, 2] for reader in readers)
    await house.at_rest()
    assert all(reader.seqs == [1, 2, 3] for reader in readers)


class Weigher(Recorder):
    """Notes how much it was given at once."""

    largest = 0

    def write(self, data: bytes) -> None:
        self.largest = max(self.largest, len(data.split()))
        super().write(data)


async def test_what_the_relay_lost_is_made_good_at_the_pace_of_the_readers(house: House) -> None:
    """However much it is, a share is behind with a page and a batch at most."""
    readers = [Weigher() for _ in range(20 * SHARE)]
    for reader in readers:
        reader.enter(await house.hub.open("lobby"), 0)
    house.is_lossy = True
    for _ in range(6):
        await house.say(PAGE_EVENTS)
    house.is_lossy = False
    async with asyncio.timeout(PATIENCE_S):
        while len(readers[-1].seqs) < 6 * PAGE_EVENTS:
            await house.say()
            await house.at_rest()
    await house.at_rest()
    head = (await house.store.log("lobby")).head_seq
    assert all(reader.seqs == list(range(1, head + 1)) for reader in readers)
    assert max(reader.largest for reader in readers) <= PAGE_EVENTS + 1


async def test_the_store_goes_on_though_people_never_stop_typing(house: House) -> None:
    """Who types puts every share behind again before the last one has been written to."""
    readers = await house.enter(20 * SHARE)
    channel = await house.hub.open("lobby")
    types = Encoder(encode_seqs, lambda _item: b" ")
    typists = [Recorder().enter(await house.hub.open("lobby"), 0, encoder=types) for _ in range(2 * SHARE)]
    answers: list[asyncio.Future[Appended]] = []
    for _ in range(200):
        if len(answers) < 3 and all(answer.done() for answer in answers):
            answers.append(append(house.store, draft()))
        channel.flash(Typing("lobby", By("u_alice", "alice", "member")))
        await asyncio.sleep(0)
    assert [answer.done() for answer in answers] == [True] * 3
    await house.at_rest()
    assert all(reader.seqs == [1, 2, 3] for reader in (*readers, *typists))
    channel.release()


async def test_who_comes_or_goes_while_a_share_is_behind_misses_and_repeats_nothing(house: House) -> None:
    readers = await house.enter(3 * SHARE)
    await house.say(2)
    late = await house.enter(3)
    place(readers[-1]).pause()
    assert not any(reader.seqs for reader in readers), "nobody is written to because one stands still"
    leave(readers[-2])
    await house.say()
    readers[-1].drained(room=1_000)
    await house.at_rest()
    assert all(reader.seqs == [3] for reader in late)
    assert readers[-1].seqs == [1, 2, 3]
    assert readers[-2].seqs in ([], [1, 2])
    assert all(reader.seqs == [1, 2, 3] for reader in readers[:-2])


async def test_who_is_about_to_be_told_something_is_given_what_came_before(house: House) -> None:
    readers = await house.enter(3 * SHARE)
    await house.say(2)
    assert readers[-1].seqs == []
    place(readers[-1]).settle()
    assert readers[-1].seqs == [1, 2]
    assert not any(reader.seqs for reader in readers[:-1]), "and nobody else: that would be a turn's work for a word"
    await house.say()
    place(readers[-2]).pause()
    readers[-2].drained(room=1_000)
    await house.at_rest()
    assert all(reader.seqs == [1, 2, 3] for reader in readers)


async def test_a_room_that_shrinks_is_written_to_at_once_again(house: House) -> None:
    readers = await house.enter(10 * SHARE)
    order = list(readers)
    random.Random(1).shuffle(order)
    for reader in order[SHARE // 2 :]:
        leave(reader)
    await house.say()
    assert all(reader.seqs == [1] for reader in order[: SHARE // 2])
    assert not house.hub.rounds


async def test_one_broken_writer_in_a_share_is_sent_away_and_the_others_are_served(house: House) -> None:
    readers = await house.enter(2 * SHARE)
    broken = Recorder(breaks_at=1).enter(await house.hub.open("lobby"), 0)
    readers += await house.enter(SHARE)
    await house.say(2)
    await house.at_rest()
    assert broken.notes == ["caught_up 0", "failed"]
    assert all(reader.seqs == [1, 2] for reader in readers)


COSTLY = Encoder(encode_seqs, encode_nothing, is_costly=True)
ROOMS = ("lobby", "red", "green", "blue")


@pytest.mark.parametrize("seed", range(30))
async def test_any_order_of_coming_going_and_standing_still_keeps_every_log_whole(
    house: House, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(share, "ENCODED", chance.choice((3, 20, 1024)))
    monkeypatch.setattr(share, "PAGE_BYTES", chance.choice((300, 32768)))
    there: list[tuple[Recorder, int]] = []  # with the head at which each came
    gone: list[tuple[Recorder, int]] = []
    channels = {room: await house.hub.open(room) for room in ROOMS}
    for _ in range(120):
        what = chance.randrange(6)
        if what == 0:
            own = Encoder(encode_seqs, encode_nothing, is_shared=False, is_costly=True)
            room, encoder, takes = (
                chance.choice(ROOMS),
                chance.choice((NUMBERS, COSTLY, own)),
                chance.choice((1, 2, 99)),
            )
            came = await house.enter(chance.randrange(1, 8), room, takes=takes, encoder=encoder)
            there += [(reader, channels[room].head) for reader in came]
        elif what == 1 and there:
            gone.append(there.pop(chance.randrange(len(there))))
            leave(gone[-1][0])
        elif what == 2 and there:
            there[chance.randrange(len(there))][0].drained(room=chance.choice((1, 5)))
        elif what == 3 and there:
            place(chance.choice(there)[0]).settle()
        else:
            await house.say(chance.randrange(1, 4), chance.sample(ROOMS, chance.randrange(1, 5)))
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
    for _ in range(100):
        for reader, _ in there:
            reader.drained(room=1_000)
        await house.at_rest()
    for reader, came_at in there:
        assert reader.seqs == list(range(came_at + 1, place(reader).channel.head + 1))
    for reader, came_at in gone:
        assert reader.seqs == list(range(came_at + 1, came_at + 1 + len(reader.seqs)))
    for channel in channels.values():
        channel.release()
