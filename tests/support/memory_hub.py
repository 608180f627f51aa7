"""A hub over a memory store, with rooms full of recorders, for tests that look at every iteration of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from parlour.chat.ports import Commit
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.hub.resources import Tuning
from parlour.store.memory import MemoryStore
from tests.support.recorder import Recorder
from tests.support.stores import TIMEOUT_S, CountedIds, HandClock, draft

Losing = Callable[[Sequence[Commit]], Sequence[Commit]]
"""Given the commits, it returns those that arrive, as if the others were another node's."""


class MemoryHub:
    """What is posted in one iteration of the loop is one batch."""

    def __init__(self, losing: Losing = lambda commits: commits, tuning: Tuning | None = None) -> None:
        self.store = MemoryStore(HandClock(), CountedIds())
        self.hub = Hub(self.store, tuning=tuning)
        self.losing = losing
        self.store.on_commit(self._deliver)

    def _deliver(self, commits: Sequence[Commit]) -> None:
        if arrived := self.losing(commits):
            self.hub.deliver(arrived)

    async def post(self, count: int = 1, rooms: Iterable[str] = ("lobby",)) -> None:
        """One batch, which is committed when this returns, unless the store is held; nothing else has run since."""
        for room in rooms:
            for index in range(count):
                self.store.append(draft(f"message {index}", room), lambda _answer: None)
        await asyncio.sleep(0)

    async def reader(self, since: int = 0, room: str = "lobby", *, takes: int = 1_000_000) -> Recorder:
        """A reader of a room from this seq on, which takes so many writes before its buffer is full."""
        return await Recorder(self.hub, takes).follow(since, room)

    async def live(
        self, count: int = 1, room: str = "lobby", *, takes: int = 1_000_000, encoder: Encoder | None = None
    ) -> list[Recorder]:
        """So many readers that begin at the head."""
        recorders = [Recorder(self.hub, takes, encoder=encoder) for _ in range(count)]
        for recorder in recorders:
            channel = await self.hub.open(room)
            recorder.enter(channel).start(channel.head)
        return recorders

    @property
    def is_busy(self) -> bool:
        """Whether something waits in a queue of the hub."""
        return bool(self.hub.resources.writes or self.hub.resources.catch_ups)

    async def at_rest(self) -> None:
        """Wait until every reader that still takes writes has been sent everything."""
        async with asyncio.timeout(TIMEOUT_S):
            while self.is_busy:
                await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self.hub.close()
        await self.store.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that needs nothing but further iterations of the loop."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0)
