"""Old events go, their numbers stay used, and the newest of a room never goes (D23)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from parlour.core.event import Log
from parlour.store.sqlite import SqliteStore, retention
from parlour.store.sqlite.check import check
from tests.support.patience import PATIENCE_S
from tests.support.stores import HandClock, append, draft, open_sqlite

DAY = 86_400_000


async def until(store: SqliteStore, room: str, log: Log) -> None:
    while (found := await store.log(room)) != log:
        assert found.first_seq <= log.first_seq
        assert found.head_seq == log.head_seq


async def fill(store: SqliteStore, room: str, count: int) -> None:
    await asyncio.gather(*(append(store, draft(f"{i}", room, f"key-{i:06}")) for i in range(count)))


async def test_expired_events_are_dropped_and_the_newest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVENTS_PER_STEP", 7)
    monkeypatch.setattr(retention, "ROOMS_PER_STEP", 2)
    monkeypatch.setattr(retention, "STEP_PAUSE_S", 0.001)
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    for room in ("a", "b", "c", "d", "e"):
        await fill(store, room, 50)
    clock.ms += 2 * DAY
    for room in ("a", "c", "e"):
        await append(store, draft("young", room))
    await store.close()

    clock.ms += 9 * DAY
    store = await open_sqlite(tmp_path, clock=clock, retention_days=10)
    heard: list[tuple[str, int]] = []
    store.on_trim(lambda room, first_seq: heard.append((room, first_seq)))
    for room, log in (
        ("a", Log(51, 51)),
        ("b", Log(50, 50)),
        ("c", Log(51, 51)),
        ("d", Log(50, 50)),
        ("e", Log(51, 51)),
    ):
        await until(store, room, log)
    async with asyncio.timeout(PATIENCE_S):
        while len(heard) < 3 * 8 + 2 * 7:
            await asyncio.sleep(0)
    assert [first for room, first in heard if room == "a"] == [8, 15, 22, 29, 36, 43, 50, 51]
    assert [first for room, first in heard if room == "d"] == [8, 15, 22, 29, 36, 43, 50]
    assert [event.seq for event in await store.after("a", 0, 100)] == [51]
    assert [event.seq for event in await store.before("a", 52, 100)] == [51]
    assert await store.before("a", 51, 100) == []
    assert (await append(store, draft("49", "b", "key-000049"))).replay, "the key of a kept event"
    again = await append(store, draft("48", "b", "key-000048"))
    assert (again.seq, again.replay) == (51, False), "the key of a dropped event is free"
    await store.close()
    assert check(tmp_path).problems == []


async def test_pages_stay_whole_while_events_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees a room before or after a step, never in the middle."""
    monkeypatch.setattr(retention, "EVENTS_PER_STEP", 3)
    monkeypatch.setattr(retention, "STEP_PAUSE_S", 0.0)
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    await fill(store, "lobby", 250)
    await store.close()
    clock.ms += 2 * DAY
    store = await open_sqlite(tmp_path, clock=clock, retention_days=1)
    firsts = set()
    while len(page := await store.after("lobby", 0, 1000)) > 1:
        assert [event.seq for event in page] == list(range(page[0].seq, 251))
        firsts.add(page[0].seq)
        early = await store.before("lobby", 200, 1000)
        assert [event.seq for event in early] == list(range(early[0].seq, 200)) if early else True
    assert page[0].seq == 250
    assert len(firsts) > 1
    await store.close()


async def test_a_writer_that_is_never_idle_drops_events_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LATE_S", 0.0)
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    await fill(store, "lobby", 50)
    await store.close()
    clock.ms += 2 * DAY
    store = await open_sqlite(tmp_path, clock=clock, retention_days=1)
    while (await store.log("lobby")).first_seq < 51:
        await asyncio.gather(*(append(store, draft()) for _ in range(3)))
    await store.close()


async def test_without_retention_everything_stays(tmp_path: Path) -> None:
    clock = HandClock(now_ms=0)
    store = await open_sqlite(tmp_path, clock=clock)
    await fill(store, "lobby", 5)
    clock.ms = 4_000_000_000_000
    await fill(store, "other", 5)
    await store.close()
    store = await open_sqlite(tmp_path, clock=clock)
    assert await store.log("lobby") == Log(1, 5)
    await store.close()


async def test_times_of_a_wrong_clock_drop_nothing_early_and_keep_nothing_for_ever(tmp_path: Path) -> None:
    clock = HandClock()
    right = clock.ms
    store = await open_sqlite(tmp_path, clock=clock)
    for days in (0, 400, 1, 11, -90, 12, 400):  # the clock was ahead twice, and once far behind
        clock.ms = right + days * DAY
        await append(store, draft(f"day {days}", "lobby"))
    await store.close()
    for now, first_seq in ((13, 3 + 1), (21.5, 6), (30, 7)):
        clock.ms = right + int(now * DAY)
        store = await open_sqlite(tmp_path, clock=clock, retention_days=10)
        await until(store, "lobby", Log(first_seq, 7))
        await store.close()
    assert check(tmp_path).problems == []
