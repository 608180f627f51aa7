"""Finds events that are missing or not what was stored, one room at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import apsw

from parlour.schema.event_json import at_text
from parlour.schema.events import decode_event
from parlour.store.rules import HOUR_MS
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.checksums import checksum, room_crc

RECENT_ROOMS = 100
RECENT_EVENTS = 200
"""What a start looks at after an unclean end: some tens of milliseconds of work, where the last writes went."""


class Problem(NamedTuple):
    """Something wrong with the data; `room` and `seq` say where, if it has a place."""

    what: str
    room: str | None = None
    seq: int | None = None

    def __str__(self) -> str:
        place = "" if self.room is None else f"room {self.room}, event {self.seq}: "
        return place + self.what


class RoomRow(NamedTuple):
    """A room as its row and its newest event's id have it (0 if it has none)."""

    number: int
    name: str
    first_seq: int
    newest: int


_Row = tuple[int, int, str, str | None, bytes, int, str, int | None]


def recent_rooms(connection: apsw.Connection) -> list[RoomRow]:
    """The RECENT_ROOMS that were active last, the last one first. Raises apsw.Error."""
    rooms = connection.execute(sql.RECENT_ROOMS, (RECENT_ROOMS,)).fetchall()
    return [RoomRow._make(row) for row in cast("list[tuple[int, str, int, int]]", rooms)]


def recent_problems(connection: apsw.Connection, seed: str, rooms: Sequence[RoomRow]) -> Iterator[Problem]:
    """Verify the last RECENT_EVENTS of each of these rooms. Raises apsw.Error."""
    for room in rooms:
        yield from room_problems(connection, seed, room, (room.newest & sql.SEQ_MASK) - RECENT_EVENTS + 1)


def room_problems(connection: apsw.Connection, seed: str, room: RoomRow, from_seq: int = 0) -> Iterator[Problem]:
    """Verify the events from `from_seq` to the newest: density, checksums, columns, times. Raises apsw.Error."""
    if not (isinstance(room.name, str) and isinstance(room.first_seq, int)):  # STRICT holds for what is written only
        yield Problem("the row of the room is damaged", str(room.name), 0)
        return
    from_seq = max(from_seq, room.first_seq)
    base = room.number << sql.SEQ_BITS
    start = room_crc(seed, room.name)
    expected, latest = from_seq, 0
    for row in connection.execute(sql.EVENTS_FROM, (base | from_seq, room.newest)):
        event_id, at_ms, author, key, body, crc, name, ref = cast("_Row", row)
        seq = event_id & sql.SEQ_MASK
        if seq > expected:
            yield Problem(_missing(expected, seq - 1), room.name, expected)
        if crc != checksum(start, seq, body):
            yield Problem("its checksum does not match", room.name, seq)
        elif not _agree((room.name, seq, name, author, ref, key), at_ms, body):
            yield Problem("its columns differ from its text", room.name, seq)
        elif at_ms < latest <= at_ms + HOUR_MS:  # by more: the clock was set right
            yield Problem("its time is before that of the event before it", room.name, seq)
        else:
            latest = at_ms
        expected = seq + 1
    if not room.newest:
        yield Problem("the room has no events", room.name, room.first_seq)


def _missing(first: int, last: int) -> str:
    return "it is missing" if first == last else f"it is missing, and all to event {last}"


def _agree(columns: tuple[object, ...], at_ms: int, body: bytes) -> bool:
    try:
        event = decode_event(body)
        at = at_text(at_ms)
    except (TypeError, ValueError, OverflowError):  # no event, or no time there ever was
        return False
    return (event.room, event.seq, event.type, event.by.id, event.ref, event.key) == columns and event.at == at
