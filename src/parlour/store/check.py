"""The parts of a check of stored data, and its report, whichever engine has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from parlour.core.event import Stored
from parlour.core.payloads import PAYLOADS
from parlour.schema.event_json import at_text, payload_of
from parlour.schema.events import decode_head
from parlour.store.checksums import checksum, room_crc
from parlour.store.rules import SET_RIGHT_MS

_SEQ_MASK = (1 << 36) - 1
"""Of an event's id, on both engines."""

Text: TypeAlias = str | bytes | None
"""Of a column; in bytes where damage may have left what is no text."""

EventRow: TypeAlias = tuple[int, int, Text, Text, bytes, int, Text, int | None]
"""id, at_ms, author, key, body, checksum, type, ref."""


class Problem(NamedTuple):
    """Something wrong with the data; `room` and `seq` say where, if it has a place."""

    what: str
    room: str | None = None
    seq: int | None = None

    def __str__(self) -> str:
        place = "" if self.room is None else f"room {self.room}, event {self.seq}: "
        return place + self.what


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `database` is a path or an address; `facts` are as the engine reports them; `problems` are in
    the order of rooms and seqs.

    The log of the server is checked like a room's; `events` has its events, `rooms` does not count it.
    """

    database: str
    epoch: str
    schema: int
    rooms: int
    events: int
    facts: dict[str, int | str]
    problems: list[Problem]

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class LogCheck:
    """Verifies the events of one room, given in the order of their seqs: density, checksums, columns, times.

    `newest_ms` is the time of the last one that was right.
    """

    def __init__(self, seed: str, room: str, first_seq: int) -> None:
        """`seed` is what checksums start from; the events are those from `first_seq` on."""
        self._room = room
        self._start = room_crc(seed, room)
        self._expected = first_seq
        self.newest_ms = 0

    def problems(self, rows: Iterable[EventRow]) -> Iterator[Problem]:
        """The problems of the next events."""
        for event_id, at_ms, author, key, body, crc, name, ref in rows:
            seq = event_id & _SEQ_MASK
            yield from self.missing(seq - 1)
            columns = (self._room, seq, _text(name), _text(author), ref, _text(key))
            if crc != checksum(self._start, seq, body):
                yield Problem("its checksum does not match", self._room, seq)
            elif not _agree(columns, at_ms, body):
                yield Problem("its columns differ from its text", self._room, seq)
            elif at_ms < self.newest_ms <= at_ms + SET_RIGHT_MS:  # by more: the clock was set right
                yield Problem("its time is before that of the event before it", self._room, seq)
            else:
                self.newest_ms = at_ms
            self._expected = seq + 1

    def missing(self, last: int) -> Iterator[Problem]:
        """The events that should have come up to the seq `last` and have not."""
        if last >= self._expected:
            others = f", and all to event {last}" if last > self._expected else ""
            yield Problem(f"it is missing{others}", self._room, self._expected)


def _text(column: Text) -> str | None:
    return column.decode(errors="replace") if isinstance(column, bytes) else column


def _agree(columns: tuple[object, ...], at_ms: int, body: bytes) -> bool:
    try:
        event = decode_head(body)
        if event.type in PAYLOADS:  # one of a later version is not read
            payload_of(Stored(event.seq, body, event.type))
        at = at_text(at_ms)
    except (TypeError, ValueError, OverflowError):  # no event, or no time there ever was
        return False
    return (event.room, event.seq, event.type, event.by.id, event.ref, event.key) == columns and event.at == at
