"""Writes to a large room in shares, few in each turn of the loop: whoever else is there is served between two turns.

A write costs the kernel 5 µs, and 10 where caches are cold: five thousand of them in one turn would hold everybody up
for 25 to 50 ms (docs/decisions/0013-shares.md). What a share has not been given yet is its backlog; batches that meet
there leave as one write, so that a room that falls behind catches up by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from parlour.hub.batch import Batch
from parlour.hub.subscription import PAGE_BYTES, Encoder, Sink, Subscription

log = logging.getLogger("parlour.hub")

SHARE = 256
"""The most members of a share. To write to all of them takes 1.3 to 2.5 ms of one turn."""

ENCODED = 1024
"""The most that is encoded and written for a share in one go, counted in writes; what is more is given page by page. A
page of a costly encoding is as much, and so is one event for each of so many encodings that are not shared."""

Write = Callable[[bytes], Sequence[Sink]]
"""Gives a batch to many sinks, each once; returns those that failed. One broken sink costs the others nothing."""

Gather = Callable[[Sequence[Sink]], Write]
"""Makes one `Write` of many sinks. It is used until the membership changes, and not after that."""


class Share:
    """Some of the members of a group: all have its encoder, or (None) each has one that is not shared.

    A member can be ahead of the others: who joins has had the backlog, and who is settled has been given it.
    """

    __slots__ = ("_ahead", "_backlog", "_encoder", "_gather", "_is_costly", "_write", "members")

    def __init__(self, encoder: Encoder | None, gather: Gather) -> None:
        self.members: dict[Subscription, None] = {}
        self._ahead: dict[Subscription, int] = {}  # how many batches of the backlog a member has had; the others none
        self._backlog: list[Batch] = []
        self._encoder = encoder
        self._is_costly = encoder is None or encoder.is_costly
        self._gather = gather
        self._write: Write | None = None

    def join(self, member: Subscription) -> None:
        """From now on a member is written to."""
        self.members[member] = None
        self._write = None
        if self._backlog:
            self._ahead[member] = len(self._backlog)

    def leave(self, member: Subscription) -> None:
        """A member is written to no more, not even what the share is behind with."""
        del self.members[member]
        self._ahead.pop(member, None)
        self._write = None

    def put(self, batch: Batch) -> bool:
        """Add a batch to the backlog. Returns whether that was empty: then the share must be settled."""
        self._backlog.append(batch)
        return len(self._backlog) == 1

    def written(self, member: Subscription, head: int) -> int:
        """The last seq that a member has been given of a room that has come to `head`."""
        place = self._ahead.get(member, 0)
        return self._backlog[place].since if place < len(self._backlog) else head

    @property
    def is_behind(self) -> bool:
        """Whether there is a backlog."""
        return bool(self._backlog)

    def settle(self) -> int:
        """Write the backlog and return how much work it was, in writes. Who has a full buffer then has left."""
        backlog, ahead = self._backlog, self._ahead
        work = len(self.members)
        if self._is_costly:
            work += self._encoding(work, backlog)
            if _is_too_much(work, backlog):
                for member in list(self.members):
                    _let_catch_up(member)
        self._backlog = []
        if ahead:
            self._ahead = {}
        if self._encoder is None:
            self._write_each([(member, backlog[ahead.get(member, 0) :]) for member in self.members])
        elif self.members:
            self._write_alike(self._encoder, backlog, ahead)
        return work

    def settle_one(self, member: Subscription) -> None:
        """Give a member what it has not been given of the backlog, and nobody else. It may leave in the course."""
        if not self._backlog:
            return
        batches = self._backlog[self._ahead.get(member, 0) :]
        if not batches:
            return
        if self._is_costly and _is_too_much(self._encoding(1, batches), batches):
            _let_catch_up(member)
        else:
            self._ahead[member] = len(self._backlog)
            self._write_each([(member, batches)])

    def _encoding(self, count: int, batches: Sequence[Batch]) -> int:
        """How many writes it costs as much as to encode these for so many members, where that counts."""
        if self._encoder is None:
            return count * sum([len(batch.events) or 1 for batch in batches])
        return sum([len(event.json) for batch in batches for event in batch.events]) * ENCODED // PAGE_BYTES

    def _write_alike(self, encoder: Encoder, backlog: Sequence[Batch], ahead: dict[Subscription, int]) -> None:
        """Give everybody the same bytes, but for the few who are ahead."""
        try:
            data = backlog[0].data(encoder) if len(backlog) == 1 else _joined(backlog, encoder)
        except Exception:
            log.exception("encoding_failed")
            _give_up(list(self.members))
            return
        if not ahead:
            write = self._write
            if write is None:
                write = self._write = self._gather([member.sink for member in self.members])
        else:
            write = self._gather([member.sink for member in self.members if member not in ahead])
        failed = write(data) if data else ()
        if ahead:
            self._write_each([(member, backlog[place:]) for member, place in ahead.items()])
        if failed:
            _give_up([member for member in self.members if member.sink in failed])

    def _write_each(self, places: Sequence[tuple[Subscription, Sequence[Batch]]]) -> None:
        """Give each of these members what is missing at its place."""
        failed = []
        for member, batches in places:
            try:
                if batches and (data := _joined(batches, member.encoder)):
                    member.sink.write(data)
            except Exception:
                log.exception("write_failed")
                failed.append(member)
        _give_up(failed)


def _is_too_much(work: int, batches: Sequence[Batch]) -> bool:
    """Whether there is more than a page of it, and it can be divided."""
    return work > ENCODED and sum([len(batch.events) for batch in batches]) > 1


def _joined(batches: Sequence[Batch], encoder: Encoder) -> bytes:
    return b"".join([batch.data(encoder) for batch in batches])


def _let_catch_up(member: Subscription) -> None:
    """Have a member come to the head like one that is late, when it has its turn."""
    member.pause()
    member.resume()


def _give_up(members: Sequence[Subscription]) -> None:
    """Send away who could not be shown an event: who comes back with a cursor is not left with a hole."""
    for member in members:
        member.give_up()
