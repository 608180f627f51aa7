"""What every open stream does alike: take its places in rooms, wait while the peer is slow, beat, say bye."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from parlour.chat.reading import FREE, Bill, Place
from parlour.core.actor import Actor, guest
from parlour.core.cursor import Cursor
from parlour.http.session import Sink
from parlour.hub.channel import Channel
from parlour.hub.hub import Hub
from parlour.hub.subscription import Encoder, Subscription
from parlour.schema.events import Bye, CaughtUp, Control, Heartbeat, Reset

LOOKS = 2
"""How often it is looked at what a slow peer takes while it may take nothing: more often is a better guess at when it
took something last, which may have been right after the one look and is not seen before the next."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a reader begins: after `cursor`, or (without one) with the last `tail` events."""

    cursor: Cursor | None = None
    tail: int = 0


class Client(NamedTuple):
    """For whom a session is: the actor, the bill of its address, and what it takes of those that may be open."""

    actor: Actor
    bill: Bill
    place: Place


NOBODY = Client(guest(None, ""), FREE, Place(None, ""))
"""A guest whose address is counted nowhere."""


class LiveSession:
    """A `Session` that reads rooms, and the `Reader` of its subscriptions.

    `starts` are opened channels (`Hub.open`); the session releases them, and gives back the place of its address. While
    the peer does not take its bytes every subscription stands still with a cursor; a peer that takes nothing for
    `stalled_s` is let go.
    """

    __slots__ = (
        "_kept", "_looks", "_places", "_starts", "_stuck_at", "actor", "bill", "encoder", "hub", "paused_by_peer",
        "pulse_s", "sink", "stalled_s",
    )  # fmt: skip

    def __init__(
        self,
        hub: Hub,
        encoder: Encoder,
        starts: Sequence[tuple[Channel, Start]],
        client: Client,
        *,
        pulse_s: float,
        stalled_s: float,
    ) -> None:
        self.actor, self.bill, self._kept = client
        self.hub = hub
        self.encoder = encoder
        self.pulse_s = pulse_s
        self.stalled_s = stalled_s
        self.sink: Sink | None = None
        self.paused_by_peer = False
        self._starts: Sequence[tuple[Channel, Start]] = starts
        self._places: tuple[Subscription, ...] = ()
        self._stuck_at = self._looks = 0

    # --- Session ---

    def started(self, sink: Sink) -> None:
        """Subscribe to every room, then replay, then live."""
        self.sink = sink
        # The first beat comes early by chance, or all who come back after a restart would beat in the same second.
        sink.wake_in(self.pulse_s * (0.25 + 0.75 * random.random()))  # noqa: S311  (no secret)
        while self._starts:  # `closed` lets go of those that are left, if the first writes end it all
            (channel, start), *self._starts = self._starts
            self.enter(channel, start)

    def received(self, data: bytes) -> None:
        """A stream's peer has nothing to say."""

    def ended(self) -> None:
        """The peer has closed its side, and no more is heard of it: clients of a stream do that when they go."""
        if self.sink is not None:
            self.sink.close()

    def paused(self) -> None:
        """The peer does not take its bytes: stand still."""
        self.paused_by_peer = True
        for place in self._places:
            place.pause()
        if self.sink is not None:
            self._look_again(self.sink.buffered())

    def resumed(self) -> None:
        """The peer has drained its buffer: catch up."""
        self.paused_by_peer = False
        if self.sink is not None:
            self.sink.wake_in(self.pulse_s)
        for place in self._places:
            if self.paused_by_peer:
                break
            place.resume()

    def wake(self) -> None:
        """Time for a sign of life; or to see whether a slow peer has taken anything since the last look."""
        if self.sink is None:
            return
        if not self.paused_by_peer:
            self.beat()
            return
        buffered = self.sink.buffered()
        self._looks += 1
        if buffered < self._stuck_at:
            self._look_again(buffered)
        elif self._looks < LOOKS:
            self.sink.wake_in(self.stalled_s / LOOKS)
        else:
            self.give_up()

    def _look_again(self, buffered: int) -> None:
        """The peer has taken something until just now: begin to count anew."""
        assert self.sink is not None
        self._stuck_at, self._looks = buffered, 0
        self.sink.wake_in(self.stalled_s / LOOKS)

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down."""
        self.part(reconnect_after_ms, "the server is restarting")

    def closed(self) -> None:
        """The connection is gone."""
        self.sink = None
        self._kept.leave()
        for channel, _ in self._starts:
            channel.release()
        self._starts = ()
        places, self._places = self._places, ()
        for place in places:
            place.close()

    # --- Reader ---

    def caught_up(self, subscription: Subscription) -> None:
        """Tell the peer that it is live."""
        channel = subscription.channel
        self.show(CaughtUp(channel.room, channel.cursor))

    def reset(self, subscription: Subscription, reset: Reset) -> None:
        """Tell the peer that its cursor is of no use."""
        self.show(reset)

    def failed(self, subscription: Subscription) -> None:
        """The log cannot be read now, or an event not be shown: the peer comes back with its cursor."""
        try:
            self.part(1000, "the log cannot be read now")
        except Exception:  # it may be the writing that fails; that has been logged
            if self.sink is not None:
                self.sink.abort()

    # --- for the transports ---

    def enter(self, channel: Channel, start: Start, first: bytes = b"") -> None:
        """Take a place in an opened room, and write `first` ahead of what comes from there."""
        assert self.sink is not None
        place = Subscription(channel, self.encoder, self.sink, self, self.bill)
        self._places = (*self._places, place)
        if self.paused_by_peer:
            place.pause()
        if first:
            self.write(first)
        cursor = start.cursor
        if cursor is None:
            place.start(max(channel.first_seq - 1, channel.head - start.tail))
        elif (reason := channel.gap(cursor)) is not None:
            place.start_with_reset(channel.reset(reason))
        else:
            place.start(cursor.seq)

    def leave(self, room: str) -> bool:
        """Give up the place in a room; False when there is none."""
        for place in self._places:
            if place.channel.room == room:
                self._places = tuple([other for other in self._places if other is not place])
                place.close()
                return True
        return False

    def place(self, room: str) -> Subscription | None:
        """The place in a room, if there is one."""
        for place in self._places:
            if place.channel.room == room:
                return place
        return None

    @property
    def rooms(self) -> int:
        """How many rooms are being read."""
        return len(self._places)

    def show(self, item: Control) -> None:
        """Write a control item."""
        data = self.encoder.control(item)
        if data:
            self.write(data)

    def write(self, data: bytes) -> None:
        """Write behind everything that the rooms have handed out."""
        for place in self._places:
            place.settle()
        if self.sink is not None:
            self.sink.write(data)

    def heartbeat(self) -> Heartbeat:
        """How far each room has come: a reader that is behind knows it."""
        return Heartbeat({place.channel.room: place.channel.head for place in self._places})

    def beat(self) -> None:
        """Write a sign of life and ask for the next turn."""
        if self.sink is not None:
            self.sink.wake_in(self.pulse_s)
            self.show(self.heartbeat())

    def part(self, reconnect_after_ms: int, reason: str) -> None:
        """Say bye and end the stream; `reason` is for people, where the transport has a place for it."""
        if self.sink is not None:
            self.show(Bye(reconnect_after_ms))
            self.finish()

    def finish(self) -> None:
        """End the stream in good order."""
        if self.sink is not None:
            self.sink.close()

    def give_up(self) -> None:
        """The peer has taken nothing for too long; it can resume with its cursor."""
        if self.sink is not None:
            self.sink.abort()
