"""The reading half of the Store port: each read is one step of SQLite, verified before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw

from parlour.chat.ports import DamagedEvents
from parlour.core.event import Log, Stored
from parlour.core.payloads import PAYLOADS
from parlour.core.policy import Policy
from parlour.store.checksums import checksum, room_crc
from parlour.store.policy_columns import policy_of
from parlour.store.recent import RoomHead
from parlour.store.sqlite import statements as sql

_TYPES = {name.encode(): name for name in PAYLOADS}


def log_of(connection: apsw.Connection, room: str) -> Log:
    """See `Store.log`."""
    row = connection.execute(sql.FIND_ROOM, (room,)).get
    if row is None:
        return Log(1, 0)
    _, first_seq, newest, *policy = row
    return Log(first_seq, newest & sql.SEQ_MASK, policy_of(policy))


def policies(connection: apsw.Connection) -> dict[str, Policy]:
    """See `Store.policies`."""
    rows = connection.execute(sql.POLICIES).fetchall()
    return {cast(str, name): policy_of(policy) for name, *policy in rows}


def newest_rooms(connection: apsw.Connection, limit: int) -> list[RoomHead]:
    """The rooms with the newest events, most recently active first; a look at every room there is."""
    return _heads(connection.execute(sql.NEWEST_ROOMS, (limit,)))


def heads_of(connection: apsw.Connection, names: str) -> list[RoomHead]:
    """Those of the rooms in a JSON array of names that have events."""
    return _heads(connection.execute(sql.HEADS_OF, (names,)))


def _heads(cursor: apsw.Cursor) -> list[RoomHead]:
    rows = cast("list[tuple[int, str, int, int, int]]", cursor.fetchall())
    return [RoomHead(name, first_seq, newest & sql.SEQ_MASK, at_ms) for _, name, first_seq, newest, at_ms in rows]


def page(
    connection: apsw.Connection, seed: str, room: str, span: tuple[int, int], limit: int, max_bytes: int, is_last: bool
) -> list[Stored]:
    """The first or last events of a room that are in `span`, oldest first; see `Store.after`. Raises DamagedEvents."""
    row: tuple[int, int, int, int, bytes | None] | None
    try:
        row = connection.execute(sql.LAST_PAGE if is_last else sql.FIRST_PAGE, (room, *span, limit, max_bytes)).get
    except apsw.CorruptError:  # as if it had no events in it: they are read one by one
        extent = connection.execute(sql.FIND_ROOM, (room,)).get
        row = None if extent is None else (*extent[:3], 0, None)
    if row is None:
        return []
    number, first_seq, newest, found, lines = row
    first, last = max(span[0], first_seq), min(span[1], newest & sql.SEQ_MASK)
    wanted = (range(last, first - 1, -1) if is_last else range(first, last + 1))[:limit]
    if not wanted:
        return []
    start = room_crc(seed, room)
    events = _parse(lines, start)
    if events is None or found != len(wanted) or events[-1 if is_last else 0].seq != wanted[0]:
        return _salvage(connection, room, start, number << sql.SEQ_BITS, wanted, max_bytes)
    return events


def _parse(lines: bytes | None, start: int) -> list[Stored] | None:
    """Events from "seq checksum type ref body" lines; None if any is damaged or they are not consecutive."""
    if lines is None:
        return None
    events = []
    last = 0
    for line in lines.split(b"\n"):
        try:
            number, crc, name, ref, body = line.split(b" ", 4)
            seq, type_ = int(number), _TYPES[name]
            if int(crc) != checksum(start, seq, body) or (last and seq != last + 1):
                return None
        except (ValueError, KeyError):
            return None
        events.append(Stored(seq, body, type_, int(ref) if ref else None))
        last = seq
    return events


def _salvage(
    connection: apsw.Connection, room: str, start: int, base: int, seqs: Sequence[int], max_bytes: int
) -> list[Stored]:
    """Read a page that did not verify row by row, up to a bad event. Raises DamagedEvents if that is the first."""
    good: list[Stored] = []
    bad: list[int] = []
    what, total = "", 0
    for seq in seqs:
        event = _event(connection, start, base, seq)
        if isinstance(event, str):
            if good:
                break
            what = what or event
            bad.append(seq)
            continue
        total += len(event.json)
        if bad or (good and total > max_bytes):
            break
        good.append(event)
    if bad:
        first, last = min(bad), max(bad)
        those = f"Event {first} of room {room} is" if first == last else f"Events {first} to {last} of room {room} are"
        raise DamagedEvents(room, first, last, f"{those} damaged: {what}.")
    return sorted(good)


def _event(connection: apsw.Connection, start: int, base: int, seq: int) -> Stored | str:
    """An event, or what is wrong with it."""
    try:
        row = connection.execute(sql.ONE_EVENT, (base | seq,)).get
    except (apsw.CorruptError, UnicodeDecodeError):
        return "it cannot be read"
    if row is None:
        return "it is missing"
    crc, body, name, ref = row
    if crc != checksum(start, seq, body):
        return "its checksum does not match"
    return Stored(seq, body, name, ref) if name in PAYLOADS else "its type is not one that there is"
