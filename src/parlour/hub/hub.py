"""The rooms that are alive in this process, and the way of a commit to their readers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from parlour.chat.ports import Commit, Relay, Store
from parlour.core.event import Author, Stored
from parlour.core.names import MAX_NAME_CHARS
from parlour.hub.channel import Channel
from parlour.hub.resources import Resources, Tuning
from parlour.hub.writable import MakeWrite, one_by_one
from parlour.schema.events import Typing, decode_typing
from parlour.schema.json_line import encode

log = logging.getLogger("parlour.hub")

TYPING = "typing"
"""The kind of the notices."""


class Presences(Protocol):
    """Knows who is in which room (hub/presence.py)."""

    def changed(self, room: str) -> None:
        """Somebody has come into a room, or has left it."""

    def gone(self, reader: Any) -> None:
        """A connection has ended."""


class Hub:
    """Room name to `Channel`. All methods are called on the event loop."""

    def __init__(
        self,
        store: Store,
        make_write: MakeWrite = one_by_one,
        tuning: Tuning | None = None,
        relay: Relay | None = None,
    ) -> None:
        """`relay` brings what is said on other nodes, if there can be some."""
        self.store = store
        self._relay = relay
        if relay is not None:
            relay.listen(TYPING, self._typing_elsewhere)
        self.resources = Resources(store, make_write, tuning or Tuning())
        self.presences: Presences | None = None
        """Who is told when somebody comes into a room or leaves it."""
        self._channels: dict[str, Channel] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._missed: dict[str, list[Callable[[Channel], None]]] = {}  # what to do with rooms that are being loaded
        self._idle: dict[str, int] = {}  # room to the bytes of its ring, the least recently active first
        self._idle_bytes = 0

    def deliver(self, commits: Sequence[Commit]) -> None:
        """Hand each batch to the readers of its room. While they are given one, the next is committed, and no third."""
        channels, writes = self._channels, self.resources.writes
        were_behind = bool(writes)
        for room, events in commits:
            channel = channels.get(room)
            if channel is not None:
                channel.deliver(events)
                if channel.uses == 0:
                    self._keep_idle(channel)
            elif room in self._missed:
                self._missed[room].append(partial(Channel.deliver, events=events))
        if were_behind and writes:
            self.store.pause(True)
            writes.add(self._go_on)  # behind the chunks that wait now, not all that will ever wait

    def _go_on(self) -> int:
        self.store.pause(False)
        return 0

    def head_moved(self, room: str, head_seq: int) -> None:
        """The log of a room goes on up to here, by another node: show it to those who read here."""
        channel = self._channels.get(room)
        if channel is not None and channel.uses:
            channel.head_moved(head_seq)
        elif channel is not None:  # nobody reads it: the next one who does reads it from the store
            self._forget(room)
        elif room in self._missed:
            self._missed[room].append(partial(Channel.head_moved, head_seq=head_seq))

    def show_typing(self, room: str, author: Author) -> None:
        """Show those who read a room that somebody is typing, on every node."""
        item = Typing(room, author)
        self.channel(room).broadcast(item)
        if self._relay is not None:
            self._relay.publish(TYPING, room, encode(item).decode())

    def _typing_elsewhere(self, room: str, text: str) -> None:
        """Raises msgspec.MsgspecError."""
        item = decode_typing(text)
        channel = self._channels.get(room)
        is_plausible = item.by.kind != "system" and max(len(item.by.name), len(item.by.id)) <= MAX_NAME_CHARS
        if channel is not None and item.room == room and is_plausible:
            channel.broadcast(item)

    def trim(self, room: str, first_seq: int) -> None:
        """The log of a room begins at `first_seq` now; see `Store.on_trim`."""
        self._change(room, partial(Channel.trim, first_seq=first_seq))

    def redact(self, room: str, event: Stored) -> None:
        """Another event stands in the place of one of a room now: show it in the ring, replays and pages."""
        self._change(room, partial(Channel.redact, event=event))

    def _change(self, room: str, change: Callable[[Channel], None]) -> None:
        """Change a room that is in memory; one that is being loaded, afterwards."""
        channel = self._channels.get(room)
        if channel is not None:
            change(channel)
            if channel.uses == 0:
                self._keep_idle(channel)
        elif room in self._missed:
            self._missed[room].append(change)

    async def open(self, room: str) -> Channel:
        """The channel of a room, with `uses` raised by one: its user calls `release` (a reader does when it leaves).

        Raises Refusal("storage_unavailable") when the log cannot be read.
        """
        while (channel := self._channels.get(room)) is None:
            task = self._loading.get(room)
            if task is None:
                self._missed[room] = []
                task = self._loading[room] = asyncio.get_running_loop().create_task(self._load(room))
            # Shielded: the next one who wants this room must not lose it to a client that hung up.
            await asyncio.shield(task)
        self._idle_bytes -= self._idle.pop(room, 0)
        channel.uses += 1
        return channel

    async def _load(self, room: str) -> None:
        if self._relay is not None:
            self._relay.subscribe(room)
        channel = Channel(room, self.store.epoch, self.resources, self._keep_idle)
        # What happens while the store is read may or may not be in its answer: it is done afterwards, without repeats.
        try:
            await channel.load()
        finally:
            missed = self._missed.pop(room)
            del self._loading[room]
        self._channels[room] = channel
        for change in missed:
            change(channel)
        self._keep_idle(channel)

    def channel(self, room: str) -> Channel:
        """The channel of a room that is in use."""
        return self._channels[room]

    def known_channel(self, room: str) -> Channel | None:
        """The channel of a room, if it is in memory."""
        return self._channels.get(room)

    def _keep_idle(self, channel: Channel) -> None:
        """Nobody uses a channel: keep it within the bounds; the least recently used go first."""
        room, tuning = channel.room, self.resources.tuning
        self._idle_bytes += channel.ring.size - self._idle.pop(room, 0)
        self._idle[room] = channel.ring.size
        while len(self._idle) > tuning.idle_channels or self._idle_bytes > tuning.idle_bytes:
            self._forget(next(iter(self._idle)))

    def _forget(self, room: str) -> None:
        """Keep the channel of a room that nobody uses no longer."""
        self._idle_bytes -= self._idle.pop(room)
        del self._channels[room]
        if self._relay is not None:
            self._relay.unsubscribe(room)

    def next_slice(self) -> asyncio.Future[None]:
        """Resolved in a later iteration of the loop, for one caller in each: for pages that are made in slices."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def resolve() -> int:
            if not future.done():
                future.set_result(None)
            return self.resources.tuning.pages_per_slice

        self.resources.catch_ups.add(resolve)
        return future

    def judge_waits(self) -> None:
        """The server has another access: let those go who may not go on waiting for news."""
        for channel in list(self._channels.values()):
            if channel.waiters:
                channel.judge_waits()

    def end_waits(self) -> None:
        """Let every request that waits for news go without, now and from now on: the server is stopping."""
        self.resources.is_ending = True
        for channel in self._channels.values():
            channel.wake(False)

    async def close(self) -> None:
        """Wait for the reads that are under way."""
        if tasks := {*self.resources.tasks, *self._loading.values()}:
            await asyncio.wait(tasks, timeout=5)

    def sizes(self) -> dict[str, int]:
        """How much there is of everything that can grow."""
        channels, resources = self._channels.values(), self.resources
        return {
            "channels": len(self._channels),
            "idle_channels": len(self._idle),
            "ring_bytes": sum(channel.ring.size for channel in channels),
            "subscriptions": sum(channel.uses - len(channel.waiters) for channel in channels),
            "waiters": sum(len(channel.waiters) for channel in channels),
            "reads": len(resources.tasks),
            "catching_up": len(resources.catch_ups),
            "chunks_behind": len(resources.writes),
            "repaired": resources.repaired,
        }
