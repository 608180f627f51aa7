"""One room in memory: its head, its ring, and its live readers grouped by encoder, so that events are encoded once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

from parlour.chat.ports import DamagedEvents
from parlour.core.cursor import Cursor
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored, at_ms
from parlour.core.gone_guests import why_gone, why_out
from parlour.core.guest_links import GuestPass
from parlour.core.payloads import POLICY_TYPES, GuestChanged
from parlour.core.policy import NO_POLICY, Policy
from parlour.hub.chunk import Chunk, Member
from parlour.hub.encoder import Delivery, Encoder
from parlour.hub.resources import Resources
from parlour.hub.ring import Ring
from parlour.schema.event_json import payload_of, sets_policy
from parlour.schema.events import Control, Reset

log = logging.getLogger("parlour.hub")

REPAIR_RETRY_S = 0.5
"""After a read that failed."""

ReadResult = Sequence[Stored] | DamagedEvents | None
"""What a read of the store has brought: events, or that the next ones are damaged; None if it failed."""


class Behind(Protocol):
    """A position of a reader that is not live."""

    @property
    def reader(self) -> object | None:
        """The reader of this position; None once it is given up."""

    def policy_changed(self) -> None:
        """Remember where the room was closed to the reader: the event that has done it is the head."""


class Channel:
    """A room in this process. All methods are called on the event loop.

    `head` is the last event that has been handed out, `policy` that of the room up to there. A channel with `uses`, by
    readers and requests, is never evicted; `on_unused` is called when the last use ends.
    """

    __slots__ = (
        "_announced", "_behind", "_chunks", "_is_repairing", "_on_unused", "_reads", "_redacted",
        "_replays", "_resources", "epoch",
        "first_seq", "head", "policy", "ring", "room", "uses", "waiters", "why_gone",
    )  # fmt: skip

    def __init__(self, room: str, epoch: str, resources: Resources, on_unused: Callable[[Channel], None]) -> None:
        self.room = room
        self.epoch = epoch
        self.first_seq = 1
        self.head = 0
        self.policy = NO_POLICY
        self.why_gone: Refusal | None = None
        """What those are told whom the newest policy event has taken out of the room, if it is more than that."""
        tuning, is_own = resources.tuning, room[0] == "."  # the log of an account has a few readers, and there are many
        self.ring = Ring(tuning.ring_events, tuning.own_ring_bytes if is_own else tuning.ring_bytes)
        self.uses = 0
        self._resources = resources
        self._on_unused = on_unused
        self._chunks: dict[Encoder | None, list[Chunk]] = {}  # under None the readers whose encoder is not shared
        self._behind: dict[Behind, None] | None = None  # positions that are not live
        # Of requests, in the order in which they came, each with what says whether it may go on waiting.
        self.waiters: dict[asyncio.Future[bool], Callable[[], bool] | None] = {}
        self._is_repairing = False
        self._reads = 0  # reads of missing events that are under way
        self._redacted: dict[int, Stored] = {}  # meanwhile
        self._announced = 0  # the newest event that another node is known to have added
        self._replays: dict[tuple[Encoder, int], tuple[int, bytes]] = {}

    @property
    def cursor(self) -> str:
        """The cursor of the head."""
        return f"{self.epoch}.{self.head}"

    def gap(self, cursor: Cursor, first_seq: int = 0) -> str | None:
        """Why the log cannot be continued from a cursor (a `reset` reason), or None when it can.

        `first_seq` is the first event for who asks, where that is a later one than that of the log.
        """
        if cursor.epoch is not None and cursor.epoch != self.epoch:
            return "epoch_changed"
        if cursor.seq > self.head:
            return "cursor_ahead"
        if cursor.seq < self.first_seq - 1:
            return "below_retention"
        if cursor.seq < first_seq - 1:
            return "before_joining"
        return None

    def reset(self, reason: str, first_seq: int = 0) -> Reset:
        """The control item that stands in place of a gap."""
        return Reset(self.room, reason, self.epoch, max(first_seq, self.first_seq), self.head)

    def cursor_gone(self, reason: str, first_seq: int = 0) -> Refusal:
        """The refusal that stands in place of a gap, with the members of a `reset`."""
        first_seq = max(first_seq, self.first_seq)
        extent = f"the room has {first_seq} to {self.head}" if self.head >= first_seq else "the room is empty"
        detail = f"The log cannot be continued from there ({reason}): {extent}."
        reset = self.reset(reason, first_seq)
        return Refusal("cursor_gone", detail, extra={name: getattr(reset, name) for name in reset.__struct_fields__})

    def skipped(self, seq: int) -> Reset:
        """The control item that stands in place of damaged events up to `seq`: the log goes on behind them."""
        return Reset(self.room, "damaged", self.epoch, seq + 1, seq)

    def deliver(self, events: Sequence[Stored]) -> None:
        """Hand out committed events: repeats are dropped, what a gap left out is read from the store first."""
        expected = self.head + 1
        if events[0].seq != expected:
            if events[0].seq > expected:
                self.head_moved(events[-1].seq)
                return
            events = [event for event in events if event.seq >= expected]
            if not events:
                return
        while count := _up_to_policy(events):
            self._hand_out(events[:count])
            if self.head > self.policy.seq:
                event = events[count - 1]
                payload = payload_of(event)
                self.why_gone = why_gone(payload, at_ms(event.json))
                self._set_policy(self.policy.after(self.head, payload))
            events = events[count:]
        if events:
            self._hand_out(events)

    def _set_policy(self, policy: Policy) -> None:
        """The room is another one from here on: end those that may not read on."""
        self.policy = policy
        for member in self._live():
            member.policy_changed(self.room)
        for position in list(self._behind or ()):  # also those that could not be written the event just now
            position.policy_changed()

    def _hand_out(self, events: Sequence[Stored]) -> None:
        """Give the events behind the head to everybody."""
        since, self.head = self.head, events[-1].seq
        self.ring.extend(events)
        if self._replays:
            self._replays.clear()
        if self._chunks:
            room, epoch = self.room, self.epoch
            delivery = Delivery(since, lambda encoder: encoder.events(room, epoch, events), events)
            for chunks in self._chunks.values():
                self._write(chunks, delivery)
        if self.waiters:
            self.wake(True)

    def _write(self, chunks: list[Chunk], delivery: Delivery) -> None:
        """Write to every member: now if they are one chunk, unless much has been written in this iteration."""
        if len(chunks) == 1:
            if chunks[0].put(delivery):
                self._resources.writes.run(chunks[0].flush)
        else:
            for chunk in chunks:
                if chunk.put(delivery):
                    self._resources.writes.add(chunk.flush)

    def broadcast(self, item: Control) -> None:
        """Show an item that is not kept (typing) to the readers that are live now."""
        delivery = Delivery(self.head, lambda encoder: encoder.control(item))
        for encoder, chunks in self._chunks.items():
            if encoder is None or delivery.data(encoder):
                self._write(chunks, delivery)

    def trim(self, first_seq: int) -> None:
        """The log begins at `first_seq` now: show nothing before it any more."""
        if first_seq > self.first_seq:
            self.first_seq = first_seq
            self.ring.drop_below(first_seq)
            self._replays.clear()

    def redact(self, event: Stored) -> None:
        """This stands in the place of an event: show it from now on."""
        self.ring.redact(event)
        self._replays.clear()
        if self._reads:
            self._redacted[event.seq] = event

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

    def join(self, member: Member) -> Chunk:
        """Write every event from now on to a member that has everything up to `head`; it leaves by `Chunk.leave`.

        It may be written later, in the iteration of its chunk: before anything else about the room is written to the
        same sink, the member must be flushed.
        """
        own = member.encoder_of(self.room)
        encoder = own if own.is_shared else None
        chunks = self._chunks.setdefault(encoder, [])
        most = self._resources.tuning.chunk_readers
        chunk = next((chunk for chunk in reversed(chunks) if len(chunk.members) < most), None)
        if chunk is None:
            chunk = Chunk(self.room, encoder, self._resources, self._merge)
            chunks.append(chunk)
        chunk.join(member)
        return chunk

    def why_out(self, guest: GuestPass) -> Refusal | None:
        """The reason for a guest who was in the room, if an event in the ring has taken them out of it."""
        events = [event for event in self.ring.events if event.type == GuestChanged.type]
        return why_out(((payload_of(event), at_ms(event.json)) for event in events), guest)

    @property
    def readers(self) -> int:
        """How many connections read the room."""
        live = sum(len(chunk.members) for chunks in self._chunks.values() for chunk in chunks)
        return live + len(self._behind or ())

    def each_reader(self) -> Iterator[object]:
        """The connections that read the room; nobody may come or go meanwhile."""
        for chunks in self._chunks.values():
            for chunk in chunks:
                yield from chunk.members
        for position in self._behind or ():
            if position.reader is not None:
                yield position.reader

    def fell_behind(self, position: Behind) -> None:
        """Tell a position of every change of the room, until it is `live_or_gone`."""
        if self._behind is None:
            self._behind = {}
        self._behind[position] = None

    def live_or_gone(self, position: Behind) -> None:
        """A position is told no more; idle rooms, of which there are many, keep no dict for none."""
        if self._behind is not None and position in self._behind:
            del self._behind[position]
            self._behind = self._behind or None

    def _merge(self, chunk: Chunk) -> None:
        """Move the members of a chunk that has few into another one, or a room that shrinks would be all small ones."""
        chunks = self._chunks[chunk.encoder]
        most = self._resources.tuning.chunk_readers
        count = len(chunk.members)
        if not count:
            chunks.remove(chunk)
        elif count <= most // 4 and not chunk.backlog:
            others = [other for other in chunks if other is not chunk and len(other.members) + count <= most]
            if others:
                chunks.remove(chunk)
                for member in chunk.members:
                    others[0].join(member)
                    member.moved(chunk, others[0])

    def release(self) -> None:
        """One use less; see `Hub.open`."""
        self.uses -= 1
        if self.uses == 0:
            self._chunks = {}  # a new one: the last reader may have left because it could not be written to
            self._replays.clear()
            self._on_unused(self)

    async def wait_for_news(self, seq: int, seconds: float, may_wait: Callable[[], bool] | None = None) -> bool:
        """Wait until there are events after `seq`; False when there were none in time, or the server stops.

        Also once the server has another access and `may_wait` says no.
        """
        if self.head > seq or self._resources.is_ending:
            return self.head > seq
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiters[waiter] = may_wait
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            return False
        finally:
            self.waiters.pop(waiter, None)

    def wake(self, has_news: bool) -> None:
        """Answer every request that waits for news."""
        waiters, self.waiters = self.waiters, {}
        for waiter in waiters:
            self._resources.wakeups.run(partial(_resolve, waiter, has_news))

    def judge_waits(self) -> None:
        """Answer the requests that may not go on waiting."""
        for waiter, may_wait in list(self.waiters.items()):
            if may_wait is not None and not may_wait():
                self._resources.wakeups.run(partial(_resolve, waiter, False))

    def head_moved(self, head_seq: int) -> None:
        """The log goes on up to here at least: read what has not arrived."""
        self._announced = max(self._announced, head_seq)
        if self.head < head_seq:
            self.repair()

    async def reach(self, seq: int) -> None:
        """Read what another node has added, up to the event `seq`, which is there. Raises Refusal."""
        store, limit = self._resources.store, self._resources.tuning.page_events
        events: Sequence[Stored] = ()
        while self.head < seq:
            self._reads += 1
            try:
                events = await store.after(self.room, self.head, limit)
            finally:
                events = self._have_read(events)
            if not events:
                return
            self.deliver(events)

    def _have_read(self, events: Sequence[Stored]) -> Sequence[Stored]:
        """The events that were read, with tombstones for those that were removed meanwhile."""
        if self._redacted:
            events = [self._redacted.get(event.seq, event) for event in events]
        self._reads -= 1
        if not self._reads:
            self._redacted.clear()
        return events

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
        self._reads += 1
        self._resources.spawn(self.read_after(self.head, self._resources.tuning.ring_bytes, self._repaired))
        return 0  # writes

    def _repaired(self, events: ReadResult) -> None:
        self._is_repairing = False
        is_page = events is not None and not isinstance(events, DamagedEvents)
        page = self._have_read(events if is_page else ())  # type: ignore[arg-type]
        if events is None:
            log.error("repair_failed")
            if self.head < self._announced:
                asyncio.get_running_loop().call_later(REPAIR_RETRY_S, self.head_moved, self._announced)
        elif isinstance(events, DamagedEvents):
            self._skip(events.last)
            self.repair()
        elif page:
            if page[0].seq > self.head + 1:  # retention has dropped what comes before
                self._skip(page[0].seq - 1)
            self._resources.repaired += max(0, page[-1].seq - self.head)  # some may have come after all
            self.deliver(page)
            if self.head < self._announced:
                self.repair()
        elif self.head < self._announced:  # announced while the page was read: look once more
            self._announced = self.head
            self.repair()

    def _skip(self, head: int) -> None:
        """The log goes on after `head` only: live readers find out like those that come back."""
        for member in self._live():
            member.fall_behind(self.room)
        self.head = head
        self.ring.replace(())
        self._replays.clear()
        self.wake(True)

    def _live(self) -> list[Member]:
        """Every live reader; they may leave meanwhile."""
        return [member for chunks in self._chunks.values() for chunk in chunks for member in chunk.members]

    async def read_after(self, seq: int, max_bytes: int, done: Callable[[ReadResult], None]) -> None:
        """Read a page from the store and call `done` with it."""
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
            if self.room[0] != ".":
                recent = await store.before(self.room, extent.head_seq + 1, tuning.page_events, tuning.ring_bytes)
        except Refusal as refusal:
            if refusal.code != "storage_unavailable":
                raise
            # The end of the log is damaged: what can be read of the rest is read from the store, and new events come.
        self.first_seq = extent.first_seq
        self.head = extent.head_seq
        self.policy = extent.policy
        self.ring.replace(recent)


def _up_to_policy(events: Sequence[Stored]) -> int:
    """How many events there are up to and including the first that changes the room; 0 if none does."""
    if not sets_policy(events):
        return 0
    return next(count for count, event in enumerate(events, 1) if event.type in POLICY_TYPES)


def _resolve(waiter: asyncio.Future[bool], has_news: bool) -> int:
    if not waiter.done():
        waiter.set_result(has_news)
    return 1  # request
