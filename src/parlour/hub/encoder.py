"""The bytes of events and control items on a transport, made when they are written, and once for all who share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from parlour.core.event import Stored
from parlour.schema.event_json import of_under_name, under_name
from parlour.schema.events import Control, item_under_name


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The bytes of one transport. Readers with the same object share encoded bytes."""

    events: Callable[[str, str, Sequence[Stored]], bytes]
    """Of a room and an epoch, and at least one event of that log; the events are consecutive."""
    control: Callable[[Control], bytes]
    """Of an item without a seq; empty where this transport does not show it."""
    is_shared: bool = True
    """False where the bytes belong to one connection and encoding them changes its state."""
    is_costly: bool = False
    """Whether encoding can take longer than writing, so that its bytes have to be counted."""


@lru_cache(maxsize=4096)
def of_account(encoder: Encoder, account: str, address: Callable[[str | None, str], str]) -> Encoder:
    """The same transport for the log of an account, which calls rooms as `address` says: for all its devices."""

    def events(room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        return encoder.events(room, epoch, [of_under_name(event, partial(address, account)) for event in events])

    return Encoder(events, encoder.control, encoder.is_shared, encoder.is_costly)


@lru_cache(maxsize=4096)
def renamed(encoder: Encoder, room: str, name: str) -> Encoder:
    """The same transport for readers who know a room by another name; all who know it by that one share bytes."""

    def events(_room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        return encoder.events(name, epoch, [under_name(event, room, name) for event in events])

    def control(item: Control) -> bytes:
        return encoder.control(item_under_name(item, room, name))

    return Encoder(events, control, encoder.is_shared, encoder.is_costly)


class Delivery:
    """Consecutive events of a room that follow the seq `since`; or one item without a seq, then without events.

    Shared bytes are made for their first reader and kept. Bytes of one connection are made each time, and must be asked
    for in the order in which they are written.
    """

    __slots__ = ("_encode", "_encoded", "events", "since")

    def __init__(self, since: int, encode: Callable[[Encoder], bytes], events: Sequence[Stored] = ()) -> None:
        self.since = since
        self.events = events
        self._encode = encode
        self._encoded: dict[Encoder, bytes] = {}

    def data(self, encoder: Encoder) -> bytes:
        """The bytes in an encoding; empty where it does not show this. Raises what the encoder raises."""
        data = self._encoded.get(encoder)
        if data is None:
            data = self._encode(encoder)
            if encoder.is_shared:
                self._encoded[encoder] = data
        return data
