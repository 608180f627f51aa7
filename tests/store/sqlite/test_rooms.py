"""The list of rooms comes from memory and says what the log says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parlour.chat.ports import RoomSummary
from parlour.core.event import Log
from parlour.store.memory import MemoryStore
from parlour.store.sqlite.store import SqliteStore
from parlour.work.retention import Retention
from tests.support.many import many
from tests.support.memory import directory_in_memory
from tests.support.stores import CountedIds, HandClock, append, draft, open_sqlite

DAY = 86_400_000


def at_once(store: SqliteStore, limit: int) -> list[RoomSummary]:
    """The list, if it is there without waiting for a reader."""
    with pytest.raises(StopIteration) as answer:
        store.rooms(limit).send(None)
    found: list[RoomSummary] = answer.value.value
    return found


async def test_after_the_first_list_no_other_looks_into_the_database(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    await asyncio.gather(*(append(store, draft(room=f"room{i}")) for i in range(10)))
    assert len(await store.rooms(100)) == 10
    await append(store, draft(room="new"))
    await append(store, draft(room="room3"))
    assert [(room.room, room.log) for room in at_once(store, 100)] == [
        ("new", Log(1, 1)), ("room0", Log(1, 1)), ("room1", Log(1, 1)), ("room2", Log(1, 1)), ("room3", Log(1, 2)),
        *((f"room{i}", Log(1, 1)) for i in range(4, 10)),
    ]  # fmt: skip
    await store.close()


async def test_a_room_that_loses_its_beginning_is_listed_so(tmp_path: Path) -> None:
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    retention = Retention(store, 1, clock)
    await asyncio.gather(*(append(store, draft(room=room)) for room in ("a", "b") for _ in range(20)))
    assert [room.log for room in await store.rooms(10)] == [Log(1, 20)] * 2
    clock.ms += 2 * DAY
    await retention.round()
    assert [room.log for room in await store.rooms(10)] == [Log(20, 20)] * 2
    await append(store, draft(room="b"))
    assert at_once(store, 10)[0][:2] == ("b", Log(20, 21))
    await retention.round()  # what was the newest is old
    assert at_once(store, 10)[0][:2] == ("b", Log(21, 21))
    await store.close()


async def test_lists_asked_for_while_rooms_change_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await open_sqlite(tmp_path)
    await asyncio.gather(*(append(store, draft(room=f"room{i}")) for i in range(50)))
    asked = [asyncio.ensure_future(store.rooms(100)) for _ in range(3)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asyncio.gather(*(append(store, draft(room=f"room{i}")) for i in range(40, 60)))
    found, again = await asyncio.gather(*asked[1:])
    assert len(found) in (50, 60)
    assert len(again) in (50, 60)
    heads = {room.room: room.log.head_seq for room in await store.rooms(100)}
    assert heads == {f"room{i}": 2 if 40 <= i < 50 else 1 for i in range(60)}
    await store.close()


steps = st.lists(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4) | st.integers(-3000, 3000) | st.just("rooms"),
    max_size=30,
)


async def play(directory: Path, history: list[object]) -> None:
    clock = HandClock()
    oracle, store = MemoryStore(clock, CountedIds()), await open_sqlite(directory, clock=clock, rooms_listed=3)
    for step in history:
        if isinstance(step, list):
            for either in (oracle, store):
                await asyncio.gather(*(append(either, draft(room=room)) for room in step))
        elif isinstance(step, int):
            clock.ms += step
        else:
            for limit in (1, 2, 3):
                assert await store.rooms(limit) == await oracle.rooms(limit)
    assert await store.rooms(3) == await oracle.rooms(3)
    await store.close()
    await oracle.close()


@settings(max_examples=many(30))
@given(steps)
def test_rooms_that_are_not_kept_in_memory_come_back_when_they_are_active(history: list[object]) -> None:
    with directory_in_memory() as directory:
        asyncio.run(play(Path(directory), history))
