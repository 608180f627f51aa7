"""The reading half of the Store port as values: each is one step of SQLite, verified before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import apsw

from parlour.core.event import Log, Stored
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.recent import Tip
from parlour.store.sqlite.rows import BadRows, checksum, room_crc


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

    seed: str
    room: str
    seq: int
    limit: int
    max_bytes: int

    def run(self, connection: apsw.Connection) -> list[Stored]:
        """The events, oldest first. Raises BadRows."""
        row = _page(connection, sql.PAGE_AFTER, (self.room, self.seq, self.limit, self.max_bytes))
        if row is None:
            return []
        number, first, newest, found, lines = row
        oldest = max(self.seq + 1, first)
        wanted = min(self.limit, (newest & sql.SEQ_MASK) - oldest + 1)
        if wanted <= 0:
            return []
        events = _parse(lines, room_crc(self.seed, self.room))
        if events is None or found != wanted or events[0].seq != oldest:
            return _salvage(connection, self, number, range(oldest, oldest + wanted))
        return events


@dataclass(frozen=True, slots=True)
class Before:
    """See `Store.before`; `seq` is not negative."""

    seed: str
    room: str
    seq: int
    limit: int
    max_bytes: int

    def run(self, connection: apsw.Connection) -> list[Stored]:
        """The events, oldest first. Raises BadRows."""
        row = _page(connection, sql.PAGE_BEFORE, (self.room, self.seq, self.limit, self.max_bytes))
        if row is None:
            return []
        number, first, newest, found, lines = row
        end = min(self.seq, (newest & sql.SEQ_MASK) + 1)
        wanted = min(self.limit, end - first)
        if wanted <= 0:
            return []
        events = _parse(lines, room_crc(self.seed, self.room))
        if events is None or found != wanted or events[-1].seq != end - 1:
            return _salvage(connection, self, number, range(end - 1, end - wanted - 1, -1))
        return events


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms with the newest events; a look at every room there is."""

    limit: int

    def run(self, connection: apsw.Connection) -> list[Tip]:
        """The rooms, most recently active first."""
        rows = connection.execute(sql.ROOMS, (self.limit,)).fetchall()
        return [Tip._make(row) for row in cast("list[tuple[str, int, int, int]]", rows)]


def _page(
    connection: apsw.Connection, statement: str, arguments: tuple[str, int, int, int]
) -> tuple[int, int, int, int, bytes | None] | None:
    """The one row of a page; without events in it where SQLite finds the file damaged, None for no such room."""
    try:
        row: tuple[int, int, int, int, bytes | None] | None = connection.execute(statement, arguments).get
    except apsw.CorruptError:
        row = connection.execute(sql.FIND_ROOM, arguments[:1]).get
        return None if row is None else (*row[:3], 0, None)
    return row


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


def _salvage(connection: apsw.Connection, page: After | Before, number: int, seqs: Sequence[int]) -> list[Stored]:
    """Read a page that did not verify row by row, in the order of `seqs`, up to the first bad ones.

    Gives the events, oldest first, if the limit of bytes comes before any bad one. Raises BadRows.
    """
    start = room_crc(page.seed, page.room)
    good: list[Stored] = []
    bad: list[int] = []
    what, total = "", 0
    for seq in seqs:
        body, wrong = _row(connection, start, number, seq)
        total += len(body)
        if wrong:
            what = what or wrong
            bad.append(seq)
        elif bad or (total > page.max_bytes and good):
            break
        else:
            good.append(Stored(seq, body))
    good.sort()
    if bad:
        raise BadRows(page.room, min(bad), max(bad), what, good)
    return good


def _row(connection: apsw.Connection, start: int, number: int, seq: int) -> tuple[bytes, str]:
    """The JSON of an event and what is wrong with it; then it is empty."""
    try:
        row = connection.execute(sql.ONE_EVENT, ((number << sql.SEQ_BITS) | seq,)).get
    except apsw.CorruptError:
        return b"", "it cannot be read"
    if row is None:
        return b"", "it is missing"
    crc, body = row
    return (body, "") if crc == checksum(start, seq, body) else (b"", "its checksum does not match")
