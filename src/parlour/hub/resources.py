"""Resources that all channels share: the store, the queues that spread work over iterations, and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from parlour.chat.ports import Store
from parlour.hub.work_queue import WorkQueue
from parlour.hub.writable import MakeWrite


@dataclass(frozen=True, slots=True)
class Tuning:
    """Sizes of pages, chunks, caches, and of what is done in one iteration: measured, and made small by tests."""

    page_events: int = 500
    page_bytes: int = 32768
    """What a reader that catches up is given before others come next; hostile texts take 10 ms to encode."""

    costly_page_bytes: int = 2048
    """So many bytes of a costly encoding count as one page more: a whole page takes as long as sixteen others."""

    costly_write_bytes: int = 32
    """So many bytes of a costly encoding take as long to encode as one write."""

    kept_replays: int = 2
    kept_replay_bytes: int = 65536
    """Encoded pages, and the largest, that a room keeps until its next event for readers that resume at one place."""

    ring_events: int = 1000
    ring_bytes: int = 262144
    """Also what one read of the store brings, to open a room and to fill gaps."""

    own_ring_bytes: int = 4096
    """Of the log of an account: one for each person who is there, so they are small."""

    idle_channels: int = 1000
    idle_bytes: int = 33554432
    """Channels that nobody reads are kept for newest pages, up to this many and this many bytes of events."""

    chunk_readers: int = 256
    """The most readers of a chunk. To write to all of them takes 1.3 to 2.5 ms."""

    encoded_at_once: int = 1024
    """The most that is encoded and written for a chunk in one go, counted in writes; more is given page by page."""

    writes_per_slice: int = 128
    """Queued writes after which the next chunk waits for another iteration: small chunks share one."""

    writes_at_once: int = 1024
    """Writes of one iteration after which small rooms are queued, too. With the room that exceeds it, 6 to 13 ms."""

    pages_per_slice: int = 16
    """Pages written in one iteration to readers that catch up: as much as one reader may hold."""

    wakeups_per_slice: int = 200
    """Waiting requests that are woken in one iteration: each has a page to make."""


class Resources:
    """Made by the hub. All methods are called on the event loop."""

    def __init__(self, store: Store, make_write: MakeWrite, tuning: Tuning) -> None:
        self.store = store
        self.make_write = make_write
        self.tuning = tuning
        self.catch_ups = WorkQueue(tuning.pages_per_slice)
        """Of readers that catch up, counted in pages: each takes up to 10 ms to read and encode."""
        self.writes = WorkQueue(tuning.writes_per_slice, tuning.writes_at_once)
        """Of chunks that have a backlog, counted in writes."""
        self.wakeups = WorkQueue(tuning.wakeups_per_slice, tuning.wakeups_per_slice)
        """Of requests that wait for news."""
        self.repaired = 0
        """Events that did not arrive in order and were read from the store, since the start."""
        self.is_ending = False
        """Whether requests may wait for news no more."""
        self.tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a read from the store as a task that is owned here until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
