"""A room in memory learns of what retention drops: no cursor skips in silence, no link shows another event (D23)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from parlour.chat.policies import Policies
from parlour.core.actor import OPERATOR
from parlour.core.cursor import Cursor
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.store.sqlite.store import SqliteStore
from parlour.work.retention import Retention
from tests.support.memory_hub import until
from tests.support.recorder import Recorder
from tests.support.stores import HandClock, append, draft, open_sqlite

DAY = 86_400_000


class Ageing:
    """A hub over a store that keeps events for a day by its clock."""

    def __init__(self, store: SqliteStore, clock: HandClock) -> None:
        self.store = store
        self.clock = clock
        self.hub = Hub(store)
        self.door = Door(self.hub, Policies("open"))
        self.retention = Retention(store, 1, clock, step_pause_s=0.0)
        store.on_commit(self.hub.deliver)

    async def say(self, count: int, room: str = "lobby") -> None:
        await asyncio.gather(*(append(self.store, draft(f"{i}", room)) for i in range(count)))

    async def age(self, log: Log, room: str = "lobby") -> None:
        """Let all that is there expire, and drop it."""
        self.clock.ms += 2 * DAY
        await self.until(log, room)

    async def until(self, log: Log, room: str = "lobby") -> None:
        """Drop what has expired; the log has this extent then."""
        await self.retention.round()
        assert await self.store.log(room) == log


@pytest.fixture
async def ageing(tmp_path: Path) -> AsyncIterator[Ageing]:
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    ageing = Ageing(store, clock)
    yield ageing
    await ageing.hub.close()
    await store.close()


@pytest.fixture
def told(ageing: Ageing) -> Ageing:
    ageing.store.on_trim(ageing.hub.trim)
    return ageing


def seqs(events: Sequence[Stored]) -> list[int]:
    return [event.seq for event in events]


async def code(reading: object) -> tuple[str, object]:
    with pytest.raises(Refusal) as caught:
        await reading  # type: ignore[misc]  # any of the reads below
    return caught.value.code, (caught.value.extra or {}).get("reason")


async def test_a_room_in_memory_drops_what_the_store_drops(told: Ageing) -> None:
    await told.say(1300)
    channel = await told.hub.open("lobby")
    await told.age(Log(1300, 1300))
    await until(lambda: channel.first_seq == 1300)
    assert seqs(list(channel.ring.events)) == [1300]
    assert channel.gap(Cursor(None, 5)) == "below_retention"
    assert channel.gap(Cursor(None, 1299)) is None
    assert seqs(await told.door.before(OPERATOR, channel, 1301, 50)) == [1300]
    assert await code(told.door.event(OPERATOR, channel, 7)) == ("gone", None)
    assert (await told.door.event(OPERATOR, channel, 1300)).seq == 1300
    channel.release()


async def test_what_is_kept_stays_in_memory(told: Ageing) -> None:
    await told.say(20)
    told.clock.ms += DAY // 2
    await told.say(10)
    channel = await told.hub.open("lobby")
    size = told.hub.sizes()["ring_bytes"]
    told.clock.ms += DAY * 3 // 4
    await told.until(Log(21, 30))
    await until(lambda: channel.first_seq == 21)
    assert seqs(list(channel.ring.events)) == list(range(21, 31))
    assert 0 < told.hub.sizes()["ring_bytes"] < size
    reader = await Recorder(told.hub).follow(20)
    await told.say(1)
    assert reader.seqs == list(range(21, 32))


async def test_pages_between_the_drop_and_its_notice_refuse_instead_of_skipping(ageing: Ageing) -> None:
    """The hub has not been told: what comes from the store must continue the cursor all the same."""
    await ageing.say(1300)
    channel = await ageing.hub.open("lobby")
    await ageing.age(Log(1300, 1300))
    assert channel.first_seq == 1
    assert channel.gap(Cursor(None, 5)) is None
    assert await code(ageing.door.event(OPERATOR, channel, 7)) == ("gone", None)
    assert await code(ageing.door.after(OPERATOR, channel, 5, 10)) == ("cursor_gone", "below_retention")
    assert channel.first_seq == 1300
    channel.release()


async def test_a_drop_while_a_room_is_loaded_is_not_forgotten(told: Ageing) -> None:
    await told.say(3)
    opening = asyncio.ensure_future(told.hub.open("lobby"))
    await asyncio.sleep(0)
    told.hub.trim("lobby", 3)  # as if it had happened between the two reads of the load
    channel = await opening
    assert channel.first_seq == 3
    assert seqs(list(channel.ring.events)) == [3]
    channel.release()


async def test_a_reader_behind_what_is_dropped_is_told(told: Ageing) -> None:
    await told.say(100)
    channel = await told.hub.open("lobby")
    reader = Recorder(told.hub)
    reader.pause()
    await reader.follow(10)
    await told.age(Log(100, 100))
    await until(lambda: channel.first_seq == 100)  # the notice comes a moment after the drop
    reader.drained(takes=1000)
    await until(lambda: bool(reader.notes))
    await told.say(1)
    assert reader.notes == ["reset below_retention", "caught_up 100"]
    assert reader.seqs == [101]


async def test_the_bytes_of_idle_rooms_are_counted_again(told: Ageing) -> None:
    await told.say(50)
    channel = await told.hub.open("lobby")
    channel.release()
    await told.age(Log(50, 50))
    await until(lambda: channel.first_seq == 50)
    assert told.hub._idle_bytes == channel.ring.size
