"""The reading half of the Store port as values: each is one step of SQLite, verified before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from parlour.chat.ports import RoomSummary
from parlour.core.event import Log, Stored
from parlour.store.encoding import at_text
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.rows import BadRow, checksum, room_crc


@dataclass(frozen=True, slots=True)
class LogOf:
    """See `Store.log`."""

    room: str

    def run(self, connection: apsw.Connection) -> Log:
        """The extent of the log."""
        row = connection.execute(sql.FIND_ROOM, (self.room,)).get
        return Log(1, 0) if row is None else Log(row[1], row[2] & sql.SEQ_MASK)


@dataclass(frozen=True, slots=True)
class After:
    """See `Store.after`; `seq` is not negative."""

    epoch: str
    room: str
    seq: int
    limit: int
    max_bytes: int

    def run(self, connection: apsw.Connection) -> list[Stored]:
        """The events, oldest first. Raises BadRow."""
        row = connection.execute(sql.PAGE_AFTER, (self.room, self.seq, self.limit, self.max_bytes)).get
        if row is None:
            return []
        number, first, newest, found, lines = row
        oldest = max(self.seq + 1, first)
        wanted = min(self.limit, (newest & sql.SEQ_MASK) - oldest + 1)
        if wanted <= 0:
            return []
        events = _parse(lines, room_crc(self.epoch, self.room))
        if events is None or found != wanted or events[0].seq != oldest:
            raise _first_bad_row(connection, self.epoch, self.room, number, range(oldest, oldest + wanted))
        return events


@dataclass(frozen=True, slots=True)
class Before:
    """See `Store.before`; `seq` is not negative."""

    epoch: str
    room: str
    seq: int
    limit: int
    max_bytes: int

    def run(self, connection: apsw.Connection) -> list[Stored]:
        """The events, oldest first. Raises BadRow."""
        row = connection.execute(sql.PAGE_BEFORE, (self.room, self.seq, self.limit, self.max_bytes)).get
        if row is None:
            return []
        number, first, newest, found, lines = row
        end = min(self.seq, (newest & sql.SEQ_MASK) + 1)
        wanted = min(self.limit, end - first)
        if wanted <= 0:
            return []
        events = _parse(lines, room_crc(self.epoch, self.room))
        if events is None or found != wanted or events[-1].seq != end - 1:
            raise _first_bad_row(connection, self.epoch, self.room, number, range(end - wanted, end))
        return events


@dataclass(frozen=True, slots=True)
class Rooms:
    """See `Store.rooms`."""

    limit: int

    def run(self, connection: apsw.Connection) -> list[RoomSummary]:
        """The rooms, most recently active first."""
        return [
            RoomSummary(name, Log(first_seq, head), at_text(at_ms))
            for name, first_seq, head, at_ms in connection.execute(sql.ROOMS, (self.limit,))
        ]


def _parse(lines: bytes | None, start: int) -> list[Stored] | None:
    """Events from "seq checksum body" lines; None if any is damaged or they are not consecutive."""
    if lines is None:
        return None
    events = []
    last = 0
    for line in lines.split(b"\n"):
        try:
            number, crc, body = line.split(b" ", 2)
            seq = int(number)
            if int(crc) != checksum(start, seq, body) or (last and seq != last + 1):
                return None
        except ValueError:
            return None
        events.append(Stored(seq, body))
        last = seq
    return events


def _first_bad_row(connection: apsw.Connection, epoch: str, room: str, number: int, seqs: Sequence[int]) -> BadRow:
    """Look at the rows of a page that did not verify one by one, to name what is wrong with it."""
    start = room_crc(epoch, room)
    for seq in seqs:
        row = connection.execute(sql.ONE_EVENT, ((number << sql.SEQ_BITS) | seq,)).get
        if row is None:
            return BadRow(room, seq, "it is missing")
        if row[0] != checksum(start, seq, row[1]):
            return BadRow(room, seq, "its checksum does not match")
    return BadRow(room, seqs[0], "the page that begins with it does not verify")
