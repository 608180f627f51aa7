"""The changes of a transaction, as its row in the log of commits has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TypeAlias

import msgspec

from parlour.schema.json_line import encode
from parlour.store.changes import Changes


class Kind(IntEnum):
    """The kinds of changes of events."""

    ADDED = 0
    REPLACED = 1
    TRIMMED = 2
    """Those before the first seq of the range are gone."""


Range: TypeAlias = tuple[int, int, int, Kind]
"""The number of a room, the first and the last seq, and what has become of them."""

read_ranges = msgspec.json.Decoder(list[Range]).decode


def ranges_of(changes: Changes, number_of: Callable[[str], int]) -> bytes:
    """The ranges as JSON; `number_of` gives the number of a room."""
    ranges = [(number_of(name), events[0].seq, events[-1].seq, Kind.ADDED) for name, events in changes.added.items()]
    ranges += [(number_of(name), event.seq, event.seq, Kind.REPLACED) for name, event in changes.redacted]
    ranges += [(number_of(name), first_seq, first_seq, Kind.TRIMMED) for name, first_seq in changes.trimmed]
    return text_of(ranges)


def text_of(ranges: Iterable[Range]) -> bytes:
    """Ranges as JSON."""
    return encode(list(ranges))
