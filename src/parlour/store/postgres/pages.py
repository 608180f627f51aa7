"""The reading half of the Store port: each read is one statement, verified before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg import Connection

from parlour.chat.ports import DamagedEvents
from parlour.chat.statements import Query, R
from parlour.core.cursor import MAX_SEQ
from parlour.core.event import Log, Stored
from parlour.core.payloads import PAYLOADS
from parlour.core.policy import Policy
from parlour.store.checksums import checksum, room_crc
from parlour.store.policy_columns import policy_of
from parlour.store.postgres import statements as sql
from parlour.store.postgres.tables import run_query
from parlour.store.recent import RoomHead


async def log_of(connection: Connection[Any], room: str) -> Log:
    """See `Store.log`."""
    row = await connection.fetchrow(sql.FIND_ROOMS, [room])
    return Log(1, 0) if row is None else Log(row["first_seq"], row["head"], policy_of(row[5:]))


async def newest_of(connection: Connection[Any], room: str) -> tuple[int, int]:
    """See `Store.newest`."""
    row = await connection.fetchrow(sql.ENDS, [room])
    return (0, 0) if row is None else (row["head"], row["policy_seq"])


async def policies(connection: Connection[Any]) -> dict[str, Policy]:
    """See `Store.policies`."""
    return {row[0]: policy_of(row[1:]) for row in await connection.fetch(sql.POLICIES)}


async def newest_rooms(connection: Connection[Any], limit: int) -> list[RoomHead]:
    """The rooms with the newest events, most recently active first; a look at every room there is."""
    return [RoomHead(*row) for row in await connection.fetch(sql.NEWEST_ROOMS, limit)]


async def heads_of(connection: Connection[Any], names: Sequence[str]) -> list[RoomHead]:
    """Those of the rooms with these names that have events."""
    return [RoomHead(*row) for row in await connection.fetch(sql.HEADS_OF, names)]


async def query(connection: Connection[Any], query: Query[R]) -> list[R]:
    """See `Store.query`."""
    return await run_query(connection, query)


async def page(
    connection: Connection[Any],
    seed: str,
    room: str,
    span: tuple[int, int],
    limit: int,
    max_bytes: int,
    is_last: bool,
) -> list[Stored]:
    """The first or last events of a room that are in `span`, oldest first; see `Store.after`. Raises DamagedEvents."""
    rows = await connection.fetch(sql.LAST_PAGE if is_last else sql.FIRST_PAGE, room, *span, limit, max_bytes)
    return _verified(rows, seed, room, span, limit, is_last)


async def pages_after(
    connection: Connection[Any], seed: str, wanted: Sequence[tuple[str, int]], limit: int, max_bytes: int
) -> list[list[Stored] | DamagedEvents]:
    """The events after a seq of each of several rooms, or that the first ones are damaged; each as `page`."""
    names, seqs = zip(*wanted, strict=True)
    rows: list[list[Sequence[Any]]] = [[] for _ in wanted]
    for place, *row in await connection.fetch(sql.PAGES_AFTER, names, seqs, limit, max_bytes):
        rows[place - 1].append(row)
    found: list[list[Stored] | DamagedEvents] = []
    for (room, seq), those in zip(wanted, rows, strict=True):
        try:
            found.append(_verified(those, seed, room, (seq + 1, MAX_SEQ), limit, False))
        except DamagedEvents as damaged:
            found.append(damaged)
    return found


def _verified(
    rows: Sequence[Sequence[Any]], seed: str, room: str, span: tuple[int, int], limit: int, is_last: bool
) -> list[Stored]:
    """The events of a page. Raises DamagedEvents."""
    if not rows:
        return []
    first, last = max(span[0], rows[0][0]), min(span[1], rows[0][1])
    wanted = (range(last, first - 1, -1) if is_last else range(first, last + 1))[:limit]
    found = {row[2]: row[2:] for row in rows if row[2] is not None}
    events: list[Stored] = []
    bad: list[int] = []
    what, start = "", room_crc(seed, room)
    furthest = (min if is_last else max)(found, default=None)
    for seq in wanted:
        event = _event(found.get(seq), start, seq)
        if isinstance(event, Stored):
            if bad:
                break
            events.append(event)
            if seq == furthest:
                break
        elif events:
            break
        else:
            what = what or event
            bad.append(seq)
    if bad:
        low, high = min(bad), max(bad)
        those = f"Event {low} of room {room} is" if low == high else f"Events {low} to {high} of room {room} are"
        raise DamagedEvents(room, low, high, f"{those} damaged: {what}.")
    return sorted(events)


def _event(row: Sequence[Any] | None, start: int, seq: int) -> Stored | str:
    """An event, or what is wrong with it."""
    if row is None:
        return "it is missing"
    _, crc, body, name, ref = row
    if crc != checksum(start, seq, body):
        return "its checksum does not match"
    return Stored(seq, body, name, ref) if name in PAYLOADS else "its type is not one that there is"
