"""One reader's place in one room: live, or catching up from a cursor; never a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from parlour.chat.ports import DamagedEvents
from parlour.chat.reading import FREE, Bill
from parlour.core.event import Stored
from parlour.schema.events import Control, Reset

if TYPE_CHECKING:
    from parlour.hub.channel import Channel

PAGE_EVENTS = 500
PAGE_BYTES = 32768
"""What is handed to a reader that catches up before others have their turn and its buffer is looked at again: one that
takes nothing is left with three of them at most, and hostile texts take 10 ms to encode for so much."""

COSTLY_BYTES = 2048
"""What counts as a page more in a costly encoding, where a whole one takes as long as sixteen others."""

Page = Sequence[Stored] | DamagedEvents | None
"""What a read from the store has given: events, or that the next ones are damaged; None if it failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The bytes of one transport. One object is shared by all subscriptions that speak alike: it is their group."""

    events: Callable[[Channel, Sequence[Stored]], bytes]
    """Consecutive events of a room, at least one."""
    control: Callable[[Control], bytes]
    """An item without a seq; empty where this transport does not show it."""
    is_shared: bool = True
    """False where the bytes belong to one connection and encoding them changes its state."""
    is_costly: bool = False
    """Whether its bytes count by themselves: so much of it can be had that making them takes longer than writing."""


class Reader(Protocol):
    """The session that owns a subscription."""

    def caught_up(self, subscription: Subscription) -> None:
        """The replay has reached the head; what follows is live. Called once, and again after a reset."""

    def reset(self, subscription: Subscription, reset: Reset) -> None:
        """The log cannot be continued from the cursor; the subscription goes on at the `head_seq` of the reset."""

    def failed(self, subscription: Subscription) -> None:
        """The log could not be read, or an event not be shown; the reader should come back with its cursor."""


class Sink(Protocol):
    """Where a subscription writes. Neither may change as long as it is live: its group keeps them from then on."""

    @property
    def descriptor(self) -> int:
        """Under which the kernel takes bytes for this sink alone, or -1 where `write` is the only way."""

    def write(self, data: bytes) -> None:
        """Take an encoded batch."""


class Subscription:
    """A reader's place. While it is live the channel writes to it directly and `seq` is not kept up to date.

    `sink` receives encoded batches. Between `pause` and `resume` nothing is written: the subscription leaves the
    fan-out and keeps only its cursor; afterwards it is caught up from the ring or the store, page by page. These are
    on the `bill` of its address: one that has had its share waits.
    """

    __slots__ = ("_announced", "_bill", "_live", "_paused", "_reading", "_seq", "channel", "encoder", "reader", "sink")

    def __init__(self, channel: Channel, encoder: Encoder, sink: Sink, reader: Reader, bill: Bill = FREE) -> None:
        self._bill = bill
        self.channel = channel
        self.encoder = encoder
        self.sink = sink
        self.reader: Reader | None = reader
        self._seq = 0
        self._live = self._paused = self._reading = self._announced = False

    @property
    def seq(self) -> int:
        """Everything up to and including this has been written."""
        return self.channel.written(self) if self._live else self._seq

    def start(self, seq: int) -> None:
        """Begin after `seq` (which the log must be able to continue from): replay, say caught_up, go live."""
        self._seq = seq
        self._pump()

    def start_with_reset(self, reset: Reset) -> None:
        """Begin at the head (where the reset has it), telling the reader why."""
        self._seq = reset.head_seq
        if self.reader is not None:
            self.reader.reset(self, reset)
        self._pump()

    def pause(self) -> None:
        """The reader's buffer is full."""
        # Nothing is written from here: another line may be in the middle of a batch, with its rest still to be written.
        self._paused = True
        if self._live:
            self._seq = self.channel.written(self)
            self._live = False
            self.channel.leave(self)

    def settle(self) -> None:
        """See that what has been handed out so far is written. To be called before anything else goes to the sink."""
        if self._live:
            self.channel.settle(self)

    def resume(self) -> None:
        """The reader's buffer has drained: go on when it is this one's turn, since many may drain at the same time."""
        self._paused = False
        if not (self._live or self._reading or self.reader is None):
            self._go_on_later()

    def close(self) -> None:
        """Stop; nothing is written any more."""
        self.reader = None
        if self._live:
            self._live = False
            self.channel.leave(self)
        self.channel.release()

    def give_up(self) -> None:
        """What was to be written is lost: nothing may follow it."""
        self.pause()
        if self.reader is not None:
            self.reader.failed(self)

    def _pump(self) -> int:
        """Write what is missing, as far as the buffer allows, then go live. Returns the work, in pages."""
        pages = 0
        channel = self.channel
        while not (self._paused or self._live or self._reading or self.reader is None):
            if self._seq == channel.head:
                self._live = True
                channel.join(self)
                if not self._announced:
                    self._announced = True
                    self.reader.caught_up(self)
                break
            if (wait := self._bill.wait()) > 0.0:
                self._go_on_later(wait)
                break
            began = self._bill.began()
            page = channel.replay(self.encoder, self._seq)
            if page is None:
                self._reading = True
                channel.read_after(self._seq, self._read, PAGE_BYTES)
                break
            self._seq, data = page
            self.sink.write(data)
            self._bill.charge(began, len(data))
            pages += 1 + (len(data) // COSTLY_BYTES if self.encoder.is_costly else 0)
            if self._seq != channel.head:
                self._go_on_later()
                break
        return pages

    def _go_on_later(self, wait: float = 0.0) -> None:
        self._reading = True
        if wait > 0.0:
            asyncio.get_running_loop().call_later(wait, self.channel.turns.take, self._go_on)
        else:
            self.channel.turns.take(self._go_on)

    def _go_on(self) -> int:
        """The others have had their turn."""
        self._reading = False
        return self._pump()

    def _read(self, events: Page) -> None:
        """A page has come from the store."""
        self._reading = False
        if self.reader is None or self._paused:
            return  # `resume` reads it again: a page that waits would be a queue
        if events is None:
            self.reader.failed(self)
        elif isinstance(events, DamagedEvents):
            self._announced = False
            self.start_with_reset(self.channel.skipped(min(events.last, self.channel.head)))
        elif events and events[0].seq == self._seq + 1:
            # A reading thread can be quicker than the word of the commit: what is newer than the head comes with that.
            events = events[: self.channel.head - self._seq]
            self._seq = events[-1].seq
            began = self._bill.began()
            data = self.encoder.events(self.channel, events)
            self.sink.write(data)
            self._bill.charge(began, len(data))
            self._pump()
        else:
            # The log was trimmed under a reader that was too slow for the retention horizon.
            if events:
                self.channel.trim(events[0].seq)
            self._announced = False
            self.start_with_reset(self.channel.reset("below_retention"))
