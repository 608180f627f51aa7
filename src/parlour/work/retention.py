"""The follower that drops events which are older than the retention time: in small steps, oldest first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from parlour.chat.ports import Clock, Store
from parlour.chat.transactions import Committed, DropExpired, GetCursor, NoteOldest, Position, SetCursor, Transaction
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.work.follower import follow

EVENTS_PER_STEP = 500
"""What one transaction deletes: some milliseconds, because a batch of posts may be waiting behind it."""

STEP_PAUSE_S = 0.02
ROUND_PAUSE_S = 60.0
"""Between two steps, and between two rounds."""

JUMP_MS = 60_000
DOUBT_S = 86_400.0
"""A wall clock that gains this much between two looks is believed after it has kept it for so long."""

_log = logging.getLogger("parlour.store")


class CautiousTime:
    """Wall-clock time for what cannot be undone: a clock that is set forward while it runs is doubted for a day."""

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


class Retention:
    """Follows the commits to know which rooms have events that will expire, and drops those that have."""

    NAME = "retention"

    def __init__(
        self,
        store: Store,
        days: int,
        clock: Clock,
        *,
        events_per_step: int = EVENTS_PER_STEP,
        step_pause_s: float = STEP_PAUSE_S,
    ) -> None:
        self._events_per_step = events_per_step
        self._step_pause_s = step_pause_s
        self._store = store
        self._keep_ms = days * DAY_MS
        self._now_ms = CautiousTime(clock.now_ms, clock.monotonic)

    async def run(self) -> None:
        """Make rounds until cancelled. What a full disk or a failed one refuses is tried in the next round."""
        while True:
            try:
                await self._store.lead(self.NAME)
                await self.round()
            except Refusal as refusal:
                _log.warning("retention has to wait: %s", refusal)
            await asyncio.sleep(ROUND_PAUSE_S)

    async def round(self) -> None:
        """Take note of all commits, then drop all that has expired, in small steps. Raises Refusal."""
        await self._store.run(self._begin())
        await self._repeat(lambda: follow(self.NAME, self._note))
        await self._repeat(self._drop)

    async def _repeat(self, step: Callable[[], Transaction[bool]]) -> None:
        """Run a step until there is nothing left to do; posts come between."""
        is_more = await self._store.run(step())
        while is_more:
            await asyncio.sleep(self._step_pause_s)
            is_more = await self._store.run(step())

    def _begin(self) -> Transaction[None]:
        """The first time, look at all rooms there are, and follow from here."""
        if (yield GetCursor(self.NAME)) is None:
            position: int = yield Position()
            yield NoteOldest(None)
            yield SetCursor(self.NAME, position)

    def _note(self, commits: Sequence[Committed]) -> Transaction[None]:
        for room in dict.fromkeys(room for commit in commits for room, _, _ in commit.changed):
            yield NoteOldest(room)

    def _drop(self) -> Transaction[bool]:
        now_ms = self._now_ms()
        was_due: bool = yield DropExpired(now_ms - self._keep_ms, now_ms, self._events_per_step)
        return was_due
