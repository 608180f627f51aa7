"""Admission control: bounds what waits for the disk to as many drafts as it stores in half a second.

A number alone would be seconds on a slow or busy machine, and what is taken should be answered soon.
"""

from __future__ import annotations

from collections.abc import Callable

WAIT_S = 0.5
"""The last draft of a full queue waits about so long, and for the batch that is in flight."""

WEIGHT = 1 / 8
SURPRISE = 4.0
"""A batch moves the estimate by an eighth of the difference, and counts as four times slower at most: one slow sync
says little of the next ones."""


class Admission:
    """Watches the batches. `capacity` is how many drafts may wait: `most` until the disk has been busy once."""

    def __init__(self, monotonic: Callable[[], float], least: int, most: int) -> None:
        """`least` may always wait: one batch, behind the one in flight."""
        self._monotonic = monotonic
        self._least = least
        self._most = self.capacity = most
        self._each_s = 0.0  # what one draft takes while others wait; 0: not known yet
        self._count = 0
        self._taken_at = 0.0
        self._is_busy = False

    def taken(self, count: int, left: int) -> None:
        """A batch of `count` drafts begins; `left` are those that wait for the next one."""
        now = self._monotonic()
        if self._is_busy:  # from the last batch to this one there was always something to do
            each_s = (now - self._taken_at) / self._count
            if self._each_s:
                each_s = self._each_s + (min(each_s, SURPRISE * self._each_s) - self._each_s) * WEIGHT
            self._each_s = each_s
            self.capacity = max(self._least, int(min(self._most, WAIT_S / each_s if each_s else self._most)))
        self._count = count
        self._taken_at = now
        self._is_busy = left > 0 and count > 0
