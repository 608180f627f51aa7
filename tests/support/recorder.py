"""A reader of a room within the hub that records the seqs and control items it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.hub.reader import Reader
from parlour.schema.events import Control, Reset
from tests.support.nobody import ANYBODY, FREE, everything


class Recorder(Reader):
    """A reader that is its own sink.

    `takes` is how many writes it takes before its buffer is full; a write that has the event `breaks_at` fails. As a
    connection does, it ends when it cannot be served.
    """

    descriptor = -1

    def __init__(self, hub: Hub, takes: int = 1_000_000, *, encoder: Encoder | None = None, breaks_at: int = 0) -> None:
        super().__init__(hub, encoder or NUMBERS, FREE, ANYBODY, everything)
        self.sink = self
        self.seqs: list[int] = []
        self.notes: list[str] = []
        self.why = ""  # the code with which a room was closed
        self.takes = takes
        self._breaks_at = breaks_at

    async def follow(self, since: int, room: str = "lobby") -> Self:
        """Open a room and read it after this seq."""
        self.enter(await self.hub.open(room)).start(since)
        return self

    def write(self, data: bytes) -> None:
        seqs = [int(seq) for seq in data.split()]
        if self._breaks_at in seqs:
            raise RuntimeError("broken on purpose")
        self.seqs += seqs
        self.takes -= 1
        if self.takes <= 0:
            self.pause()

    def drained(self, takes: int) -> None:
        """Take so many writes more."""
        self.takes = takes
        self.resume()

    def caught_up(self, channel: Channel) -> None:
        self.notes.append(f"caught_up {channel.head}")

    def reset(self, reset: Reset) -> None:
        self.notes.append(f"reset {reset.reason}")

    def room_closed(self, room: str, refusal: Refusal) -> None:
        self.notes.append(f"closed {room}")
        self.why = refusal.code

    def failed(self) -> None:
        self.notes.append("failed")
        self.close()


def encode_seqs(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
    """Events as their numbers."""
    return b" ".join(b"%d" % event.seq for event in events) + b" "


def encode_nothing(_item: Control) -> bytes:
    """Control items are not encoded into bytes: a recorder gets them through its methods."""
    return b""


NUMBERS = Encoder(encode_seqs, encode_nothing)
