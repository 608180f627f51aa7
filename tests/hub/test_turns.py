"""What one batch has for many rooms, or must be encoded for each reader, is done in many turns of the loop."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Sequence

import pytest

from parlour.core.event import Stored
from parlour.hub import group, hub, share
from parlour.hub.channel import Channel
from parlour.hub.subscription import PAGE_BYTES, Encoder
from parlour.hub.turns import PAGES, WOKEN
from parlour.schema.events import By, Typing
from tests.support.house import House, place
from tests.support.recorder import Recorder, encode_nothing, encode_seqs
from tests.support.stores import append, draft

SHARE = 8
ROUND = 4
AT_ONCE = 24
ENCODED = 32

MOST = AT_ONCE + SHARE + ROUND + SHARE
"""Writes in one turn: at once, then in rounds, and both times the room that goes beyond it."""


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(group, "SHARE", SHARE)
    monkeypatch.setattr(share, "ENCODED", ENCODED)
    monkeypatch.setattr(hub, "ROUND", ROUND)
    monkeypatch.setattr(hub, "AT_ONCE", AT_ONCE)
    house = House()
    yield house
    await house.close()


def written(readers: Sequence[Recorder]) -> int:
    return sum(len(reader.seqs) for reader in readers)


async def turns_until(house: House, readers: Sequence[Recorder], count: int, most: int) -> int:
    """How many turns pass until so much is written; none writes more than `most`."""
    turns, before = 0, written(readers)
    assert before <= most
    while before < count:
        await asyncio.sleep(0)
        now = written(readers)
        assert now - before <= most
        turns, before = turns + 1, now
    await house.at_rest()
    assert written(readers) == count
    return turns


def names(count: int) -> list[str]:
    return [f"room{number}" for number in range(count)]


async def test_messages_for_many_rooms_are_written_in_many_turns(house: House) -> None:
    readers = [reader for room in names(40) for reader in await house.enter(SHARE, room)]
    await house.say(rooms=names(40))
    turns = await turns_until(house, readers, 40 * SHARE, MOST)
    assert turns >= 30
    assert all(reader.seqs == [1] for reader in readers)


async def test_small_rooms_share_a_turn(house: House) -> None:
    readers = [reader for room in names(200) for reader in await house.enter(1, room)]
    await house.say(rooms=names(200))
    turns = await turns_until(house, readers, 200, MOST)
    assert turns <= (200 - AT_ONCE) / ROUND + 2


async def test_few_small_rooms_are_written_to_before_the_senders_are_answered(house: House) -> None:
    rooms = names(AT_ONCE // SHARE)
    readers = [reader for room in rooms for reader in await house.enter(SHARE, room)]
    seen: list[int] = []
    for room in rooms:
        house.store.append(draft("hello", room), lambda _answer: seen.append(written(readers)))
    await asyncio.sleep(0)
    assert seen == [AT_ONCE] * len(rooms)
    assert not house.hub.rounds


async def test_a_turn_that_wrote_much_costs_the_next_one_nothing(house: House) -> None:
    await house.enter(AT_ONCE // 2, "large")  # in shares
    readers = [reader for room in names(3) for reader in await house.enter(SHARE, room)]
    for count in range(1, 6):
        await house.say(rooms=["large", *names(3)])
        assert written(readers) == count * AT_ONCE
        await asyncio.sleep(0)


async def test_no_third_batch_begins_while_small_rooms_are_given_two(house: House) -> None:
    readers = [reader for room in names(100) for reader in await house.enter(2, room)]
    await house.say(rooms=names(100))
    await house.say(rooms=names(100))
    third = append(house.store, draft("the third", "room0"))
    while not third.done():
        await asyncio.sleep(0)
    assert all(reader.seqs[:2] == [1, 2] for reader in readers)
    await house.at_rest()
    assert all(reader.seqs == [1, 2] for reader in readers[2:])


async def test_people_who_type_in_many_rooms_are_shown_in_many_turns(house: House) -> None:
    shown: list[bytes] = []

    def item(_item: object) -> bytes:
        shown.append(b"typing")
        return b"1"

    types = [Encoder(encode_seqs, item, is_shared=False) for _ in range(40 * SHARE)]
    for number, encoder in enumerate(types):
        await house.enter(1, f"room{number // SHARE}", encoder=encoder)
    for room in names(40):
        channel = await house.hub.open(room)
        channel.flash(Typing(room, By("u_alice", "alice", "member")))
        channel.release()
    assert len(shown) <= MOST
    await house.at_rest()
    assert len(shown) == 40 * SHARE


async def test_who_is_told_something_in_many_rooms_is_written_to_alone(house: House) -> None:
    """An acknowledgement settles every room of its connection, and there may be a hundred of them."""
    readers = [reader for room in names(40) for reader in await house.enter(SHARE, room)]
    await house.say(rooms=names(40))
    before = written(readers)
    for reader in readers[::SHARE]:
        place(reader).settle()
    assert written(readers) - before <= 40
    assert all(reader.seqs == [1] for reader in readers[::SHARE])
    await house.at_rest()
    assert all(reader.seqs == [1] for reader in readers)


class Encodings:
    """Encoders, and how many events all of them together were asked for."""

    def __init__(self) -> None:
        self.made = 0

    def own(self) -> Encoder:
        return Encoder(self._encode, encode_nothing, is_shared=False, is_costly=True)

    def shared(self) -> Encoder:
        return Encoder(self._encode, encode_nothing, is_costly=True)

    def _encode(self, channel: Channel, events: Sequence[Stored]) -> bytes:
        self.made += len(events)
        return encode_seqs(channel, events)


async def test_encodings_of_their_own_are_made_in_the_turn_in_which_they_are_written(house: House) -> None:
    made = Encodings()
    readers = [reader for _ in range(30 * SHARE) for reader in await house.enter(encoder=made.own())]
    await house.say()
    assert made.made == written(readers)
    turns, before = 0, written(readers)
    while written(readers) < len(readers):
        await asyncio.sleep(0)
        assert made.made == written(readers) <= before + SHARE
        turns, before = turns + 1, written(readers)
    assert turns >= 20


async def test_many_events_for_many_encodings_are_given_page_by_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "SHARE", 4 * PAGES)
    monkeypatch.setattr(share, "ENCODED", 8 * PAGES)
    made = Encodings()
    readers = [reader for _ in range(10 * PAGES) for reader in await house.enter(encoder=made.own())]
    await house.say(50)
    before = 0
    while written(readers) < 50 * len(readers):
        await asyncio.sleep(0)
        assert made.made - before <= PAGES * 50
        before = made.made
    assert all(reader.seqs == list(range(1, 51)) for reader in readers)
    assert made.made == written(readers), "nothing is encoded twice"


async def test_a_turn_has_one_whole_page_of_a_costly_encoding(house: House) -> None:
    pages: list[int] = []

    def encode(_channel: Channel, events: Sequence[Stored]) -> bytes:
        pages.append(len(events))
        return b" ".join([b"%d" % event.seq + b" " * PAGE_BYTES for event in events])

    readers = await house.enter(10, encoder=Encoder(encode, encode_nothing, is_costly=True))
    for reader in readers:
        place(reader).pause()
    text = "x" * (PAGE_BYTES // 2 - 500)
    for _ in range(4):
        house.store.append(draft(text), lambda _answer: None)
    await asyncio.sleep(0)
    for reader in readers:
        reader.drained(room=1_000)
    while written(readers) < 4 * len(readers):
        before = len(pages)
        await asyncio.sleep(0)
        assert len(pages) - before <= 1
    assert pages == [2] * (2 * len(readers))
    assert all(reader.seqs == [1, 2, 3, 4] for reader in readers)


async def test_costly_texts_of_many_rooms_are_encoded_in_many_turns(house: House) -> None:
    made = Encodings()
    readers = [reader for room in names(40) for reader in await house.enter(1, room, encoder=made.shared())]
    text = "x" * (PAGE_BYTES // 4)
    for room in names(40):
        house.store.append(draft(text, room), lambda _answer: None)
    before = 0
    while written(readers) < 40:
        await asyncio.sleep(0)
        assert made.made - before <= 5, "each counts as 9 writes"
        before = made.made
    assert all(reader.seqs == [1] for reader in readers)


async def test_requests_that_wait_in_many_rooms_are_woken_in_many_turns(house: House) -> None:
    waiters: list[Future[bool]] = []
    for room in names(20):
        channel = await house.hub.open(room)
        for _ in range(WOKEN // 2):
            waiters.append(asyncio.get_running_loop().create_future())
            channel.wait(waiters[-1])
    await house.say(rooms=names(20))
    before = sum(waiter.done() for waiter in waiters)
    assert 0 < before <= 2 * WOKEN
    while before < len(waiters):
        await asyncio.sleep(0)
        now = sum(waiter.done() for waiter in waiters)
        assert 0 < now - before <= 2 * WOKEN
        before = now
    assert all(waiter.result() for waiter in waiters)
