"""Long-poll: a request that waits for the next event of a room."""

from __future__ import annotations

from asyncio import Future
from typing import Protocol

from parlour.hub.channel import Channel


class Deadlines(Protocol):
    """The part of the wheel that a waiting request needs."""

    def set(self, entry: Waiter, seconds: float) -> None:
        """Call `entry.expire` after at least this long."""

    def discard(self, entry: Waiter) -> None:
        """Forget the entry."""


class Waiter(Future[bool]):
    """Resolves with True when there is a newer event, with False when its time is up."""

    due = 0
    bucket = 0

    def expire(self) -> None:
        """The time is up."""
        if not self.done():
            self.set_result(False)


async def wait_for_news(channel: Channel, seq: int, seconds: float, wheel: Deadlines) -> bool:
    """Wait until an open channel has events after `seq`; False when there were none in time.

    A client that hangs up cancels the wait; nothing of it remains.
    """
    if channel.head > seq:
        return True
    waiter = Waiter()
    channel.wait(waiter)
    wheel.set(waiter, seconds)
    try:
        return await waiter
    finally:
        wheel.discard(waiter)
        channel.stop_waiting(waiter)
