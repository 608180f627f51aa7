"""One damaged event costs a room that event: the rest is read, and readers are told where it was (D25)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path

import apsw
import pytest

from parlour.chat.policies import Policies
from parlour.chat.ports import DamagedEvents
from parlour.core.actor import OPERATOR
from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.store.sqlite.store import SqliteStore
from tests.support.memory_hub import until
from tests.support.recorder import Recorder
from tests.support.stores import append, draft, open_sqlite
from tests.support.timeout import TIMEOUT_S


class Room:
    """A room of which some events on the disk are not what was stored."""

    def __init__(self, store: SqliteStore, directory: Path) -> None:
        self.store = store
        self.hub = Hub(store)
        self.door = Door(self.hub, Policies("open"))
        self._directory = directory

    async def say(self, count: int) -> None:
        await asyncio.gather(*(append(self.store, draft(f"{i}")) for i in range(count)))

    def damage(self, first: int, last: int) -> None:
        connection = apsw.Connection(str(self._directory / "parlour.db"))
        connection.set_busy_timeout(30_000)
        connection.execute(
            "UPDATE events SET body = CAST(x'ff' || body AS BLOB) WHERE id >> 36 AND id & 0xfff BETWEEN ? AND ?",
            (first, last),
        )
        connection.close()

    async def follow(self, since: int) -> Recorder:
        reader = await Recorder(self.hub).follow(since)
        await until(lambda: bool(reader.notes) and reader.notes[-1].startswith("caught_up"))
        return reader


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    store = await open_sqlite(tmp_path)
    room = Room(store, tmp_path)
    store.on_commit(room.hub.deliver)
    yield room
    await room.hub.close()
    await store.close()


def seqs(events: Sequence[Stored]) -> list[int]:
    return [event.seq for event in events]


async def named(reading: Awaitable[object]) -> tuple[int, int]:
    with pytest.raises(DamagedEvents) as caught:
        await reading
    return caught.value.first, caught.value.last


async def test_pages_and_links_that_do_not_touch_it_work(room: Room) -> None:
    await room.say(100)
    room.damage(60, 60)
    door, channel = room.door, await room.hub.open("lobby")
    assert (channel.first_seq, channel.head) == (1, 100)
    assert seqs(await door.after(OPERATOR, channel, 0, 10)) == list(range(1, 11))
    assert seqs(await door.after(OPERATOR, channel, 60, 10)) == list(range(61, 71))
    assert seqs(await door.before(OPERATOR, channel, 60, 10)) == list(range(50, 60))
    assert seqs(await door.before(OPERATOR, channel, 101, 10)) == list(range(91, 101))
    assert [(await door.event(OPERATOR, channel, seq)).seq for seq in (1, 59, 61, 100)] == [1, 59, 61, 100]
    assert seqs(await door.after(OPERATOR, channel, 50, 50)) == list(range(51, 60)), "it stops before"
    assert seqs(await door.before(OPERATOR, channel, 101, 50)) == list(range(61, 101)), "it stops behind"
    readings = [door.after(OPERATOR, channel, 59, 9), door.before(OPERATOR, channel, 61, 9)]
    for reading in (*readings, door.event(OPERATOR, channel, 60)):
        assert await named(reading) == (60, 60)


async def test_the_newest_page_is_what_can_be_read_last(room: Room) -> None:
    """A room whose end is damaged can be opened, and written in; its cursor names the damage."""
    await room.say(100)
    room.damage(98, 100)
    door, channel = room.door, await room.hub.open("lobby")
    assert channel.head == 100
    assert seqs(await door.before(OPERATOR, channel, channel.head + 1, 5)) == list(range(93, 98))
    assert await named(door.before(OPERATOR, channel, 100, 5)) == (98, 99)
    assert await named(door.after(OPERATOR, channel, 97, 5)) == (98, 100)
    await room.say(2)
    assert seqs(await door.before(OPERATOR, channel, channel.head + 1, 5)) == [101, 102]


async def test_a_follower_is_told_where_it_was_and_goes_on_behind(room: Room) -> None:
    await room.say(1500)
    room.damage(700, 703)
    room.damage(1200, 1200)
    reader = await room.follow(since=300)
    await room.say(1)
    assert reader.seqs == [*range(301, 700), *range(704, 1200), *range(1201, 1502)]
    assert reader.notes == ["reset damaged", "reset damaged", "caught_up 1500"]


async def test_a_follower_over_a_damaged_end_goes_live_behind_it(room: Room) -> None:
    await room.say(10)
    room.damage(9, 10)
    reader = await room.follow(since=0)
    await room.say(2)
    assert reader.seqs == [*range(1, 9), 11, 12]
    assert reader.notes == ["reset damaged", "caught_up 10"]


async def test_a_reset_for_damage_says_where_it_ends(room: Room) -> None:
    channel: Channel = await room.hub.open("lobby")
    await room.say(10)
    reset = channel.skipped(7)
    assert (reset.room, reset.reason, reset.epoch) == ("lobby", "damaged", channel.epoch)
    assert (reset.first_seq, reset.head_seq) == (8, 7)


async def test_a_live_reader_is_told_of_what_was_lost_and_the_disk_damaged(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    room = Room(store, tmp_path)
    reader = await room.follow(since=0)
    channel = await room.hub.open("lobby")
    waiter = asyncio.create_task(channel.wait_for_news(0, TIMEOUT_S))
    await asyncio.sleep(0)
    await room.say(6)
    room.damage(3, 4)
    store.on_commit(room.hub.deliver)
    await room.say(1)
    await until(lambda: len(reader.seqs) == 5 and len(reader.notes) == 3)
    await room.say(1)
    assert reader.seqs == [1, 2, 5, 6, 7, 8]
    assert reader.notes[:2] == ["caught_up 0", "reset damaged"]
    assert reader.notes[2] in ("caught_up 4", "caught_up 7"), "the head of that moment"
    assert await waiter is True
    await room.hub.close()
    await store.close()
