"""What may wait for the disk is as much as it takes in half a second: a slow one has a short queue."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from parlour.core.errors import Refusal
from parlour.core.event import Appended
from parlour.store.admission import WAIT_S, Admission
from parlour.store.commit_queue import BATCH_DRAFTS, QUEUE_DRAFTS
from tests.support.stores import HandClock, append, draft, open_sqlite

LEAST, MOST = 100, 4000


class Disk:
    """Takes one batch after the other by a clock of its own."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.admission = Admission(self.clock.monotonic, LEAST, MOST)

    def take(self, batches: int, ms: int, count: int = 100, left: int = 1000) -> None:
        """Batches of so many drafts and milliseconds each; after each of them `left` more wait."""
        for _ in range(batches):
            self.admission.taken(count, left)
            self.clock.ms += ms
        self.admission.taken(count, left)


def test_a_disk_that_is_not_known_yet_is_given_the_whole_queue() -> None:
    disk = Disk()
    assert disk.admission.capacity == MOST
    disk.take(1, ms=20)
    assert disk.admission.capacity == round(WAIT_S / 0.0002)


@pytest.mark.parametrize(("ms", "capacity"), [(5, MOST), (20, 2500), (100, 500), (400, 125), (2000, LEAST)])
def test_so_many_wait_as_it_takes_in_half_a_second(ms: int, capacity: int) -> None:
    disk = Disk()
    disk.take(10, ms)
    assert disk.admission.capacity == pytest.approx(capacity, rel=0.01)


def test_what_nobody_waited_behind_says_nothing() -> None:
    """A quiet server takes one draft now and then: that is no slow disk."""
    disk = Disk()
    for _ in range(50):
        disk.take(1, ms=1000, count=1, left=0)
    assert disk.admission.capacity == MOST
    disk.admission.taken(0, 0)  # a wait that was for nobody
    disk.clock.ms += 1000
    disk.admission.taken(1, 5)
    assert disk.admission.capacity == MOST


def test_one_sync_that_stands_still_does_not_close_the_door() -> None:
    disk = Disk()
    disk.take(10, ms=20)
    disk.take(1, ms=5000)
    assert disk.admission.capacity > 1500


def test_it_follows_a_disk_that_becomes_slower_and_faster_within_some_batches() -> None:
    disk = Disk()
    disk.take(10, ms=20)
    disk.take(40, ms=200)
    assert disk.admission.capacity == pytest.approx(250, rel=0.1)
    disk.take(40, ms=20)
    assert disk.admission.capacity == pytest.approx(2500, rel=0.1)


async def test_a_store_on_a_slow_disk_refuses_what_would_wait_too_long(tmp_path: Path) -> None:
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)

    def pass_time(_commits: object) -> None:
        clock.ms += 250  # each batch takes so long

    store.on_commit(pass_time)
    first = await asyncio.gather(*(append(store, draft()) for _ in range(4 * BATCH_DRAFTS)), return_exceptions=True)
    assert all(isinstance(answer, Appended) for answer in first), "its pace was not known"
    many = await asyncio.gather(*(append(store, draft()) for _ in range(QUEUE_DRAFTS)), return_exceptions=True)
    refused = [answer for answer in many if isinstance(answer, Refusal)]
    assert {refusal.code for refusal in refused} == {"overloaded"}
    assert len(many) - len(refused) == pytest.approx(2 * BATCH_DRAFTS, rel=0.1)
    await store.close()
