"""How SQLite carries out the steps of `chat/transactions.py`, but for those on the logs of rooms (`batch.py`)."""

from __future__ import annotations

import logging
from typing import cast

import apsw
import msgspec

from parlour.chat.transactions import CommitsAfter, Committed, GetCursor, NoteOldest, SetCursor
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.rows import checksum, room_crc

_log = logging.getLogger("parlour.store")

_decode_ranges = msgspec.json.Decoder(list[tuple[int, int, int]]).decode

TableStep = CommitsAfter | GetCursor | SetCursor | NoteOldest


def perform(connection: apsw.Connection, seed: str, now_ms: int, step: TableStep) -> object:
    """Carry out one step. Raises apsw.Error."""
    match step:
        case CommitsAfter():
            return _commits_after(connection, room_crc(seed, ""), step)
        case GetCursor(follower):
            return connection.execute(sql.GET_CURSOR, (follower,)).get
        case SetCursor(follower, None):
            connection.execute(sql.DROP_CURSOR, (follower,))
        case SetCursor(follower, position):
            connection.execute(sql.SET_CURSOR, (follower, position))
        case NoteOldest(room):
            connection.execute(sql.NOTE_OLDEST, (now_ms, room))
    return None


def _commits_after(connection: apsw.Connection, start: int, step: CommitsAfter) -> list[Committed]:
    """The commits, each with the names of its rooms; one that is damaged is logged, and has changed nothing."""
    found = []
    rows = connection.execute(sql.COMMITS_AFTER, tuple(step)).fetchall()
    for position, crc, body in cast("list[tuple[int, int, bytes]]", rows):
        ranges: list[tuple[int, int, int]] = []
        if crc == checksum(start, position, body):
            ranges = _decode_ranges(body)
        else:
            _log.error("commit %d is damaged: what follows the commits does not learn what it has changed", position)
        named = [(connection.execute(sql.NAME_OF, (number,)).get, first, last) for number, first, last in ranges]
        found.append(Committed(position, named))
    return found
