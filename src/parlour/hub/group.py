"""The live subscriptions of one room that are written to together: they share an encoder, or each has its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from parlour.hub.batch import Batch
from parlour.hub.share import SHARE, Gather, Share, Write
from parlour.hub.subscription import Encoder, Sink, Subscription
from parlour.hub.turns import Turns

log = logging.getLogger("parlour.hub")


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
    """Members join and leave; what is written goes to those who are members at that moment, though perhaps later.

    Members who fit into one share are written to before `write` returns, unless `rounds` have done much in this turn of
    the loop. A member must be settled before anything else is written to its sink.
    """

    __slots__ = ("_encoder", "_gather", "_open", "_rounds", "_shares", "members")

    def __init__(self, encoder: Encoder | None, gather: Gather, rounds: Turns) -> None:
        self.members: dict[Subscription, Share] = {}
        self._encoder = encoder
        self._gather = gather
        self._rounds = rounds
        self._shares: dict[Share, None] = {}
        self._open: dict[Share, None] = {}  # those with room for more

    def join(self, member: Subscription) -> None:
        """From now on a member is written to."""
        share = next(iter(self._open), None)
        if share is None:
            share = Share(self._encoder, self._gather)
            self._shares[share] = self._open[share] = None
        self._put(member, share)

    def leave(self, member: Subscription) -> None:
        """A member is written to no more; `written` before, for one that goes on later."""
        share = self.members.pop(member)
        share.leave(member)
        self._open[share] = None
        if len(share.members) <= SHARE // 4:
            self._dissolve(share)

    def settle(self, member: Subscription) -> None:
        """See that a member has been given everything that was written; it may leave in the course of that."""
        self.members[member].settle_one(member)

    def written(self, member: Subscription, head: int) -> int:
        """The last seq that a member has been given of a room that has come to `head`."""
        return self.members[member].written(member, head)

    def write(self, batch: Batch) -> None:
        """Give every member a batch: now if they are one share and it may be, otherwise each share in its turn."""
        if len(self._shares) == 1:
            share = next(iter(self._shares))
            if share.put(batch):
                self._rounds.take_now(share.settle)
        else:
            for share in self._shares:
                if share.put(batch):
                    self._rounds.take(share.settle)

    def _put(self, member: Subscription, share: Share) -> None:
        share.join(member)
        self.members[member] = share
        if len(share.members) == SHARE:
            del self._open[share]

    def _dissolve(self, share: Share) -> None:
        """Move the members of a share that has few into another one, lest a room that shrinks be all small shares."""
        other = next((other for other in self._open if other is not share), share)
        fits = other is not share and len(share.members) + len(other.members) <= SHARE
        if not share.members or (fits and not share.is_behind):
            del self._shares[share], self._open[share]
            for member in share.members:
                self._put(member, other)
