"""How drafts meet in transactions, and where the queue ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from parlour.chat.ports import Commit
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Log
from parlour.store.commit_queue import BATCH_DRAFTS, QUEUE_DRAFTS
from parlour.store.gather import DOUBT_BATCHES, MAX_WAIT_S, Gather
from parlour.store.sqlite.store import SqliteStore
from tests.support.faulty_disk import FaultyDisk
from tests.support.stores import HandClock, append, draft, open_sqlite
from tests.support.timeout import TIMEOUT_S


def sizes(store: SqliteStore) -> list[int]:
    """The number of events of each transaction, growing as they come."""
    found: list[int] = []
    store.on_commit(lambda commits: found.append(sum(len(commit.events) for commit in commits)))
    return found


async def test_one_iteration_of_the_loop_is_one_batch(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    found = sizes(store)
    await asyncio.gather(*(append(store, draft(f"{i}", f"room{i % 5}")) for i in range(100)))
    assert found == [100]
    await store.close()


async def test_nothing_is_answered_or_shown_before_the_sync_has_returned(tmp_path: Path) -> None:
    """D1, D6: neither to the sender, nor to listeners, nor to readers of the log."""
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path)
        await append(store, draft("first"))
        found = sizes(store)
        disk.may_sync.clear()
        disk.syncs.clear()
        future = append(store, draft("second"))
        while not disk.syncs:
            await asyncio.sleep(0)
        for _ in range(20):
            assert [event.seq for event in await store.after("lobby", 0, 10)] == [1]
            assert await store.log("lobby") == Log(1, 1)
            assert not future.done()
        assert found == []
        disk.may_sync.set()
        assert (await future).seq == 2
        assert found == [1]
        await store.close()


@pytest.mark.usefixtures("never_idle")
async def test_a_batch_costs_one_sync_and_never_a_checkpoint(tmp_path: Path) -> None:
    """More than SQLite's own 1000 pages: its automatic checkpoint would sync the database within a commit."""
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path)
        await append(store, draft())
        disk.syncs.clear()
        for number in range(1, 21):
            await asyncio.gather(*(append(store, draft("x" * 4000)) for _ in range(50)))
            assert [Path(name).name for name in disk.syncs] == ["parlour.db-wal"] * number
        assert (tmp_path / "parlour.db-wal").stat().st_size > 1000 * 4096
        await store.close()


async def test_the_log_on_disk_does_not_grow_without_end(tmp_path: Path) -> None:
    """The writer checkpoints between batches, and the next batch begins the WAL anew."""
    store = await open_sqlite(tmp_path)
    for _ in range(60):
        await asyncio.gather(*(append(store, draft("x" * 9000)) for _ in range(25)))
    assert (tmp_path / "parlour.db-wal").stat().st_size < 10_000_000
    await store.close()


async def test_a_batch_is_bounded_in_drafts_and_bytes(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    found = sizes(store)
    await asyncio.gather(*(append(store, draft()) for _ in range(600)))
    assert found == [256, 256, 88]
    found.clear()
    await asyncio.gather(*(append(store, draft("x" * 100_000)) for _ in range(5)))
    assert found == [2, 2, 1]
    found.clear()
    await asyncio.gather(append(store, draft("x" * 1_000_000)), append(store, draft()))
    assert found == [1, 1]
    await store.close()


async def test_every_size_of_a_batch_is_stored_whole(tmp_path: Path) -> None:
    """The INSERT has fewer sizes than a batch: what it has too many must not become rows."""
    store = await open_sqlite(tmp_path)
    head = 0
    for size in (*range(1, 40), 63, 64, 65, 191, 193, 255, 256):
        answers = await asyncio.gather(*(append(store, draft()) for _ in range(size)))
        assert [answer.seq for answer in answers] == list(range(head + 1, head + size + 1))
        head += size
    assert (await store.log("lobby")).head_seq == head
    await store.close()


async def test_there_is_one_batch_in_flight_and_senders_come_before_the_next(tmp_path: Path) -> None:
    """What a listener and the senders append while a batch is handed over meets in the next one."""
    store = await open_sqlite(tmp_path)
    found = sizes(store)
    second: list[asyncio.Future[Appended]] = []

    def hear(_: Sequence[Commit]) -> None:
        if not second:
            second.append(append(store, draft("listener")))

    store.on_commit(hear)

    async def sender(i: int) -> None:
        await append(store, draft(f"{i}"))
        await append(store, draft(f"{i} again"))

    await asyncio.gather(*(sender(i) for i in range(10)))
    assert found == [10, 11]
    await store.close()


async def test_a_pause_that_ends_at_once_leaves_nobody_waiting(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path, clock=TickingClock())

    def pause_for_a_moment(_commits: Sequence[Commit]) -> None:
        store.pause(True)
        asyncio.get_running_loop().call_soon(store.pause, False)  # before the store looks for its next batch

    store.on_commit(pause_for_a_moment)
    async with asyncio.timeout(TIMEOUT_S):
        for senders in (8, 4, 4, 3):  # fewer than the batch before: the store waits for the others, but not for ever
            await asyncio.gather(*(append(store, draft()) for _ in range(senders)))
    await store.close()


async def test_a_full_queue_refuses_at_once_and_takes_again_when_it_has_drained(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path, queue_bytes=100_000)
    futures = [append(store, draft("x" * 9_000)) for _ in range(20)]
    answers = await asyncio.gather(*futures, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [refusal.code for refusal in refused] == ["overloaded"] * 10
    assert all(isinstance(answer, Appended) for answer in answers[:10])
    assert all(refusal.retry_after for refusal in refused)
    assert store.is_ready()
    again = await asyncio.gather(*(append(store, draft("x" * 9_000)) for _ in range(10)))
    assert [answer.seq for answer in again] == list(range(11, 21))
    await store.close()


async def test_more_than_can_be_stored_soon_is_refused_at_once(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "data")
    answers = await asyncio.gather(*(append(store, draft()) for _ in range(QUEUE_DRAFTS + 5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [refusal.code for refusal in refused] == ["overloaded"] * 5
    assert (await append(store, draft())).seq == QUEUE_DRAFTS + 1
    await store.close()


async def test_more_rooms_than_are_kept_at_hand(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path, rooms_cached=10)
    for turn in range(1, 4):
        for part in range(4):
            answers = await asyncio.gather(*(append(store, draft(room=f"room{part * 25 + i}")) for i in range(25)))
            assert [answer.seq for answer in answers] == [turn] * 25
    await store.close()


class TestGather:
    """The wait for company, on a clock of its own."""

    @staticmethod
    def after(count: int, cycle_ms: int, waiting: int) -> tuple[float, int]:
        clock = HandClock()
        gather = Gather(clock.monotonic)
        gather.taken(count)
        clock.ms += cycle_ms
        return round(gather.wait_s(waiting), 6), gather.wanted

    def test_nothing_waits_when_the_last_batch_was_one_draft(self) -> None:
        assert self.after(1, 10, 0) == (0.0, 0)

    def test_two_halves_of_the_senders_are_brought_together(self) -> None:
        assert self.after(2, 10, 2) == (MAX_WAIT_S, 4)
        assert self.after(200, 10, 200) == (MAX_WAIT_S, BATCH_DRAFTS)  # as many as a batch takes

    def test_after_a_wait_that_nobody_used_no_more_are_expected_than_came_last(self) -> None:
        gather = Gather(HandClock().monotonic)
        gather.taken(4)
        gather.wait_s(2)
        assert gather.wanted == 6
        gather.taken(3)  # three of six came in time
        gather.wait_s(3)
        assert gather.wanted == 0
        for _ in range(DOUBT_BATCHES):
            gather.taken(3)
        gather.wait_s(3)
        assert gather.wanted == 6

    def test_the_wait_is_half_the_last_cycle_and_bounded(self) -> None:
        assert self.after(4, 2, 3) == (0.001, 7)
        assert self.after(4, 0, 3)[0] == 0.0
        assert self.after(4, 100, 0) == (MAX_WAIT_S, 4)

    async def test_a_sender_who_does_not_come_back_is_not_waited_for_again(self, tmp_path: Path) -> None:
        clock = TickingClock()
        store = await open_sqlite(tmp_path, clock=clock)
        found = sizes(store)
        await asyncio.gather(*(append(store, draft()) for _ in range(4)))
        assert (await append(store, draft())).seq == 5  # waits for three others, then goes alone
        assert (await append(store, draft())).seq == 6
        assert found == [4, 1, 1]
        await store.close()


class TickingClock(HandClock):
    """Every look at it is a millisecond later."""

    def monotonic(self) -> float:
        self.ms += 1
        return self.ms / 1000
