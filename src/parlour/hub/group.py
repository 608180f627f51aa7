"""The live subscriptions of one room and encoding: who is given the same bytes at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from parlour.hub.subscription import Sink, Subscription

log = logging.getLogger("parlour.hub")

Write = Callable[[bytes], Sequence[Sink]]
"""Gives a batch to many sinks, each once; returns those that failed. One broken sink costs the others nothing."""

Gather = Callable[[Sequence[Sink]], Write]
"""Makes one `Write` of many sinks. It is used until the membership changes, and not after that."""


def one_by_one(sinks: Sequence[Sink]) -> Write:
    """The `Write` that works with every sink."""
    writers = tuple([sink.write for sink in sinks])

    def write(data: bytes) -> Sequence[Sink]:
        failed: list[Sink] = []
        for write in writers:
            try:
                write(data)
            except Exception:
                log.exception("write_failed")
                failed.append(sinks[writers.index(write)])
        return failed

    return write


class Group:
    """Members join and leave; what is written goes to those who are in it at that moment."""

    __slots__ = ("_gather", "_write", "members")

    def __init__(self, gather: Gather) -> None:
        self.members: dict[Subscription, None] = {}
        self._gather = gather
        self._write: Write | None = None

    def join(self, member: Subscription) -> None:
        """From now on a member is written to."""
        self.members[member] = None
        self._write = None

    def leave(self, member: Subscription) -> None:
        """A member is written to no more."""
        del self.members[member]
        self._write = None

    def write(self, data: bytes) -> list[Subscription]:
        """Give a batch to every member. Returns those it could not be given to."""
        write = self._write
        if write is None:
            write = self._write = self._gather([member.sink for member in self.members])
        failed = write(data)
        return [member for member in self.members if member.sink in failed] if failed else []
