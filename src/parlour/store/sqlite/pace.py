"""Bounds what waits for the disk by time: as many drafts as it takes in half a second, at the pace that it has shown.

A number alone would be seconds on a slow or busy machine. Who is refused at the door knows at once, and can come back;
who is let in should be answered soon.
"""

from __future__ import annotations

from collections.abc import Callable

WAIT_S = 0.5
"""The last one let in waits about so long, and for the batch that is in flight."""

WEIGHT = 1 / 8
SURPRISE = 4.0
"""A batch moves the pace by an eighth of what it differs, and counts as four times slower at most: a sync that stood
still once says little of the next ones."""


class Pace:
    """Watches the batches. `room` is how many drafts may wait: `most` until the disk has been busy for once."""

    __slots__ = ("_count", "_each_s", "_is_busy", "_least", "_monotonic", "_most", "_taken_at", "room")

    def __init__(self, monotonic: Callable[[], float], least: int, most: int) -> None:
        """`least` may always wait: one batch, behind the one in flight."""
        self._monotonic = monotonic
        self._least = least
        self._most = self.room = most
        self._each_s = 0.0  # what one draft takes while others wait; 0: not known yet
        self._count = 0
        self._taken_at = 0.0
        self._is_busy = False

    def taken(self, count: int, left: int) -> None:
        """A batch of `count` drafts begins; `left` are those that wait for the next one."""
        now = self._monotonic()
        if self._is_busy:  # from the last batch to this one there was always something to do
            self._learn((now - self._taken_at) / self._count)
        self._count = count
        self._taken_at = now
        self._is_busy = left > 0 and count > 0

    def _learn(self, each_s: float) -> None:
        if self._each_s:
            each_s = self._each_s + (min(each_s, SURPRISE * self._each_s) - self._each_s) * WEIGHT
        self._each_s = each_s
        self.room = max(self._least, int(min(self._most, WAIT_S / each_s if each_s else self._most)))
