"""Reads rooms over one connection, each from a position in its log: live, or catching up; never a queue."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping
from operator import attrgetter

from parlour.chat.ports import DamagedEvents
from parlour.chat.reading import Bill
from parlour.core.errors import Refusal
from parlour.core.gone_guests import with_reason
from parlour.core.permissions import Rule, Who, first_seq
from parlour.hub.channel import Channel, ReadResult
from parlour.hub.chunk import Chunk
from parlour.hub.encoder import Encoder, renamed
from parlour.hub.hub import Hub
from parlour.hub.writable import Writable
from parlour.schema.events import Reset


class CatchUp:
    """Everything up to and including `seq` has been written. Pages come from the ring or the store.

    Only one page at a time is read, and none is kept: while the reader is paused the position is just a cursor.
    """

    __slots__ = ("_closed_at", "_is_announced", "_is_waiting", "_reader", "_why", "channel", "seq")

    def __init__(self, reader: Reader, channel: Channel, seq: int = 0, *, is_announced: bool = False) -> None:
        self.channel = channel
        self.seq = seq
        self._closed_at: int | None = None  # the event that has closed the room to the reader since it is here
        self._why: Refusal | None = None  # what that event says of it
        channel.fell_behind(self)
        self._reader: Reader | None = reader
        self._is_announced = is_announced  # whether `caught_up` has been called
        self._is_waiting = False  # for the store, or in the queue

    @property
    def reader(self) -> Reader | None:
        """The reader; None once it has left."""
        return self._reader

    @property
    def room(self) -> str:
        """The room that is read."""
        return self.channel.room

    def start(self, seq: int) -> None:
        """Begin after `seq` (which the log must be able to continue from): write what is missing, then go live."""
        self.seq = seq
        self._advance()

    def start_with_reset(self, reset: Reset) -> None:
        """Go on at the head (where the reset has it), telling the reader why."""
        if self._reader is not None:
            self._reader.reset(reset)
        self.start(reset.head_seq)

    def resume(self) -> None:
        """Go on in a later iteration, since many readers may resume at the same time."""
        if self._reader is not None and not self._is_waiting:
            self._queue(self._reader)

    def leave(self, _reader: Reader) -> None:
        """Write nothing any more."""
        self._reader = None
        self.channel.live_or_gone(self)

    def policy_changed(self) -> None:
        """See `Behind.policy_changed`. Whom the room is open to again may read what was said meanwhile."""
        if self._reader is None or self._reader.rule(self.channel.policy) is None:
            self._closed_at = self._why = None
        elif self._closed_at is None:
            self._closed_at, self._why = self.channel.policy.seq, self.channel.why_gone

    def _queue(self, reader: Reader, delay_s: float = 0.0) -> None:
        self._is_waiting = True
        catch_ups = reader.hub.resources.catch_ups
        if delay_s > 0.0:
            asyncio.get_running_loop().call_later(delay_s, catch_ups.add, self._go_on)
        else:
            catch_ups.add(self._go_on)

    def _go_on(self) -> int:
        self._is_waiting = False
        return self._advance()

    def _advance(self) -> int:
        """Write a page, or go live at the head. Returns the work, in pages."""
        reader, channel = self._reader, self.channel
        if reader is None or reader.is_paused or self._is_waiting:
            return 0
        refusal = reader.rule(channel.policy)
        if refusal is not None and (self._closed_at is None or self.seq >= self._closed_at):  # None: before it came
            reader.end_room(self.room, refusal, self._why)
            return 0
        first = first_seq(reader.who, channel.policy)
        if refusal is None and self.seq < first - 1 and first > channel.first_seq:  # away, and back, meanwhile
            self._is_announced = False
            self.start_with_reset(channel.reset("before_joining", first))
            return 0
        if self.seq == channel.head:
            reader.go_live(self)
            if not self._is_announced:
                reader.caught_up(channel)
            return 0
        if (delay_s := reader.bill.wait()) > 0.0:
            self._queue(reader, delay_s)
            return 0
        tuning = reader.hub.resources.tuning
        began = reader.bill.began()
        page = channel.replay(reader.encoder_of(self.room), self.seq, self._last(reader))
        if page is None:
            self._is_waiting = True
            reader.hub.resources.spawn(channel.read_after(self.seq, tuning.page_bytes, self._read))
            return 0
        self.seq, data = page
        self._write(reader, began, data)
        pages = 1 + (len(data) // tuning.costly_page_bytes if reader.encoder.is_costly else 0)
        if self.seq == channel.head:
            return pages + self._advance()
        if self._reader is not None and not reader.is_paused:
            self._queue(reader)
        return pages

    def _read(self, events: ReadResult) -> None:
        self._is_waiting = False
        reader, channel = self._reader, self.channel
        if reader is None or reader.is_paused:
            return  # `resume` reads it again: a page that waits would be a queue
        if events is None:
            reader.failed()
        elif isinstance(events, DamagedEvents):
            self._is_announced = False
            self.start_with_reset(channel.skipped(min(events.last, channel.head)))
        elif events and events[0].seq == self.seq + 1:
            # A reading thread can be quicker than the notice of the commit, which brings what is newer than the head.
            events = events[: max(0, self._last(reader) - self.seq)]
            if events:
                self.seq = events[-1].seq
                began = reader.bill.began()
                encoded = reader.encoder_of(self.room).events(channel.room, channel.epoch, events)
                self._write(reader, began, encoded)
            self._advance()
        else:
            # The log was trimmed while a reader was too slow for the retention horizon.
            if events:
                channel.trim(events[0].seq)
            self._is_announced = False
            self.start_with_reset(channel.reset("below_retention", reader.first_seq(channel)))

    def _last(self, reader: Reader) -> int:
        """The last event that the reader may be given now: the head, or the one that has closed the room to it."""
        if reader.rule(self.channel.policy) is None:
            return self.channel.head
        return self.seq if self._closed_at is None else self._closed_at

    def _write(self, reader: Reader, began: float, data: bytes) -> None:
        assert reader.sink is not None
        reader.sink.write(data)
        reader.bill.charge(began, len(data))


NO_NAMES: Mapping[str, str] = {}

Position = Chunk | CatchUp
"""Where a reader is in a room: among the live ones, or behind the head."""

_ROOM = attrgetter("room")


class Reader(ABC):
    """Reads rooms over one connection, and has a position in each.

    A live position is the chunk that writes to the reader, and nothing else: a room costs a pointer here and one in the
    chunk. While the reader is paused every position is a cursor. All methods are called on the event loop.
    """

    __slots__ = ("_positions", "bill", "encoder", "hub", "is_paused", "names", "own", "rule", "sink", "who")

    def __init__(self, hub: Hub, encoder: Encoder, bill: Bill, who: Who, rule: Rule) -> None:
        """`rule` judges by the policy of a room whether it may be read."""
        self.who = who
        self.hub = hub
        self.encoder = encoder
        self.bill = bill
        self.rule = rule
        self.sink: Writable | None = None
        self.is_paused = False
        self.names: Mapping[str, str] = NO_NAMES
        """What the peer calls rooms that have another name for it."""
        self.own: Encoder | None = None  # of the log of the peer's account
        self._positions: tuple[Position, ...] = ()  # in the order of the names of their rooms

    def encoder_of(self, room: str) -> Encoder:
        """See `Member.encoder_of`. An encoder of one connection knows its names."""
        if room[0] == "." and self.own is not None:
            return self.own
        name = self.names.get(room)
        return self.encoder if name is None or not self.encoder.is_shared else renamed(self.encoder, room, name)

    def name_of(self, room: str) -> str:
        """The name of a room for this peer."""
        return self.names.get(room, room)

    def enter(self, channel: Channel) -> CatchUp:
        """Take a position in an opened channel, to be started next. `leave` and `close` release the channel."""
        position = CatchUp(self, channel)
        index = self._index(channel.room)
        self._positions = (*self._positions[:index], position, *self._positions[index:])
        if self.hub.presences is not None:
            self.hub.presences.changed(channel.room)
        return position

    def leave(self, room: str) -> bool:
        """Give up the position in a room; False when there is none."""
        position = self.position(room)
        if position is None:
            return False
        self._positions = tuple([other for other in self._positions if other is not position])
        position.leave(self)
        self.hub.channel(room).release()
        if self.hub.presences is not None:
            self.hub.presences.changed(room)
        return True

    def close(self) -> None:
        """Give up every position; nothing is written any more."""
        positions, self._positions = self._positions, ()
        presences = self.hub.presences
        if presences is not None:
            presences.gone(self)
        for position in positions:
            position.leave(self)
            self.hub.channel(position.room).release()
            if presences is not None:
                presences.changed(position.room)

    def first_seq(self, channel: Channel) -> int:
        """The first event of a room that the reader is shown."""
        return max(channel.first_seq, first_seq(self.who, channel.policy))

    def pause(self) -> None:
        """The buffer is full: leave the live readers, and keep a cursor for each room."""
        # Nothing is written from here: another connection may be in the middle of a delivery, to be continued.
        self.is_paused = True
        self._positions = tuple([self._behind(each) if isinstance(each, Chunk) else each for each in self._positions])

    def resume(self) -> None:
        """The buffer has drained: catch up."""
        self.is_paused = False
        for position in self._positions:
            if isinstance(position, CatchUp):
                position.resume()

    def flush(self, room: str) -> None:
        """Write what a room has handed out so far. To be called before anything else about the room is written."""
        if self.hub.resources.writes and isinstance(position := self.position(room), Chunk):
            position.flush_one(self)

    def flush_all(self) -> None:
        """Write what every room has handed out so far."""
        if not self.hub.resources.writes:
            return
        for position in self._positions:
            if isinstance(position, Chunk):
                position.flush_one(self)
            if self.is_paused or not self._positions:
                break

    def position(self, room: str) -> Position | None:
        """The position in a room, if there is one."""
        index = self._index(room)
        if index < len(self._positions) and (position := self._positions[index]).room == room:
            return position
        return None

    def heads(self) -> dict[str, int]:
        """How far each room has come: a reader that is behind knows it."""
        return {self.name_of(each.room): self.hub.channel(each.room).head for each in self._positions}

    def rooms_read(self) -> list[str]:
        """The canonical names of the rooms that are being read."""
        return [position.room for position in self._positions]

    @property
    def rooms(self) -> int:
        """How many rooms are being read."""
        return len(self._positions)

    @abstractmethod
    def caught_up(self, channel: Channel) -> None:
        """The replay has reached the head; what follows is live. Called once for a room, and again after a reset."""

    @abstractmethod
    def reset(self, reset: Reset) -> None:
        """The log cannot be continued from the cursor; reading goes on at the `head_seq` of the reset."""

    @abstractmethod
    def room_closed(self, room: str, refusal: Refusal) -> None:
        """Everything up to the event that has closed a room to this reader is written; the position is given up."""

    @abstractmethod
    def failed(self) -> None:
        """The log could not be read, or an event not be shown; the peer should come back with its cursor."""

    def go_live(self, position: CatchUp) -> None:
        """A position has reached the head: join the live readers of the room instead."""
        position.leave(self)
        self.moved(position, position.channel.join(self))

    def fall_behind(self, room: str) -> None:
        """See `Member.fall_behind`."""
        chunk = self.position(room)
        if isinstance(chunk, Chunk):
            position = self._behind(chunk)
            self.moved(chunk, position)
            if not self.is_paused:
                position.resume()

    def end_room(self, room: str, refusal: Refusal, why_gone: Refusal | None) -> None:
        """A position has come to the event that has closed its room to this reader; see `Channel.why_gone`."""
        self.leave(room)
        if self.who.guest is not None:
            refusal = with_reason(refusal, why_gone)
        if refusal.code == "not_found":  # who was in it may be told so
            refusal = Refusal("not_found", "You are not in this room any more.")
        self.room_closed(room, refusal)

    def policy_changed(self, room: str) -> None:
        """See `Member.policy_changed`. A reader whose buffer is full goes on to that event when it has drained."""
        channel = self.hub.channel(room)
        refusal = self.rule(channel.policy)
        if refusal is not None:
            self.flush(room)
            if isinstance(self.position(room), Chunk):
                self.end_room(room, refusal, channel.why_gone)

    def moved(self, position: Position, other: Position) -> None:
        """The position in a room is another one from now on."""
        index = self._index(position.room)
        self._positions = (*self._positions[:index], other, *self._positions[index + 1 :])

    def write_failed(self, room: str) -> None:
        """See `Member.write_failed`."""
        if self.leave(room):
            self.failed()

    def _index(self, room: str) -> int:
        return bisect_left(self._positions, room, key=_ROOM)

    def _behind(self, chunk: Chunk) -> CatchUp:
        """Leave a chunk for a position of its own."""
        channel = self.hub.channel(chunk.room)
        position = CatchUp(self, channel, chunk.written(self, channel.head), is_announced=True)
        chunk.leave(self)
        return position
