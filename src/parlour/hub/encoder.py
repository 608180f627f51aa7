"""What the hub asks of a transport: the bytes of events and control items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from parlour.core.event import Stored
from parlour.schema.events import Control


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The bytes of one transport. Readers with the same object share encoded bytes: they form a group."""

    events: Callable[[str, str, Sequence[Stored]], bytes]
    """Of a room and an epoch, and at least one event of that log; the events are consecutive."""
    control: Callable[[Control], bytes]
    """Of an item without a seq; empty where this transport does not show it."""
    is_shared: bool = True
    """False where the bytes belong to one connection and encoding them changes its state."""
    is_costly: bool = False
    """Whether encoding can take longer than writing, so that its bytes have to be counted."""
