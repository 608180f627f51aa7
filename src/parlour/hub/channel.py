"""One live room: its head, its ring, and its subscribers grouped by encoding, so that a batch is encoded once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from parlour.chat.ports import DamagedEvents
from parlour.core.cursor import Cursor
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored
from parlour.hub.batch import Batch
from parlour.hub.group import Group
from parlour.hub.ring import Ring
from parlour.hub.subscription import PAGE_BYTES, PAGE_EVENTS, Encoder, Page, Subscription
from parlour.hub.turns import WOKEN, Turns
from parlour.schema.events import Control, Reset

if TYPE_CHECKING:
    from asyncio import Future

    from parlour.hub.hub import Hub

log = logging.getLogger("parlour.hub")


READ_BYTES = 262144
"""What is read of the store at once, for the ring of a room that is opened and to repair what the relay lost."""

REMEMBERED_REPLAYS = 2
REMEMBERED_REPLAY_BYTES = 65536
"""Pages of replay kept until the next event, for readers who resume at the same place; larger ones are not."""


class Channel:
    """A room that somebody reads in this process. All methods are called on the event loop.

    `head` is the last event that has been handed out; `uses` counts subscriptions and waiting requests: a channel in
    use is never evicted.
    """

    __slots__ = (
        "_groups",
        "_hub",
        "_repairing",
        "_replays",
        "_waiters",
        "epoch",
        "first_seq",
        "head",
        "ring",
        "room",
        "uses",
    )

    def __init__(self, hub: Hub, room: str, epoch: str) -> None:
        self._hub = hub
        self.room = room
        self.epoch = epoch
        self.first_seq = 1
        self.head = 0
        self.ring = Ring()
        self.uses = 0
        self._groups: dict[Encoder | None, Group] = {}  # under None those with an encoder of their own
        self._waiters: dict[Future[bool], None] = {}  # in the order of their coming
        self._repairing = False
        self._replays: dict[tuple[Encoder, int], tuple[int, bytes]] = {}

    @property
    def turns(self) -> Turns:
        """Where those who catch up wait for their turn."""
        return self._hub.turns

    # --- places ---

    @property
    def cursor(self) -> str:
        """The cursor of the head."""
        return f"{self.epoch}.{self.head}"

    @property
    def extent(self) -> str:
        """What there is of the log, for people."""
        return f"the room has {self.first_seq} to {self.head}" if self.head >= self.first_seq else "the room is empty"

    def gap(self, cursor: Cursor) -> str | None:
        """Why the log cannot be continued from a cursor (a `reset` reason), or None when it can."""
        if cursor.epoch is not None and cursor.epoch != self.epoch:
            return "epoch_changed"
        if cursor.seq > self.head:
            return "cursor_ahead"
        if cursor.seq < self.first_seq - 1:
            return "below_retention"
        return None

    def reset(self, reason: str) -> Reset:
        """The control item that stands in place of a gap."""
        return Reset(self.room, reason, self.epoch, self.first_seq, self.head)

    def skipped(self, seq: int) -> Reset:
        """The control item that stands in place of damaged events up to `seq`: the log goes on behind them."""
        return Reset(self.room, "damaged", self.epoch, seq + 1, seq)

    # --- delivery ---

    def deliver(self, events: Sequence[Stored]) -> None:
        """Hand out committed events: repeats are dropped, what a gap left out is read from the store first."""
        expected = self.head + 1
        if events[0].seq != expected:
            if events[0].seq > expected:
                self.repair()
                return
            events = [event for event in events if event.seq >= expected]
            if not events:
                return
        since, self.head = self.head, events[-1].seq
        self.ring.extend(events)
        if self._replays:
            self._replays.clear()
        if self._groups:
            batch = Batch(since, lambda encoder: encoder.events(self, events), events)
            for group in list(self._groups.values()):  # a full buffer makes its subscription leave
                group.write(batch)
        if self._waiters:
            self.release_waiters(True)

    def trim(self, first_seq: int) -> None:
        """The log begins at `first_seq` now: show nothing before it any more."""
        if first_seq > self.first_seq:
            self.first_seq = first_seq
            self.ring.drop_below(first_seq)
            self._replays.clear()

    def flash(self, item: Control) -> None:
        """Show a fleeting item (typing) to whoever is live now; it is not kept."""
        batch = Batch(self.head, lambda encoder: encoder.control(item))
        for encoder, group in list(self._groups.items()):
            if encoder is None or batch.data(encoder):
                group.write(batch)

    def repair(self) -> None:
        """Something was committed that did not arrive here: read it from the store and deliver it in order.

        A page at a time, each once the shares of large rooms have been given what they are behind with: a page is as
        much as a batch, and nobody is refused because a backlog grows.
        """
        if not self._repairing:
            self._repairing = True
            rounds = self._hub.rounds
            if rounds:
                rounds.take(self._read_missing)
            else:
                self._read_missing()

    def _read_missing(self) -> int:
        self.read_after(self.head, self._repaired)
        return 0  # writes

    def _repaired(self, events: Page) -> None:
        self._repairing = False
        if events is None:
            log.error("repair_failed")
        elif isinstance(events, DamagedEvents):
            self._skip(events.last)
            self.repair()
        elif events:
            if events[0].seq > self.head + 1:  # retention has dropped what comes before
                self._skip(events[0].seq - 1)
            self._hub.repaired += max(0, events[-1].seq - self.head)  # some may have come after all
            self.deliver(events)
            self.repair()  # until a page comes back empty

    def _skip(self, head: int) -> None:
        """The log goes on after `head` only: whoever is live finds out like one that comes back."""
        members = [member for group in self._groups.values() for member in group.members]
        for member in members:
            member.pause()
        self.head = head
        self.ring.replace(())
        self._replays.clear()
        for member in members:
            member.resume()
        self.release_waiters(True)

    def replay(self, encoder: Encoder, seq: int) -> tuple[int, bytes] | None:
        """The next page after `seq` in an encoding, with its last seq; None when the ring does not reach back that far.

        After a break many readers come back to the same place: they are given the same bytes.
        """
        key = (encoder, seq)
        page = self._replays.get(key)
        if page is None:
            events = self.ring.after(seq, PAGE_EVENTS, PAGE_BYTES)
            if events is None:
                return None
            page = (events[-1].seq, encoder.events(self, events))
            is_small = len(page[1]) <= REMEMBERED_REPLAY_BYTES
            if encoder.is_shared and is_small and len(self._replays) < REMEMBERED_REPLAYS:
                self._replays[key] = page
        return page

    # --- subscribers ---

    def join(self, subscription: Subscription) -> None:
        """Write every batch from now on to a subscription that has everything up to `head`.

        A batch may be written to it later, in the turn of its share, or when it is settled.
        """
        shared = _shared(subscription)
        group = self._groups.get(shared)
        if group is None:
            group = self._groups[shared] = Group(shared, self._hub.gather, self._hub.rounds)
        group.join(subscription)

    def settle(self, subscription: Subscription) -> None:
        """See that everything up to `head` has been written to a subscription; it may leave in the course of that."""
        self._groups[_shared(subscription)].settle(subscription)

    def written(self, subscription: Subscription) -> int:
        """The last seq that has been written to a subscription."""
        return self._groups[_shared(subscription)].written(subscription, self.head)

    def leave(self, subscription: Subscription) -> None:
        """Stop writing to a subscription."""
        shared = _shared(subscription)
        group = self._groups[shared]
        group.leave(subscription)
        if not group.members:
            del self._groups[shared]

    def release(self) -> None:
        """One use less; see `Hub.open`."""
        self.uses -= 1
        if self.uses == 0:
            self._replays.clear()
            self._hub.idle(self)

    # --- requests that wait ---

    def wait(self, waiter: Future[bool]) -> None:
        """Resolve a future with True once there is a newer event than `head`; with False when the server stops."""
        if self._hub.is_ending:
            waiter.set_result(False)
        else:
            self._waiters[waiter] = None

    def stop_waiting(self, waiter: Future[bool]) -> None:
        """Forget a future that was given to `wait`."""
        self._waiters.pop(waiter, None)

    @property
    def waiting(self) -> int:
        """How many requests wait here."""
        return len(self._waiters)

    def release_waiters(self, has_news: bool) -> None:
        """Resolve every future that was given to `wait`."""
        waiters, self._waiters = self._waiters, {}
        if waiters:
            self._hub.wakings.take_now(partial(self._wake, list(waiters), has_news))

    def _wake(self, waiters: list[Future[bool]], has_news: bool) -> int:
        for waiter in waiters[:WOKEN]:
            if not waiter.done():
                waiter.set_result(has_news)
        if len(waiters) > WOKEN:
            self._hub.wakings.take(partial(self._wake, waiters[WOKEN:], has_news))
        return min(len(waiters), WOKEN)

    # --- the store behind ---

    def read_after(self, seq: int, done: Callable[[Page], None], max_bytes: int = READ_BYTES) -> None:
        """Read a page from the store and call `done` with it."""
        self._hub.spawn(self._read_after(seq, done, max_bytes))

    async def _read_after(self, seq: int, done: Callable[[Page], None], max_bytes: int) -> None:
        events: Page = None
        try:
            events = await self._hub.store.after(self.room, seq, PAGE_EVENTS, max_bytes)
            if not events:
                self.trim((await self._hub.store.log(self.room)).first_seq)
        except DamagedEvents as damage:
            events = damage
        except Refusal as refusal:  # too many wait for the disk, or the server is going down: no news for a log
            log.warning("read_refused %s", refusal.code)
        except Exception:
            log.exception("read_failed")
        done(events)

    async def load(self) -> None:
        """Fill head and ring from the store; the hub keeps what is delivered meanwhile."""
        store = self._hub.store
        extent: Log = await store.log(self.room)
        recent: Sequence[Stored] = ()
        try:
            recent = await store.before(self.room, extent.head_seq + 1, PAGE_EVENTS, READ_BYTES)
        except Refusal as refusal:
            if refusal.code != "storage_unavailable":
                raise
            # The end of the log is damaged: what can be read of the rest is read from the store, and new events come.
        self.first_seq = extent.first_seq
        self.head = extent.head_seq
        self.ring.replace(recent)


def _shared(subscription: Subscription) -> Encoder | None:
    """The encoder that a subscription has in common with others; None if it is its own."""
    encoder = subscription.encoder
    return encoder if encoder.is_shared else None
