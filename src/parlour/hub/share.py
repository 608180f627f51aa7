"""Writes to a large room in shares, one in each turn of the loop: whoever else is there is served between two of them.

A write costs the kernel 5 µs, and 10 where caches are cold: five thousand of them in one turn would hold everybody up
for 25 to 50 ms (docs/decisions/0013-shares.md). What a share has not been given yet is its backlog; batches that meet
there leave as one write, so that a room that falls behind catches up by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.hub.subscription import Sink, Subscription

SHARE = 256
"""The most members of a share. To write to all of them takes 1.3 to 2.5 ms of one turn."""

Write = Callable[[bytes], Sequence[Sink]]
"""Gives a batch to many sinks, each once; returns those that failed. One broken sink costs the others nothing."""

Gather = Callable[[Sequence[Sink]], Write]
"""Makes one `Write` of many sinks. It is used until the membership changes, and not after that."""

GiveUp = Callable[[Sequence[Subscription]], None]
"""Is told who could not be written to."""


class Share:
    """Some of the members of a group.

    A member can be ahead of the others: who joins has had the backlog, and who is settled has been given it.
    """

    __slots__ = ("_ahead", "_backlog", "_gather", "_give_up", "_write", "members")

    def __init__(self, gather: Gather, give_up: GiveUp) -> None:
        self.members: dict[Subscription, None] = {}
        self._ahead: dict[Subscription, int] = {}  # how many batches of the backlog a member has had; the others none
        self._backlog: list[tuple[int, bytes]] = []  # each batch with the seq that it comes after
        self._gather = gather
        self._give_up = give_up
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

    def put(self, data: bytes, since: int) -> bool:
        """Add what comes after the seq `since` to the backlog. Returns whether that was empty."""
        self._backlog.append((since, data))
        return len(self._backlog) == 1

    def written(self, member: Subscription, head: int) -> int:
        """The last seq that a member has been given of a room that has come to `head`."""
        place = self._ahead.get(member, 0)
        return self._backlog[place][0] if place < len(self._backlog) else head

    @property
    def is_behind(self) -> bool:
        """Whether there is a backlog."""
        return bool(self._backlog)

    def settle(self) -> None:
        """Write the backlog to everybody. A member whose buffer that fills has left when this returns."""
        backlog, self._backlog = self._backlog, []
        ahead, self._ahead = self._ahead, {}
        if not backlog or not self.members:
            return
        write = self._write
        if ahead:
            write = self._gather([member.sink for member in self.members if member not in ahead])
        elif write is None:
            write = self._write = self._gather([member.sink for member in self.members])
        failed = list(write(_joined(backlog)))
        for member, place in ahead.items():
            if place < len(backlog):
                failed += self._gather([member.sink])(_joined(backlog[place:]))
        if failed:
            self._give_up([member for member in self.members if member.sink in failed])

    def settle_one(self, member: Subscription) -> None:
        """Give a member what it has not been given of the backlog, and nobody else. It may leave in the course."""
        batches = self._backlog[self._ahead.get(member, 0) :]
        if batches:
            self._ahead[member] = len(self._backlog)
            if self._gather([member.sink])(_joined(batches)):
                self._give_up([member])


def _joined(batches: Sequence[tuple[int, bytes]]) -> bytes:
    return batches[0][1] if len(batches) == 1 else b"".join([data for _, data in batches])
