"""Old events go, their numbers stay used, and the newest of a room never goes (D23)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from parlour.chat.ports import Store
from parlour.chat.transactions import CommitsAfter, GetCursor, Position, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Log
from parlour.store.sqlite.check import check
from parlour.work.follower import forget
from parlour.work.retention import Retention
from tests.contract.conftest import clock as clock
from tests.contract.conftest import seqs
from tests.contract.conftest import store as store
from tests.support.stores import HandClock, append, draft, open_sqlite
from tests.support.timeout import TIMEOUT_S

DAY = 86_400_000


def dropping(store: Store, days: int, clock: HandClock) -> Retention:
    """One that takes small steps, without pauses."""
    return Retention(store, days, clock, events_per_step=7, step_pause_s=0.0)


async def fill(store: Store, room: str, count: int) -> None:
    await asyncio.gather(*(append(store, draft(f"{i}", room, f"key-{i:06}")) for i in range(count)))


async def rounds_until(follower: Retention, store: Store, room: str, log: Log) -> None:
    """Make rounds until a room is so: PostgreSQL shows a follower nothing that is newer than a transaction which still
    runs, also if that is one of another test's database."""
    async with asyncio.timeout(TIMEOUT_S):
        await follower.round()
        while await store.log(room) != log:
            await follower.round()


async def test_expired_events_are_dropped_and_the_newest_stays(store: Store, clock: HandClock) -> None:
    heard: list[tuple[str, int]] = []
    store.on_trim(lambda room, first_seq: heard.append((room, first_seq)))
    for room in ("a", "b", "c", "d", "e"):
        await fill(store, room, 50)
    clock.ms += 2 * DAY
    for room in ("a", "c", "e"):
        await append(store, draft("young", room))
    clock.ms += 9 * DAY
    await dropping(store, 10, clock).round()
    for room, log in zip("abcde", (Log(51, 51), Log(50, 50), Log(51, 51), Log(50, 50), Log(51, 51)), strict=True):
        assert await store.log(room) == log
    assert [first for room, first in heard if room == "a"] == [8, 15, 22, 29, 36, 43, 50, 51]
    assert [first for room, first in heard if room == "d"] == [8, 15, 22, 29, 36, 43, 50]
    assert seqs(await store.after("a", 0, 100)) == [51]
    assert seqs(await store.before("a", 52, 100)) == [51]
    assert await store.before("a", 51, 100) == []
    assert (await append(store, draft("49", "b", "key-000049"))).replay, "the key of a kept event"
    again = await append(store, draft("48", "b", "key-000048"))
    assert (again.seq, again.replay) == (51, False), "the key of a dropped event is free"


async def test_it_follows_what_comes_after_its_first_round(store: Store, clock: HandClock) -> None:
    """Rooms that are new, and rooms of which the newest event had stayed until another one came."""
    follower = dropping(store, 1, clock)
    await fill(store, "old", 3)
    clock.ms += 2 * DAY
    await follower.round()
    assert await store.log("old") == Log(3, 3)
    await append(store, draft("newer", "old"))
    await fill(store, "new", 5)
    await rounds_until(follower, store, "old", Log(4, 4))
    assert await store.log("new") == Log(1, 5)
    clock.ms += 2 * DAY
    await rounds_until(follower, store, "new", Log(5, 5))


async def test_pages_stay_whole_while_events_are_dropped(
    store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees a room before or after a step, never in the middle."""
    await fill(store, "lobby", 250)
    clock.ms += 2 * DAY
    firsts = set()

    async def read() -> None:
        page = await store.after("lobby", 0, 1000)
        assert seqs(page) == list(range(page[0].seq, 251))
        firsts.add(page[0].seq)
        early = await store.before("lobby", 200, 1000)
        assert seqs(early) == list(range(early[0].seq, 200)) if early else True
        await append(store, draft("x", "other"))  # the store goes on meanwhile

    run = store.run

    async def run_while_read(step: Transaction[object]) -> object:
        result, _ = await asyncio.gather(run(step), read())
        return result

    monkeypatch.setattr(store, "run", run_while_read)
    await dropping(store, 1, clock).round()
    await read()
    assert 250 in firsts
    assert len(firsts) > 10, "pages of rooms in which some steps were done"


async def test_times_of_a_wrong_clock_drop_nothing_early_and_keep_nothing_for_ever(
    store: Store, clock: HandClock
) -> None:
    right = clock.ms
    for days in (0, 400, 1, 11, -90, 12, 400):  # the clock was ahead twice, and once far behind
        clock.ms = right + days * DAY
        await append(store, draft(f"day {days}", "lobby"))
    for now, first_seq in ((13, 3 + 1), (21.5, 6), (30, 7)):
        clock.ms = right + int(now * DAY)
        await dropping(store, 10, clock).round()
        assert await store.log("lobby") == Log(first_seq, 7)


async def test_its_cursor_and_what_it_knows_outlive_the_process(tmp_path: Path) -> None:
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    await fill(store, "first", 3)
    await dropping(store, 1, clock).round()
    await fill(store, "second", 3)
    await store.close()
    clock.ms += 2 * DAY
    store = await open_sqlite(tmp_path, clock=clock)
    await dropping(store, 1, clock).round()
    assert (await store.log("first"), await store.log("second")) == (Log(3, 3), Log(3, 3))
    await store.close()
    assert check(tmp_path).problems == []


async def test_a_round_that_is_refused_is_made_up_for_by_the_next(store: Store, clock: HandClock) -> None:
    await fill(store, "lobby", 3)
    await store.close()
    with pytest.raises(Refusal, match="draining"):
        await dropping(store, 1, clock).round()


def commits() -> Transaction[tuple[int, list[int]]]:
    newest: int = yield Position()
    return newest, [commit.position for commit in (yield CommitsAfter(0, 1000))]


async def test_the_log_of_commits_is_kept_for_as_long_as_a_cursor_needs_it(tmp_path: Path) -> None:
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock, drop_commits_every=4)
    for _ in range(9):
        await append(store, draft())
    assert await store.run(commits()) == (1, [1]), "nobody follows: only what made the room is there"
    follower = dropping(store, 1, clock)
    await follower.round()
    for _ in range(9):
        await append(store, draft())
    assert await store.run(commits()) == (10, list(range(1, 11)))
    await store.run(forget(Retention.NAME))
    for _ in range(9):
        await append(store, draft())
    assert await store.run(commits()) == (10, list(range(1, 11))), "nobody follows any more"
    await follower.round()
    for _ in range(2):
        await append(store, draft())
    assert await store.run(commits()) == (12, [10, 11, 12]), "the follower has begun behind what is there"
    await store.close()
    store = await open_sqlite(tmp_path, clock=clock)
    await append(store, draft())
    assert await store.run(commits()) == (13, [10, 11, 12, 13]), "positions go on over a restart"
    await store.close()
    assert check(tmp_path).problems == []


async def test_a_transaction_that_raises_moves_no_cursor(store: Store, clock: HandClock) -> None:
    await fill(store, "lobby", 3)
    await dropping(store, 1, clock).round()

    def fail() -> Transaction[None]:
        yield from forget(Retention.NAME)
        raise Refusal("not_found")

    def cursor() -> Transaction[int | None]:
        position: int | None = yield GetCursor(Retention.NAME)
        return position

    before = await store.run(cursor())
    assert before is not None
    with pytest.raises(Refusal, match="not_found"):
        await store.run(fail())
    assert await store.run(cursor()) == before
