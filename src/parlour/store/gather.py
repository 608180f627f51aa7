"""Decides whether the next batch waits a moment for the senders of the last one, who are likely to send again.

Without it a few senders that answer each other's commits split in two halves, each with a sync and a fan-out of its
own. Nothing waits when the last batch was one draft. What waits already is counted on top of the last batch: otherwise
two halves of equal size would never meet.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_WAIT_S = 0.002

DOUBT_BATCHES = 16
"""After a wait that nobody used, so many batches expect no more than the last one had: senders wait for no answers."""


class Gather:
    """Remembers the last batch. `wanted` is how many drafts the next one waits for, 0 if it does not wait."""

    def __init__(self, monotonic: Callable[[], float], most: int = 256) -> None:
        """`most` is how many drafts a batch takes."""
        self._most = most
        self._monotonic = monotonic
        self._count = 0
        self._doubt = 0
        self._taken_at = 0.0
        self.wanted = 0

    def taken(self, count: int) -> None:
        """A batch of `count` drafts begins; 0 when the wait was for nobody."""
        if self._doubt:
            self._doubt -= 1
        elif count < self.wanted:
            self._doubt = DOUBT_BATCHES
        self._count = count
        self._taken_at = self._monotonic()
        self.wanted = 0

    def wait_s(self, waiting: int) -> float:
        """The last batch is delivered and `waiting` drafts are here: how many seconds to wait for more, 0 to go on."""
        expected = self._count if self._doubt else min(self._count + waiting, self._most)
        if self._count < 2 or waiting >= expected:
            return 0.0
        self.wanted = expected
        return min((self._monotonic() - self._taken_at) / 2, MAX_WAIT_S)
