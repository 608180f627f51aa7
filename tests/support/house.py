"""A hub over a memory store, with rooms full of recorders, for tests that look at every turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from parlour.chat.ports import Commit
from parlour.hub.hub import Hub
from parlour.hub.subscription import Encoder, Subscription
from parlour.store.memory import MemoryStore
from tests.support.recorder import Recorder
from tests.support.stores import PATIENCE_S, CountedIds, HandClock, draft


class House:
    """What is said in one turn of the loop is one batch."""

    def __init__(self) -> None:
        self.store = MemoryStore(HandClock(), CountedIds())
        self.hub = Hub(self.store)
        self.store.on_commit(self.relay)
        self.is_lossy = False

    def relay(self, commits: Sequence[Commit]) -> None:
        """Pass on what was committed, unless it is to be lost."""
        if not self.is_lossy:
            self.hub.deliver(commits)

    async def say(self, count: int = 1, rooms: Iterable[str] = ("lobby",)) -> None:
        """One batch, which is committed when this returns, unless the store is held; nothing else has run since."""
        for room in rooms:
            for index in range(count):
                self.store.append(draft(f"message {index}", room), lambda _answer: None)
        await asyncio.sleep(0)

    async def enter(
        self, count: int = 1, room: str = "lobby", *, takes: int = 1_000_000, encoder: Encoder | None = None
    ) -> list[Recorder]:
        """So many come in at the head, and take so many writes before their buffers are full."""
        channels = [await self.hub.open(room) for _ in range(count)]
        return [Recorder(takes).enter(channel, channel.head, encoder=encoder) for channel in channels]

    async def at_rest(self) -> None:
        """Everything has been written to everyone who takes it."""
        async with asyncio.timeout(PATIENCE_S):
            while self.hub.rounds or self.hub.turns:
                await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self.hub.close()
        await self.store.close()


def place(reader: Recorder) -> Subscription:
    """Where a reader is."""
    assert reader.subscription is not None
    return reader.subscription


def leave(reader: Recorder) -> None:
    """A reader goes."""
    place(reader).close()
