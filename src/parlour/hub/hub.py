"""The rooms that are alive in this process, and the way of a commit to their readers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from parlour.chat.ports import Commit, Store
from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.group import one_by_one
from parlour.hub.share import SHARE, Gather
from parlour.hub.turns import PAGES, WOKEN, Turns

IDLE_CHANNELS = 1000
IDLE_BYTES = 33554432
"""Channels that nobody reads are kept warm for newest pages, up to this many and this many bytes of events."""

ROUND = SHARE // 2
"""Writes after which the next share has to wait for another turn: a full share is one by itself, small ones meet."""

AT_ONCE = 4 * SHARE
"""Writes of one turn after which small rooms, too, take turns. With the room that goes beyond it, 6 to 13 ms."""


class Hub:
    """Room name to `Channel`. All methods are called on the event loop."""

    def __init__(self, store: Store, gather: Gather = one_by_one) -> None:
        self.store = store
        self.gather = gather
        self.turns = Turns(PAGES)
        """Of those who catch up."""
        self.rounds = Turns(ROUND, AT_ONCE)
        """Of shares that are written to, counted in writes."""
        self.wakings = Turns(WOKEN, WOKEN)
        """Of requests that wait for news."""
        self.repaired = 0
        """Events that the relay lost and the store made good, since the start."""
        self.is_ending = False
        """Whether requests may wait for news no more."""
        self._channels: dict[str, Channel] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._missed: dict[str, list[Sequence[Stored]]] = {}
        self._trimmed: dict[str, int] = {}  # what `trim` was told of rooms that are being loaded
        self._idle: dict[str, int] = {}  # room to the bytes of its ring, the least recently active first
        self._idle_bytes = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    def deliver(self, commits: Sequence[Commit]) -> None:
        """Hand every committed batch to the readers of its room.

        While readers are still being given one batch, the next is committed and acknowledged; what comes after that one
        waits.
        """
        channels = self._channels
        were_behind = bool(self.rounds)
        for room, events in commits:
            channel = channels.get(room)
            if channel is not None:
                channel.deliver(events)
                if channel.uses == 0:
                    self.idle(channel)
            elif room in self._missed:
                self._missed[room].append(events)
        if were_behind and self.rounds:
            self.store.hold(True)
            self.rounds.take(self._go_on)  # behind those who wait now, not all who will ever wait

    def _go_on(self) -> int:
        self.store.hold(False)
        return 0

    def trim(self, room: str, first_seq: int) -> None:
        """The log of a room begins at `first_seq` now; see `Store.on_trim`."""
        channel = self._channels.get(room)
        if channel is not None:
            channel.trim(first_seq)
            if room in self._idle:
                self._idle_bytes += channel.ring.size - self._idle[room]
                self._idle[room] = channel.ring.size
        elif room in self._loading:
            self._trimmed[room] = first_seq

    async def open(self, room: str) -> Channel:
        """The channel of a room, with `uses` raised by one: its user calls `release` (a subscription does by `close`).

        Raises Refusal("storage_unavailable") when the log cannot be read.
        """
        while (channel := self._channels.get(room)) is None:
            task = self._loading.get(room)
            if task is None:
                task = self._loading[room] = asyncio.get_running_loop().create_task(self._load(room))
            # Shielded: the next one who wants this room must not lose it to a client that hung up.
            await asyncio.shield(task)
        self._idle_bytes -= self._idle.pop(room, 0)
        channel.uses += 1
        return channel

    async def _load(self, room: str) -> None:
        channel = Channel(self, room, self.store.epoch)
        # What is committed while the store is read may or may not be in what it answers: keep it and let `deliver`
        # drop the repeats.
        missed = self._missed[room] = []
        try:
            await channel.load()
        finally:
            del self._missed[room], self._loading[room]
            first_seq = self._trimmed.pop(room, 1)
        channel.trim(first_seq)
        self._channels[room] = channel
        for events in missed:
            channel.deliver(events)
        self.idle(channel)

    def rooms(self) -> list[str]:
        """The rooms that are in memory, read by somebody or kept warm."""
        return list(self._channels)

    async def check(self, room: str) -> None:
        """Read what the relay may have lost at the end of a room. Raises Refusal when the log cannot be read."""
        head_seq = (await self.store.log(room)).head_seq
        channel = self._channels.get(room)
        if channel is not None and channel.head < head_seq:
            channel.repair()

    def idle(self, channel: Channel) -> None:
        """Nobody uses a channel: keep it warm while there is room, the least recently used go first."""
        room = channel.room
        self._idle_bytes += channel.ring.size - self._idle.pop(room, 0)
        self._idle[room] = channel.ring.size
        while len(self._idle) > IDLE_CHANNELS or self._idle_bytes > IDLE_BYTES:
            oldest = next(iter(self._idle))
            self._idle_bytes -= self._idle.pop(oldest)
            del self._channels[oldest]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a read from the store; the hub owns the task until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def turn(self) -> asyncio.Future[None]:
        """Resolved in a later turn of the loop, for one caller in each: for those who make much at once, in slices."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def come() -> int:
            if not turn.done():
                turn.set_result(None)
            return PAGES

        self.turns.take(come)
        return turn

    def end_waits(self) -> None:
        """Let every request that waits for news go without, now and from now on: the server is stopping."""
        self.is_ending = True
        for channel in self._channels.values():
            channel.release_waiters(False)

    async def close(self) -> None:
        """Wait for the reads that are under way."""
        if tasks := {*self._tasks, *self._loading.values()}:
            await asyncio.wait(tasks, timeout=5)

    def sizes(self) -> dict[str, int]:
        """How much there is of everything that can grow."""
        return {
            "channels": len(self._channels),
            "idle_channels": len(self._idle),
            "ring_bytes": sum(channel.ring.size for channel in self._channels.values()),
            "subscriptions": sum(channel.uses - channel.waiting for channel in self._channels.values()),
            "waiters": sum(channel.waiting for channel in self._channels.values()),
            "reads": len(self._tasks),
            "catching_up": len(self.turns),
            "shares_behind": len(self.rounds),
            "repaired": self.repaired,
        }
