"""Decides whether the next batch waits a moment for the senders of the last one, who are likely to send again.

Without it a few senders that answer each other's commits split in two halves, each of which pays a sync and a fan-out
of its own. Nothing waits when the last batch was one draft: a quiet room has no added delay.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_WAIT_S = 0.002


class Gather:
    """Remembers the last batch. `wanted` is how many drafts the next one waits for, 0 if it does not wait."""

    __slots__ = ("_count", "_monotonic", "_taken_at", "wanted")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._count = 0
        self._taken_at = 0.0
        self.wanted = 0

    def taken(self, count: int) -> None:
        """A batch of `count` drafts begins."""
        self._count = count
        self._taken_at = self._monotonic()
        self.wanted = 0

    def patience(self, waiting: int) -> float:
        """The last batch is delivered and `waiting` drafts are here: how many seconds to wait for more, 0 to go on."""
        if self._count < 2 or waiting >= self._count:
            return 0.0
        self.wanted = self._count
        return min((self._monotonic() - self._taken_at) / 2, MAX_WAIT_S)
