"""The reading half of the Store port as values: each is one step of SQLite, verified before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from sys import intern
from typing import cast

import apsw

from parlour.core.event import Log, Policy, Stored
from parlour.core.payloads import Access
from parlour.store.recent import RoomHead
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.rows import BadRows, checksum, room_crc


@dataclass(frozen=True, slots=True)
class LogOf:
    """See `Store.log`."""

    room: str

    def run(self, connection: apsw.Connection) -> Log:
        """The extent of the log."""
        row = connection.execute(sql.FIND_ROOM, (self.room,)).get
        if row is None:
            return Log(1, 0)
        _, first_seq, newest, policy_seq, access = row
        return Log(first_seq, newest & sql.SEQ_MASK, Policy(policy_seq, access))


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

    def run(self, connection: apsw.Connection) -> list[RoomHead]:
        """The rooms, most recently active first."""
        rows = connection.execute(sql.ROOMS, (self.limit,)).fetchall()
        return [
            RoomHead(*row[:4], Policy(*row[4:])) for row in cast("list[tuple[str, int, int, int, int, Access]]", rows)
        ]


def _page(
    connection: apsw.Connection, statement: str, arguments: tuple[str, int, int, int]
) -> tuple[int, int, int, int, bytes | None] | None:
    """The one row of a page; without events in it where SQLite finds the file damaged, None for no such room."""
    try:
        row: tuple[int, int, int, int, bytes | None] | None = connection.execute(statement, arguments).get
    except apsw.CorruptError:
        room = connection.execute(sql.FIND_ROOM, arguments[:1]).get
        return None if room is None else (*room[:3], 0, None)
    return row


def _parse(lines: bytes | None, start: int) -> list[Stored] | None:
    """Events from "seq checksum type ref body" lines; None if any is damaged or they are not consecutive."""
    if lines is None:
        return None
    events = []
    last = 0
    for line in lines.split(b"\n"):
        try:
            number, crc, name, ref, body = line.split(b" ", 4)
            seq = int(number)
            if int(crc) != checksum(start, seq, body) or (last and seq != last + 1):
                return None
        except ValueError:
            return None
        events.append(Stored(seq, body, intern(str(name, "ascii")), int(ref) if ref else None))
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
        found = _row(connection, start, number, seq)
        if isinstance(found, str):
            what = what or found
            bad.append(seq)
            continue
        total += len(found.json)
        if bad or (total > page.max_bytes and good):
            break
        good.append(found)
    good.sort()
    if bad:
        raise BadRows(page.room, min(bad), max(bad), what, good)
    return good


def _row(connection: apsw.Connection, start: int, number: int, seq: int) -> Stored | str:
    """An event, or what is wrong with it."""
    try:
        row = connection.execute(sql.ONE_EVENT, ((number << sql.SEQ_BITS) | seq,)).get
    except apsw.CorruptError:
        return "it cannot be read"
    if row is None:
        return "it is missing"
    crc, body, name, ref = row
    return Stored(seq, body, name, ref) if crc == checksum(start, seq, body) else "its checksum does not match"
