"""A reader of a room within the hub that writes down what it is given: the seqs, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.subscription import Encoder, Subscription
from parlour.schema.events import Control, Reset


class Recorder:
    """Sink and session of one subscription, which it makes when it enters.

    `room` is how many writes it takes before its buffer is full; a write that has the event `breaks_at` fails. As a
    connection does, it ends when it cannot be served.
    """

    descriptor = -1

    def __init__(self, room: int = 1_000_000, breaks_at: int = 0) -> None:
        self.seqs: list[int] = []
        self.notes: list[str] = []
        self.subscription: Subscription | None = None
        self.room = room
        self._breaks_at = breaks_at

    def enter(self, channel: Channel, since: int, *, encoder: Encoder | None = None, paused: bool = False) -> Recorder:
        """Subscribe; `paused` is a reader whose buffer is full from the beginning."""
        self.subscription = Subscription(channel, encoder or NUMBERS, self, self)
        if paused:
            self.subscription.pause()
        self.subscription.start(since)
        return self

    def write(self, data: bytes) -> None:
        seqs = [int(seq) for seq in data.split()]
        if self._breaks_at in seqs:
            raise RuntimeError("broken on purpose")
        self.seqs += seqs
        self.room -= 1
        if self.room <= 0 and self.subscription is not None:
            self.subscription.pause()

    def drained(self, room: int) -> None:
        """Take so many writes more."""
        self.room = room
        assert self.subscription is not None
        self.subscription.resume()

    def caught_up(self, subscription: Subscription) -> None:
        self.notes.append(f"caught_up {subscription.channel.head}")

    def reset(self, subscription: Subscription, reset: Reset) -> None:
        self.notes.append(f"reset {reset.reason}")

    def failed(self, subscription: Subscription) -> None:
        self.notes.append("failed")
        subscription.close()


def encode_seqs(_channel: Channel, events: Sequence[Stored]) -> bytes:
    """Events as their numbers."""
    return b" ".join(b"%d" % event.seq for event in events) + b" "


def encode_nothing(_item: Control) -> bytes:
    """No control item is shown in the bytes: a recorder is told of them by its methods."""
    return b""


NUMBERS = Encoder(encode_seqs, encode_nothing)
