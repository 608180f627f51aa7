"""Finds events that are missing or not what was stored: in a whole database, also beside running servers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import asyncpg

from parlour.chat.tables.accounts import ALL_ACCOUNTS
from parlour.core.payloads import SERVER_LOG
from parlour.core.store_address import without_password
from parlour.store.check import LogCheck, Problem, Report
from parlour.store.checksums import checksum, room_crc
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.marks import refuse_unfinished
from parlour.store.postgres import statements as sql
from parlour.store.postgres.connect import GONE, open_connection
from parlour.store.postgres.identity import read_identity
from parlour.store.postgres.migrate import migrations, missing
from parlour.store.postgres.tables import run_query

ROOMS_AT_ONCE = 200
"""Looked at in one snapshot, so that PostgreSQL can vacuum between two."""

ROWS_AT_ONCE = 500
"""An event is 64 KiB at most: so many are 32 MiB."""


class _Room(NamedTuple):
    number: int
    name: str
    first_seq: int
    head: int
    at_ms: int


async def check(url: str) -> Report:
    """Check the database at `url`: migrations, identity, the log of commits, and every event of every room.

    Reads in many short transactions, so servers go on; what they store meanwhile is not looked at. Raises StoreError if
    there is nothing that could be checked.
    """
    where = without_password(url)
    connection = await open_connection(url)
    try:
        await connection.execute("SET idle_in_transaction_session_timeout = 0")
        return await check_database(connection, where)
    except GONE as error:
        raise StoreError(f"PostgreSQL at {where} has gone: {error or type(error).__name__}.") from error
    except asyncpg.PostgresError as error:
        raise StoreError(f"The database at {where} cannot be read: {error}.") from error
    finally:
        with suppress(OSError, asyncpg.InterfaceError):
            connection.terminate()


async def check_database(connection: asyncpg.Connection[Any], where: str, *, is_finished: bool = True) -> Report:
    """The same through a connection; `where` is what the report calls the database.

    `is_finished` says whether what a move has not finished yet is refused.
    """
    if not await connection.fetchval(sql.HAS_MIGRATIONS):
        raise StoreError(f"There is nothing of Parlour in the database at {where}.")
    if await missing(connection):
        raise StoreError(f"The database at {where} has an older schema: start the server once to bring it forward.")
    problems: list[Problem] = []
    meta = dict(await connection.fetch(sql.GET_META))
    if is_finished:
        refuse_unfinished(meta, where)
    epoch, seed = meta.get("epoch", ""), meta.get("seed", "")
    try:
        await read_identity(connection)
    except Damaged:
        problems.append(Problem("the epoch or the secret is damaged"))
    for (event_id,) in await connection.fetch(sql.STRAY_EVENTS):
        problems.append(Problem(f"event with id {event_id} belongs to no room or lies outside of the log of its room"))
    problems += await _damaged_commits(connection, seed)
    try:
        await run_query(connection, ALL_ACCOUNTS())  # as a start does
    except GONE:
        raise
    except asyncpg.PostgresError as error:
        problems.append(Problem(f"the accounts cannot be read: {error}"))
    rooms = events = 0
    after = 0
    while found := [_Room(*row) for row in await connection.fetch(sql.ROOMS_AFTER, after, ROOMS_AT_ONCE)]:
        after = found[-1].number
        try:
            problems += await _problems_of(connection, seed, found[0].number, after)
        except GONE:
            raise
        except asyncpg.PostgresError as error:  # such as a page with another checksum
            names = f"{found[0].name} to {found[-1].name}" if len(found) > 1 else found[0].name
            problems.append(Problem(f"PostgreSQL, in the rooms {names}: {error}"))
        rooms += sum(room.name != SERVER_LOG for room in found)
        events += sum(max(0, room.head - room.first_seq + 1) for room in found)
    row = await connection.fetchrow(sql.FACTS)
    assert row is not None
    return Report(where, epoch, len(migrations()), rooms, events, dict(row), problems)


async def _damaged_commits(connection: asyncpg.Connection[Any], seed: str) -> list[Problem]:
    start = room_crc(seed, "")
    async with connection.transaction(readonly=True):
        return [
            Problem(f"commit {position}: its checksum does not match")
            async for position, crc, body in connection.cursor(sql.ALL_COMMITS, prefetch=ROWS_AT_ONCE)
            if crc != checksum(start, 0, body)
        ]


async def _problems_of(connection: asyncpg.Connection[Any], seed: str, first: int, last: int) -> list[Problem]:
    """Verify the rooms with the numbers from `first` to `last`, as they are in one snapshot."""
    problems: list[Problem] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rooms = [_Room(*row) for row in await connection.fetch(sql.ROOMS_BETWEEN, first, last)]
        cursor = await connection.cursor(sql.EVENTS_BETWEEN, first << sql.SEQ_BITS, (last + 1) << sql.SEQ_BITS)
        rows: Sequence[Any] = ()
        for room in rooms:
            before = len(problems)
            look = LogCheck(seed, room.name, room.first_seq)
            end = (room.number << sql.SEQ_BITS) | room.head
            while True:
                if not rows:
                    rows = await cursor.fetch(ROWS_AT_ONCE)
                count = _count_up_to(rows, end)
                own = (row for row in rows[:count] if row[0] >= room.number << sql.SEQ_BITS | room.first_seq)
                problems += look.problems(own)
                is_over = count < len(rows) or not rows
                rows = rows[count:]
                if is_over:
                    break
            problems += look.missing(room.head)
            if room.head < room.first_seq:
                problems.append(Problem("the room has no events", room.name, room.first_seq))
            elif len(problems) == before and room.at_ms != look.newest_ms:
                problems.append(Problem("the room has another time than its newest event", room.name, room.head))
    return problems


def _count_up_to(rows: Sequence[Any], event_id: int) -> int:
    """How many of the leading rows have at most this id."""
    if rows and rows[-1][0] <= event_id:
        return len(rows)
    return next((index for index, row in enumerate(rows) if row[0] > event_id), len(rows))
