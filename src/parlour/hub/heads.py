"""Finds what a relay lost at the end of a room, where no later event shows the gap: compares heads with the store's.

Without it a reader would wait for the next event to learn of the last one, for as long as nobody posts.
"""

from __future__ import annotations

from typing import Protocol

from parlour.core.errors import Refusal
from parlour.hub.hub import Hub

ROUND_S = 1.0
ROUNDS = 4
"""All rooms are checked once in so many rounds, which the wheel spreads over some eight seconds."""

ROOMS_PER_ROUND = 500
"""At most, one after the other: with more than 2000 rooms in memory it takes more rounds to check all of them."""


class Deadlines(Protocol):
    """The part of the wheel that is needed."""

    def set(self, entry: HeadCheck, seconds: float) -> None:
        """Call `entry.expire` after at least this long."""


class HeadCheck:
    """Checks the rooms that are in memory, from `start` on; everything runs on the event loop."""

    __slots__ = ("_hub", "_is_checking", "_per_round", "_rooms", "_wheel", "bucket", "due")

    def __init__(self, hub: Hub, wheel: Deadlines) -> None:
        self.due = self.bucket = 0
        self._hub = hub
        self._wheel = wheel
        self._rooms: list[str] = []
        self._per_round = 0
        self._is_checking = False

    def start(self) -> None:
        """Check from now on, as often as the wheel says."""
        self._wheel.set(self, ROUND_S)

    def expire(self) -> None:
        """Check the next rooms, unless the last round still waits for the disk."""
        self.start()
        if self._is_checking:
            return
        if not self._rooms:
            self._rooms = self._hub.rooms()
            self._per_round = min(ROOMS_PER_ROUND, -(-len(self._rooms) // ROUNDS))
        if self._rooms:
            self._is_checking = True
            self._hub.resources.spawn(self._check())

    async def _check(self) -> None:
        try:
            for _ in range(min(self._per_round, len(self._rooms))):
                await self._hub.check(self._rooms.pop())
        except Refusal:
            self._rooms = []  # the log cannot be read now: the next round begins with all rooms
        finally:
            self._is_checking = False
