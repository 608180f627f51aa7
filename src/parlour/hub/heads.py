"""Finds what the relay lost at the end of a room, where no later event shows the gap: compares heads with the store's.

Without it a reader would wait for the next event to learn of the last one, for as long as nobody speaks.
"""

from __future__ import annotations

from typing import Protocol

from parlour.core.errors import Refusal
from parlour.hub.hub import Hub

EVERY_S = 1.0
LOOKS = 4
"""Every room is looked at once in so many looks, which the wheel spreads over some eight seconds."""

AT_ONCE = 500
"""Rooms of one look at most, one after the other: with more than 2000 in memory it takes longer to come round."""


class Deadlines(Protocol):
    """The part of the wheel that is needed."""

    def set(self, entry: HeadCheck, seconds: float) -> None:
        """Call `entry.expire` after at least this long."""


class HeadCheck:
    """Goes round the rooms that are in memory, from `start` on; everything runs on the event loop."""

    __slots__ = ("_hub", "_is_looking", "_rooms", "_share", "_wheel", "bucket", "due")

    def __init__(self, hub: Hub, wheel: Deadlines) -> None:
        self.due = self.bucket = 0
        self._hub = hub
        self._wheel = wheel
        self._rooms: list[str] = []
        self._share = 0
        self._is_looking = False

    def start(self) -> None:
        """Look from now on, as often as the wheel says."""
        self._wheel.set(self, EVERY_S)

    def expire(self) -> None:
        """Look at the next rooms, unless the last look still waits for the disk."""
        self.start()
        if self._is_looking:
            return
        if not self._rooms:
            self._rooms = self._hub.rooms()
            self._share = min(AT_ONCE, -(-len(self._rooms) // LOOKS))
        if self._rooms:
            self._is_looking = True
            self._hub.spawn(self._look())

    async def _look(self) -> None:
        try:
            for _ in range(min(self._share, len(self._rooms))):
                await self._hub.check(self._rooms.pop())
        except Refusal:
            self._rooms = []  # the log cannot be read now: it is tried again from the beginning
        finally:
            self._is_looking = False
