"""One room in memory: its head, its ring, and its live readers grouped by encoder, so that events are encoded once."""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Callable, Iterator, Sequence

from parlour.chat.ports import DamagedEvents
from parlour.core.cursor import Cursor
from parlour.core.errors import Refusal
from parlour.core.event import NO_POLICY, Log, Policy, Stored
from parlour.core.payloads import Settings
from parlour.hub.chunk import Chunk, Member
from parlour.hub.delivery import Delivery
from parlour.hub.encoder import Encoder
from parlour.hub.group import Group
from parlour.hub.resources import Resources
from parlour.hub.ring import Ring
from parlour.hub.waiters import Waiters
from parlour.schema.event_json import policy_of, sets_policy
from parlour.schema.events import Control, Reset

log = logging.getLogger("parlour.hub")

ReadResult = Sequence[Stored] | DamagedEvents | None
"""What a read of the store has brought: events, or that the next ones are damaged; None if it failed."""


class Channel:
    """A room that somebody reads in this process. All methods are called on the event loop.

    `head` is the last event that has been handed out, `policy` that of the room up to there. `uses` counts
    places of readers and requests: a channel in use is never evicted; `on_unused` is called when the last use ends.
    """

    __slots__ = (
        "_groups",
        "_is_repairing",
        "_on_unused",
        "_replays",
        "_resources",
        "_waiters",
        "epoch",
        "first_seq",
        "head",
        "policy",
        "ring",
        "room",
        "uses",
    )

    def __init__(self, room: str, epoch: str, resources: Resources, on_unused: Callable[[Channel], None]) -> None:
        self.room = room
        self.epoch = epoch
        self.first_seq = 1
        self.head = 0
        self.policy = NO_POLICY
        self.ring = Ring(resources.tuning.ring_events, resources.tuning.ring_bytes)
        self.uses = 0
        self._resources = resources
        self._on_unused = on_unused
        self._groups: dict[Encoder | None, Group] = {}  # under None the readers whose encoder is not shared
        self._waiters = Waiters(resources.wakeups)
        self._is_repairing = False
        self._replays: dict[tuple[Encoder, int], tuple[int, bytes]] = {}

    # --- the log ---

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
        while count := _up_to_policy(events):
            self._hand_out(events[:count])
            self._set_policy(policy_of(events[count - 1]))
            events = events[count:]
        if events:
            self._hand_out(events)

    def _hand_out(self, events: Sequence[Stored]) -> None:
        """Give the events behind the head to everybody."""
        since, self.head = self.head, events[-1].seq
        self.ring.extend(events)
        if self._replays:
            self._replays.clear()
        if self._groups:
            room, epoch = self.room, self.epoch
            delivery = Delivery(since, lambda encoder: encoder.events(room, epoch, events), events)
            for group in self._groups.values():
                group.write(delivery)
        if self._waiters:
            self._waiters.release(True)

    def _set_policy(self, policy: Policy) -> None:
        """The head sets a policy: live readers that may not read on end here; the others learn of it as they come."""
        self.policy = policy
        for _, member in list(self._live()):
            member.policy_changed(self.room)

    def broadcast(self, item: Control) -> None:
        """Show an item that is not kept (typing) to the readers that are live now."""
        delivery = Delivery(self.head, lambda encoder: encoder.control(item))
        for encoder, group in self._groups.items():
            if encoder is None or delivery.data(encoder):
                group.write(delivery)

    def trim(self, first_seq: int) -> None:
        """The log begins at `first_seq` now: show nothing before it any more."""
        if first_seq > self.first_seq:
            self.first_seq = first_seq
            self.ring.drop_below(first_seq)
            self._replays.clear()

    def redact(self, event: Stored) -> None:
        """A tombstone stands in the place of an event: show that from now on."""
        self.ring.redact(event)
        self._replays.clear()

    def replay(self, encoder: Encoder, seq: int, last: int) -> tuple[int, bytes] | None:
        """The next page after `seq` in an encoding, with its last seq; None when the ring does not reach back that far.

        It has nothing behind `last`, which is the head or before it. After a break many readers come back to the same
        place: they are given the same bytes.
        """
        key = (encoder, seq)
        page = self._replays.get(key) if last == self.head else None
        if page is None:
            tuning = self._resources.tuning
            events = self.ring.after(seq, tuning.page_events, tuning.page_bytes)
            if events is None:
                return None
            events = events[: last - seq]
            page = (events[-1].seq, encoder.events(self.room, self.epoch, events))
            is_small = len(page[1]) <= tuning.kept_replay_bytes
            if encoder.is_shared and is_small and last == self.head and len(self._replays) < tuning.kept_replays:
                self._replays[key] = page
        return page

    # --- readers and requests ---

    def join(self, member: Member) -> Chunk:
        """Write every event from now on to a member that has everything up to `head`.

        It may be written later, in the iteration of its chunk, or when it is flushed.
        """
        encoder = member.encoder if member.encoder.is_shared else None
        group = self._groups.get(encoder)
        if group is None:
            group = self._groups[encoder] = Group(self.room, encoder, self._resources)
        return group.join(member)

    def release(self) -> None:
        """One use less; see `Hub.open`."""
        self.uses -= 1
        if self.uses == 0:
            self._groups.clear()
            self._replays.clear()
            self._on_unused(self)

    def wait(self, waiter: Future[bool]) -> None:
        """Resolve a future with True once there is a newer event than `head`; with False when the server stops."""
        if self._resources.is_ending:
            waiter.set_result(False)
        else:
            self._waiters.add(waiter)

    def stop_waiting(self, waiter: Future[bool]) -> None:
        """Forget a future that was given to `wait`."""
        self._waiters.discard(waiter)

    def end_waits(self) -> None:
        """Resolve every future that was given to `wait` with False."""
        self._waiters.release(False)

    @property
    def waiting(self) -> int:
        """How many requests wait here."""
        return len(self._waiters)

    # --- the store behind ---

    def repair(self) -> None:
        """Read from the store what was committed and did not arrive here, and deliver it in order.

        A page at a time, each once the chunks of large rooms have been given their backlog: a page is as much as a
        batch of the store, and no message is refused because a backlog grows.
        """
        if not self._is_repairing:
            self._is_repairing = True
            writes = self._resources.writes
            if writes:
                writes.add(self._read_missing)
            else:
                self._read_missing()

    def _read_missing(self) -> int:
        self.read_after(self.head, self._resources.tuning.read_bytes, self._repaired)
        return 0  # writes

    def _repaired(self, events: ReadResult) -> None:
        self._is_repairing = False
        if events is None:
            log.error("repair_failed")
        elif isinstance(events, DamagedEvents):
            self._skip(events.last)
            self.repair()
        elif events:
            if events[0].seq > self.head + 1:  # retention has dropped what comes before
                self._skip(events[0].seq - 1)
            self._resources.repaired += max(0, events[-1].seq - self.head)  # some may have come after all
            self.deliver(events)
            self.repair()  # until a page comes back empty

    def _skip(self, head: int) -> None:
        """The log goes on after `head` only: live readers find out like those that come back."""
        for chunk, member in self._live():
            member.fall_behind(chunk)
        self.head = head
        self.ring.replace(())
        self._replays.clear()
        self._waiters.release(True)

    def _live(self) -> Iterator[tuple[Chunk, Member]]:
        for group in self._groups.values():
            yield from group

    def read_after(self, seq: int, max_bytes: int, done: Callable[[ReadResult], None]) -> None:
        """Read a page from the store and call `done` with it."""
        self._resources.spawn(self._read_after(seq, max_bytes, done))

    async def _read_after(self, seq: int, max_bytes: int, done: Callable[[ReadResult], None]) -> None:
        events: ReadResult = None
        store = self._resources.store
        try:
            events = await store.after(self.room, seq, self._resources.tuning.page_events, max_bytes)
            if not events:
                self.trim((await store.log(self.room)).first_seq)
        except DamagedEvents as damage:
            events = damage
        except Refusal as refusal:  # too many wait for the disk, or the server is going down: no news for a log
            log.warning("read_refused %s", refusal.code)
        except Exception:
            log.exception("read_failed")
        done(events)

    async def load(self) -> None:
        """Fill head and ring from the store; the hub keeps what is delivered meanwhile."""
        store, tuning = self._resources.store, self._resources.tuning
        extent: Log = await store.log(self.room)
        recent: Sequence[Stored] = ()
        try:
            recent = await store.before(self.room, extent.head_seq + 1, tuning.page_events, tuning.read_bytes)
        except Refusal as refusal:
            if refusal.code != "storage_unavailable":
                raise
            # The end of the log is damaged: what can be read of the rest is read from the store, and new events come.
        self.first_seq = extent.first_seq
        self.head = extent.head_seq
        self.policy = extent.policy
        self.ring.replace(recent)


def _up_to_policy(events: Sequence[Stored]) -> int:
    """How many events there are up to and including the first that sets a policy; 0 if none does."""
    if not sets_policy(events):
        return 0
    return 1 + [event.type for event in events].index(Settings.type)
