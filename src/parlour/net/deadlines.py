"""One coarse wheel for the deadlines of all connections, so that an idle connection owns no timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

PAUSE_S = 2.0
"""A tick that is later than this shows that the process was stopped, suspended or starved."""


class Entry(Protocol):
    """An object with a deadline. Both attributes belong to the wheel and start at 0."""

    due: int
    """The tick at which it expires; 0 when it has no deadline, which the entry may also say itself."""
    bucket: int
    """The tick at which the wheel looks at it next; 0 when it is in no bucket."""

    def expire(self) -> None:
        """The deadline has passed; the entry has none any more and may set a new one."""


class Wheel:
    """Deadlines in whole ticks, always rounded up: an entry expires after `seconds`, and less than two ticks later.

    `clock` gives monotonic seconds; entries are hashed by identity. Everything runs on the event loop. While the
    process is paused the wheel is paused too: what peers sent meanwhile has not been read when it goes on.
    """

    __slots__ = ("_buckets", "_clock", "_now", "_per_second", "_seen", "_start", "_tick_s", "_timer")

    def __init__(self, clock: Callable[[], float], tick_s: float = 1.0) -> None:
        self._clock = clock
        self._tick_s = tick_s
        self._per_second = 1.0 / tick_s
        self._start = self._seen = clock()
        self._now = 0
        self._buckets: dict[int, dict[Entry, None]] = {}  # each in the order of setting
        self._timer: asyncio.TimerHandle | None = None

    def set(self, entry: Entry, seconds: float) -> None:
        """Give the entry a deadline in so many seconds, in place of the one it has."""
        self.arm(entry, self.ticks(seconds))

    def ticks(self, seconds: float) -> int:
        """The ticks that `arm` takes: whole ones, rounded up, and one more as part of the present one may be over."""
        return 1 - int(-seconds * self._per_second // 1)

    def arm(self, entry: Entry, ticks: int) -> None:
        """`set` for a time that was turned into ticks before: each request of a connection has the same.

        To postpone is one attribute write: the entry is moved when the tick of its bucket comes.
        """
        due = entry.due = self._now + ticks
        bucket = entry.bucket
        if due < bucket or bucket == 0:
            self._move(entry, due)

    def discard(self, entry: Entry) -> None:
        """Forget the entry, which is going away."""
        entry.due = 0
        self._move(entry, 0)

    def replace(self, entry: Entry, successor: Entry) -> None:
        """Give the deadline of an entry, if it has one, to another."""
        due = successor.due = entry.due
        self.discard(entry)
        self._move(successor, due)

    def tick(self) -> None:
        """Expire what is due by the clock; called by the timer of `start`, or by a test.

        An `expire` that raises does not keep the others from expiring: the first error is raised at the end.
        """
        target = int((self._clock() - self._start) * self._per_second)
        error: Exception | None = None
        while self._now < target:
            self._now += 1
            for entry in self._buckets.pop(self._now, ()):
                try:
                    self._look_at(entry)
                except Exception as failure:
                    error = error or failure
        if error is not None:
            raise error

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tick on this loop, one timer after the other, until `stop`."""
        self._seen = self._clock()
        self._timer = loop.call_later(self._tick_s, self._run, loop)

    def stop(self) -> None:
        """End the ticking; deadlines stay as they are."""
        if self._timer is not None:
            self._timer.cancel()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._tick_s, self._run, loop)
        now = self._clock()
        late = now - self._seen - self._tick_s
        self._seen = now
        if late > PAUSE_S:
            self._start += late
        self.tick()

    def _look_at(self, entry: Entry) -> None:
        """Expire or move an entry of the bucket whose tick has come."""
        if entry.bucket != self._now:
            return  # another entry's expiry has discarded or set it a moment ago
        entry.bucket = 0
        if entry.due > self._now:
            self._move(entry, entry.due)
        elif entry.due:
            entry.due = 0
            entry.expire()

    def _move(self, entry: Entry, tick: int) -> None:
        """Put the entry into the bucket of this tick, 0 for none, and out of the one it is in."""
        old = self._buckets.get(entry.bucket)
        if old is not None:
            old.pop(entry, None)
        entry.bucket = tick
        if tick:
            self._buckets.setdefault(tick, {})[entry] = None
