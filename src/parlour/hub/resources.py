"""One object given to every channel: the store, the queues that spread work over iterations, the tasks that read."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from parlour.chat.ports import Store
from parlour.hub.tuning import Tuning
from parlour.hub.work_queue import WorkQueue
from parlour.hub.writable import MakeWrite


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
        """Events that the relay lost and that were read from the store, since the start."""
        self.is_ending = False
        """Whether requests may wait for news no more."""
        self.tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a read from the store as a task that is owned here until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
