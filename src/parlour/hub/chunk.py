"""A chunk of a room's live readers: all are written to in one go, and other work comes between two chunks.

A write costs the kernel 5 µs, and 10 where caches are cold: five thousand of them in one iteration of the event loop
would hold everybody up for 25 to 50 ms (docs/decisions/0013-shares.md). What a chunk has not been written yet is its
backlog; deliveries that meet there leave as one write, so a room that falls behind catches up by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from parlour.hub.encoder import Delivery, Encoder
from parlour.hub.resources import Resources
from parlour.hub.writable import Writable, Write

log = logging.getLogger("parlour.hub")


class Member(Protocol):
    """A live reader, as its chunk sees it. None of these may change while it is a member."""

    encoder: Encoder

    def encoder_of(self, room: str) -> Encoder:
        """The encoder of a room, where the member knows it by another name; else `encoder`."""

    @property
    def sink(self) -> Writable | None:
        """Where its bytes go; a live reader has one."""

    def fall_behind(self, room: str) -> None:
        """Leave the live readers of a room, and catch up like a reader that is late."""

    def policy_changed(self, room: str) -> None:
        """The newest event of the room has set a policy: read no further if that forbids it."""

    def moved(self, position: Chunk, other: Chunk) -> None:
        """It is a member of the other chunk from now on."""

    def write_failed(self, room: str) -> None:
        """Leave a room: an event could not be written, and nothing may follow it."""


class Chunk:
    """Some of the live readers of a room: all have one encoder, or (None) each has one that is not shared.

    A member can be ahead of the others: it has joined while there was a backlog, or was flushed alone. `on_leave` is
    called with this chunk when a member has left.
    """

    __slots__ = (
        "_ahead", "_is_costly", "_on_leave", "_resources", "_write", "backlog", "encoder", "members", "room",
    )  # fmt: skip

    def __init__(
        self, room: str, encoder: Encoder | None, resources: Resources, on_leave: Callable[[Chunk], None]
    ) -> None:
        self.room = room
        self.members: list[Member] = []  # a list: a dict or a set takes five times the memory of it
        self._ahead: dict[Member, int] = {}  # how much of the backlog a member has been given; the others nothing
        self.backlog: list[Delivery] = []
        self.encoder = encoder
        self._is_costly = encoder is None or encoder.is_costly
        self._resources = resources
        self._on_leave = on_leave
        self._write: Write | None = None

    def join(self, member: Member) -> None:
        """Write to a member from now on; it has been given everything so far."""
        self.members.append(member)
        self._write = None
        if self.backlog:
            self._ahead[member] = len(self.backlog)

    def leave(self, member: Member) -> None:
        """Stop writing to a member, without the backlog; ask `written` before for one that goes on later."""
        self.members.remove(member)
        self._ahead.pop(member, None)
        self._write = None
        self._on_leave(self)

    def put(self, delivery: Delivery) -> bool:
        """Add to the backlog. Returns whether that was empty: then `flush` has to be called."""
        self.backlog.append(delivery)
        return len(self.backlog) == 1

    def written(self, member: Member, head: int) -> int:
        """The last seq that a member has been given of a room whose newest is `head`."""
        place = self._ahead.get(member, 0)
        return self.backlog[place].since if place < len(self.backlog) else head

    def flush(self) -> int:
        """Write the backlog and return how much work it was, in writes. A member whose buffer gets full leaves."""
        backlog, ahead = self.backlog, self._ahead
        work = len(self.members)
        if self._is_costly:
            work += self._encoding(work, backlog)
            if self._is_too_much(work, backlog):
                for member in list(self.members):
                    member.fall_behind(self.room)
        self.backlog = []
        if ahead:
            self._ahead = {}
        if self.encoder is None:
            self._write_each([(member, backlog[ahead.get(member, 0) :]) for member in self.members])
        elif self.members:
            self._write_alike(self.encoder, backlog, ahead)
        return work

    def flush_one(self, member: Member) -> None:
        """Write to a member, and nobody else, what it has not been given of the backlog. It may leave meanwhile."""
        if not self.backlog:
            return
        deliveries = self.backlog[self._ahead.get(member, 0) :]
        if not deliveries:
            return
        if self._is_costly and self._is_too_much(self._encoding(1, deliveries), deliveries):
            member.fall_behind(self.room)
        else:
            self._ahead[member] = len(self.backlog)
            self._write_each([(member, deliveries)])

    def _encoding(self, count: int, deliveries: Sequence[Delivery]) -> int:
        """How many writes it costs as much as to encode these for so many members, where that counts."""
        if self.encoder is None:
            return count * sum([len(delivery.events) or 1 for delivery in deliveries])
        size = sum([len(event.json) for delivery in deliveries for event in delivery.events])
        return size // self._resources.tuning.costly_write_bytes

    def _is_too_much(self, work: int, deliveries: Sequence[Delivery]) -> bool:
        """Whether there is more than a page of it, and it can be divided."""
        is_much = work > self._resources.tuning.encoded_at_once
        return is_much and sum([len(delivery.events) for delivery in deliveries]) > 1

    def _write_alike(self, encoder: Encoder, backlog: Sequence[Delivery], ahead: dict[Member, int]) -> None:
        """Write the same bytes to all members, and less to the few that are ahead."""
        try:
            data = backlog[0].data(encoder) if len(backlog) == 1 else _joined(backlog, encoder)
        except Exception:
            log.exception("encoding_failed")
            self._disconnect(list(self.members))
            return
        if not ahead:
            write = self._write
            if write is None:
                write = self._write = self._resources.make_write(_sinks(self.members))
        else:
            write = self._resources.make_write(_sinks([member for member in self.members if member not in ahead]))
        failed = write(data) if data else ()
        if ahead:
            self._write_each([(member, backlog[place:]) for member, place in ahead.items()])
        if failed:
            self._disconnect([member for member in self.members if member.sink in failed])

    def _write_each(self, places: Sequence[tuple[Member, Sequence[Delivery]]]) -> None:
        """Write to each of these members what is missing at its place."""
        failed = []
        for member, deliveries in places:
            try:
                if deliveries and (data := _joined(deliveries, self.encoder or member.encoder)):
                    assert member.sink is not None
                    member.sink.write(data)
            except Exception:
                log.exception("write_failed")
                failed.append(member)
        self._disconnect(failed)

    def _disconnect(self, members: Sequence[Member]) -> None:
        """End those that could not be shown an event: a reader that comes back with its cursor misses nothing."""
        for member in members:
            member.write_failed(self.room)


def _sinks(members: Sequence[Member]) -> Sequence[Writable]:
    return [member.sink for member in members if member.sink is not None]


def _joined(deliveries: Sequence[Delivery], encoder: Encoder) -> bytes:
    return b"".join([delivery.data(encoder) for delivery in deliveries])
