"""Drops events that are older than the retention time, in small steps, oldest first, while the writer is idle."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple, cast

import apsw

from parlour.chat.ports import Clock
from parlour.store.sqlite import statements as sql

EVENTS_PER_STEP = 500
"""What one transaction deletes: some milliseconds, because a batch of posts may be waiting behind it."""

ROOMS_PER_STEP = 500
STEP_PAUSE_S = 0.02
ROUND_PAUSE_S = 60.0
"""Between two steps, and between two rounds over all rooms."""

LATE_S = 1.0
"""A writer that is never idle makes a step when it has been due for this long: 500 events a second go at least."""

DAY_MS = 86_400_000

JUMP_MS = 60_000
DOUBT_S = 86_400.0
"""A wall clock that gains this much between two looks is believed after it has kept it for so long."""

_log = logging.getLogger("parlour.store")


class CautiousTime:
    """Wall-clock time for what cannot be undone: a clock that was set forward by mistake does no harm for a day.

    The clock at the start is believed, and so is one that goes back. `monotonic` is in seconds.
    """

    def __init__(self, now_ms: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._lead_ms = now_ms() - int(monotonic() * 1000)  # of the wall clock over the monotonic one, as believed
        self._doubted_at: float | None = None

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        now = self._monotonic()
        lead_ms = self._now_ms() - int(now * 1000)
        gained_ms = lead_ms - self._lead_ms
        if gained_ms > JUMP_MS and (self._doubted_at is None or now - self._doubted_at < DOUBT_S):
            if self._doubted_at is None:
                self._doubted_at = now
                _log.warning("the wall clock was set forward by %d s: retention waits for a day", gained_ms // 1000)
        else:
            self._lead_ms, self._doubted_at = lead_ms, None
        return int(now * 1000) + self._lead_ms


class Trimmed(NamedTuple):
    """A room has lost the events before `first_seq`."""

    room: str
    first_seq: int


class Retention:
    """Walks over the rooms, a few at a time. The newest event of a room stays for ever, so that its head is known."""

    def __init__(self, days: int, clock: Clock) -> None:
        self._keep_ms = days * DAY_MS
        self._now_ms = CautiousTime(clock.now_ms, clock.monotonic)
        self._room = 0  # the rooms up to this number are done in this round
        self._next = time.monotonic()

    def due_in(self) -> float:
        """Seconds until the next step is due; 0 if it is."""
        return max(0.0, self._next - time.monotonic())

    def is_late(self) -> bool:
        """Whether the next step has been due for LATE_S."""
        return time.monotonic() >= self._next + LATE_S

    def step(self, connection: apsw.Connection) -> Trimmed | None:
        """Delete at most EVENTS_PER_STEP events of one room, or look at ROOMS_PER_STEP rooms. Raises apsw.Error."""
        self._next = time.monotonic() + ROUND_PAUSE_S  # also if this step fails, say because the disk is full
        now_ms = self._now_ms()
        found = connection.execute(sql.ROOMS_FROM, (self._room, ROOMS_PER_STEP)).fetchall()
        rooms = cast(list[tuple[int, int, int]], found)  # STRICT tables hold what they declare
        trimmed = None
        for number, first_seq, head_id in rooms:
            expired = connection.execute(
                sql.EXPIRED,
                ((number << sql.SEQ_BITS) | first_seq, head_id, EVENTS_PER_STEP, now_ms - self._keep_ms, now_ms),
            ).get
            if expired is not None:
                with connection:
                    connection.execute(sql.DROP_EVENTS, (number << sql.SEQ_BITS, expired))
                    first_seq = (expired & sql.SEQ_MASK) + 1
                    trimmed = Trimmed(connection.execute(sql.RAISE_FIRST, (first_seq, number)).get, first_seq)
                break
            self._room = number
        else:
            if len(rooms) < ROOMS_PER_STEP:
                self._room = 0
                return None
        self._next = time.monotonic() + STEP_PAUSE_S
        return trimmed
