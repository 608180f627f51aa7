"""The queries behind the reading half of the Store port: one step of SQLite each, verified before they leave."""

from __future__ import annotations

import apsw

from parlour.chat.ports import RoomSummary
from parlour.core.event import Log, Stored
from parlour.store.encoding import at_text
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.rows import BadRow, parse_page, room_crc


def log(connection: apsw.Connection, room: str) -> Log:
    """See `Store.log`."""
    row = connection.execute(sql.FIND_ROOM, (room,)).get
    return Log(1, 0) if row is None else Log(row[1], row[2] & sql.SEQ_MASK)


def after(connection: apsw.Connection, epoch: str, room: str, seq: int, limit: int, max_bytes: int) -> list[Stored]:
    """See `Store.after`. Raises BadRow."""
    first_seq, lines = connection.execute(sql.PAGE_AFTER, (room, seq, limit, max_bytes)).get
    events = parse_page(lines, room, room_crc(epoch, room))
    if events and events[0].seq != (expected := max(seq + 1, first_seq)):
        raise BadRow(room, expected, "it is missing")
    return events


def before(connection: apsw.Connection, epoch: str, room: str, seq: int, limit: int, max_bytes: int) -> list[Stored]:
    """See `Store.before`. Raises BadRow."""
    _, lines = connection.execute(sql.PAGE_BEFORE, (room, seq, limit, max_bytes)).get
    return parse_page(lines, room, room_crc(epoch, room))


def rooms(connection: apsw.Connection, limit: int) -> list[RoomSummary]:
    """See `Store.rooms`."""
    return [
        RoomSummary(name, Log(first_seq, head), at_text(at_ms))
        for name, first_seq, head, at_ms in connection.execute(sql.ROOMS, (limit,))
    ]
