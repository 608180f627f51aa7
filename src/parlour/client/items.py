"""Reading an NDJSON stream: bytes to lines, lines to events and control items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from parlour.core.event import Author
from parlour.schema.events import Control, Event, decode_event

MAX_LINE_BYTES = 1024 * 1024
"""A text of 16 KiB is at most 96 KiB of JSON; ten times that is no line but a fault, or an attack."""

Item = Event | Control


class _Head(msgspec.Struct):
    type: str
    seq: int | None = None
    room: str = ""


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_control: Callable[[bytes], Control] = msgspec.json.Decoder(Control).decode


class Line(NamedTuple):
    """One line of the stream: its bytes without the line break, and what they say."""

    raw: bytes
    item: Item


class LineReader:
    """Cuts a stream into lines, wherever the network has cut it before."""

    __slots__ = ("_begun", "_size")

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Line]:
        """Give the lines that are complete now. Raises ValueError for a line that is too long or not JSON."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._begun, lines[0]])
            self._begun, self._size = [], 0
        self._begun.append(rest)  # joined only when its end has come, or a slow line would cost its square
        self._size += len(rest)
        if self._size > MAX_LINE_BYTES:
            raise ValueError(f"the server sent a line of more than {MAX_LINE_BYTES} bytes")
        for raw in lines:
            if raw.strip():
                item = decode_item(raw)
                if item is not None:
                    yield Line(raw, item)


def decode_item(raw: bytes) -> Item | None:
    """Read one line; None for a control item of a kind that is not known here (docs/protocol.md#event).

    An event whose content cannot be understood, because the server is newer, keeps its place in the log: it is given
    without text and with an empty author. Raises ValueError for what is not JSON or has no type.
    """
    try:
        head = _decode_head(raw)
    except msgspec.ValidationError as exc:
        raise ValueError("the server sent an item without a type") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ValueError("the server sent a line that is not JSON") from exc
    try:
        return _decode_control(raw) if head.seq is None else decode_event(raw)
    except msgspec.ValidationError:
        return None if head.seq is None else Event(head.room, head.seq, head.type, "", Author("", "", "system"))
    except (msgspec.DecodeError, RecursionError) as exc:  # nested deeper than the head was looked at
        raise ValueError("the server sent a line that is not JSON") from exc
