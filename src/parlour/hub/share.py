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
    """Some of the members of a group. Nobody may join one that is behind: who joins has had its backlog."""

    __slots__ = ("_backlog", "_gather", "_give_up", "_since", "_write", "members")

    def __init__(self, gather: Gather, give_up: GiveUp) -> None:
        self.members: dict[Subscription, None] = {}
        self._backlog: list[bytes] = []
        self._since = 0  # the seq that the backlog begins after
        self._gather = gather
        self._give_up = give_up
        self._write: Write | None = None

    def join(self, member: Subscription) -> None:
        """From now on a member is written to."""
        self.members[member] = None
        self._write = None

    def leave(self, member: Subscription) -> None:
        """A member is written to no more, not even what the share is behind with."""
        del self.members[member]
        self._write = None

    def put(self, data: bytes, since: int) -> bool:
        """Add what comes after the seq `since` to the backlog. Returns whether that was empty."""
        if not self._backlog:
            self._since = since
        self._backlog.append(data)
        return len(self._backlog) == 1

    def written(self, head: int) -> int:
        """The last seq that has been written of a room that has come to `head`."""
        return self._since if self._backlog else head

    @property
    def is_behind(self) -> bool:
        """Whether there is a backlog."""
        return bool(self._backlog)

    def settle(self) -> None:
        """Write the backlog. A member whose buffer that fills has left when this returns."""
        backlog, self._backlog = self._backlog, []
        if backlog and self.members:
            self.write(backlog[0] if len(backlog) == 1 else b"".join(backlog))

    def write(self, data: bytes) -> None:
        """Give a batch to every member, past the backlog, which must be empty."""
        write = self._write
        if write is None:
            write = self._write = self._gather([member.sink for member in self.members])
        failed = write(data)
        if failed:
            self._give_up([member for member in self.members if member.sink in failed])
