"""A PostgreSQL database as the source or the target of a move."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, cast

import asyncpg

from parlour.chat.ports import Ids
from parlour.core.store_address import without_password
from parlour.store.check import Report
from parlour.store.checksums import checksum, room_crc
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.endpoint import ROWS_AT_ONCE, Identity, saying
from parlour.store.moving.marks import MARKS, UNFINISHED, refuse_unfinished
from parlour.store.moving.tables import (
    COMMITS,
    CURSORS,
    MAX_ID,
    OF_ENGINES,
    Row,
    Schema,
    Table,
    ranges_text,
    read_ranges,
    tables_of,
)
from parlour.store.postgres import ranges
from parlour.store.postgres import statements as sql
from parlour.store.postgres.check import check_database
from parlour.store.postgres.connect import GONE, open_connection
from parlour.store.postgres.identity import Kept, identity_of, place_of, read_identity, write_identity
from parlour.store.postgres.in_use import hold_alone
from parlour.store.postgres.migrate import migrate
from parlour.store.rules import new_identity

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_COLUMNS = """
SELECT c.relname, a.attname, array_position(i.indkey::int2[], a.attnum)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
ORDER BY 1, 3
"""
_COUNTERS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND is_identity = 'YES'
"""
_EVENT_COUNT = """
SELECT coalesce(sum(greatest(0, least(head, CASE WHEN room_no < $1::bigint >> 36 THEN head
  ELSE $1::bigint & ((1::bigint << 36) - 1) END) - first_seq + 1)), 0)::bigint
FROM rooms WHERE room_no <= $1::bigint >> 36
"""

_COMMITS = """
SELECT position, checksum, body, at_ms FROM commits WHERE position > (SELECT min(position) FROM cursors)
ORDER BY position
"""
_CURSORS = """
SELECT follower, (SELECT count(*) FROM commits
  WHERE commits.position > (SELECT min(position) FROM cursors) AND commits.position <= cursors.position)
FROM cursors WHERE $1::text IS NULL OR follower > $1 ORDER BY follower
"""


@contextmanager
def _said(where: str) -> Iterator[None]:
    """Turn what PostgreSQL says into a StoreError."""
    try:
        yield
    except GONE as error:
        raise StoreError(
            f"The connection to {where} was lost ({error or type(error).__name__}): give the same command again."
        ) from error
    except asyncpg.DataCorruptedError as error:
        raise Damaged(f"{where} cannot be read: {error}. `parlour check` names what is damaged.") from error
    except asyncpg.PostgresError as error:
        raise StoreError(f"The database at {where} refuses: {error}.") from error


_says = saying(_said)


class PostgresEndpoint:
    """See `Endpoint`."""

    def __init__(self, where: str, connection: asyncpg.Connection[Any], *, is_empty: bool) -> None:
        self.where = where
        self.is_empty = is_empty
        self._connection = connection

    @_says
    async def tables(self) -> dict[str, Table]:
        """See `Endpoint.tables`."""
        columns: dict[str, list[str]] = {}
        keys: dict[str, list[str]] = {}
        for table, column, place in await self._connection.fetch(_COLUMNS):
            columns.setdefault(table, []).append(column)
            if place is not None:
                keys.setdefault(table, []).append(column)
        return tables_of({name: Schema(columns[name], tuple(keys.get(name, ()))) for name in columns})

    @_says
    async def identity(self) -> Identity:
        """See `Endpoint.identity`."""
        return Identity(*(await read_identity(self._connection))[:3])

    @_says
    async def meta(self) -> Mapping[str, object]:
        """See `Endpoint.meta`."""
        return dict(await self._connection.fetch(sql.GET_META))

    @_says
    async def count_events(self, last: int | None = None) -> int:
        """See `Endpoint.count_events`."""
        count: int = await self._connection.fetchval(_EVENT_COUNT, MAX_ID if last is None else last)
        return count

    async def rows(self, table: Table, after: Row | None = None) -> AsyncGenerator[Sequence[Row], None]:
        """See `Endpoint.rows`."""
        with _said(self.where):
            key = ", ".join(table.key)
            places = ", ".join(f"${number}" for number in range(1, len(table.key) + 1))
            where = "" if after is None else f"WHERE ({key}) > ({places})"
            statement = f"SELECT {', '.join(table.columns)} FROM {table.name} {where} ORDER BY {key}"  # noqa: S608
            values: Row = after or ()
            made: Callable[[Sequence[Any]], Sequence[Row]] = _plain
            if table is CURSORS:
                statement, values = _CURSORS, (after[0] if after else None,)
            elif table is COMMITS:
                statement, values, made = _COMMITS, (), await self._commits(cast(int, after[0]) if after else 0)
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                cursor = await self._connection.cursor(statement, *values)
                while rows := await cursor.fetch(ROWS_AT_ONCE):
                    if found := made(rows):
                        yield found

    async def _commits(self, skipped: int) -> Callable[[Sequence[Any]], Sequence[Row]]:
        """What makes rows of `COMMITS` from the next ones of the log."""
        start, number = await self._commits_crc(), 0

        def made(rows: Sequence[Any]) -> Sequence[Row]:
            nonlocal number
            found: list[Row] = []
            for position, crc, body, at_ms in rows:
                if crc != checksum(start, 0, body):
                    text = f"Commit {position} of {self.where} is damaged: start a server once, which passes it."
                    raise Damaged(text)
                number += 1
                if number > skipped:
                    kept = (item[:3] for item in ranges.read_ranges(body) if item[3] is not ranges.Kind.TRIMMED)
                    found.append((number, at_ms, ranges_text(kept)))
            return found

        return made

    async def _commits_crc(self) -> int:
        return room_crc((await self.identity()).seed, "")

    @_says
    async def newest(self, table: Table) -> Row | None:
        """See `Endpoint.newest`."""
        if table is COMMITS:
            newest = await self._connection.fetchval("SELECT max(position) FROM commits")
            return None if newest is None else (newest,)
        last = ", ".join(f"{name} DESC" for name in table.key)
        statement = f"SELECT {', '.join(table.key)} FROM {table.name} ORDER BY {last} LIMIT 1"  # noqa: S608
        row = await self._connection.fetchrow(statement)
        return None if row is None else tuple(row)

    @_says
    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Endpoint.add`."""
        columns = table.columns
        if table is COMMITS:
            columns, rows = ("position", "node", "at_ms", "body", "checksum"), await self._commit_rows(rows)
        elif table is CURSORS:
            columns = ("follower", "position")
        try:
            await self._connection.copy_records_to_table(table.name, records=rows, columns=list(columns))
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
            raise StoreError(f"A text in the table {table.name} has a character that PostgreSQL refuses.") from error

    async def _commit_rows(self, rows: Sequence[Row]) -> list[Row]:
        start = await self._commits_crc()
        found: list[Row] = []
        for row in rows:
            number, at_ms, body = cast("tuple[int, int, bytes]", row)
            text = ranges.text_of([(*range_, ranges.Kind.ADDED) for range_ in read_ranges(body)])
            found.append((number, "", at_ms, text, checksum(start, 0, text)))
        return found

    @_says
    async def mark(self, name: str | None, value: str = "") -> None:
        """See `Endpoint.mark`."""
        async with self._connection.transaction():
            await self._mark(name, value)

    async def _mark(self, name: str | None, value: str = "") -> None:
        for each in MARKS:
            await self._connection.execute(sql.DROP_META, each)
        if name is not None:
            await self._connection.execute(sql.SET_META, name, value)

    @_says
    async def begin(self, identity: Identity, mark: str) -> None:
        """See `Endpoint.begin`."""
        names = ", ".join(row[0] for row in await self._connection.fetch(_TABLES) if row[0] not in OF_ENGINES)
        async with self._connection.transaction():
            await self._connection.execute(f"TRUNCATE {names}")
            await write_identity(self._connection, Kept(*identity, 0), await place_of(self._connection))
            await self._mark(UNFINISHED, mark)

    @_says
    async def check(self) -> Report:
        """See `Endpoint.check`."""
        return await check_database(self._connection, self.where, is_finished=False)

    @_says
    async def finish(self) -> None:
        """See `Endpoint.finish`."""
        execute = self._connection.execute
        await execute("ANALYZE")
        async with self._connection.transaction():
            for table, column in await self._connection.fetch(_COUNTERS):
                counter = f"pg_get_serial_sequence('{table}', '{column}')"
                await execute(f"SELECT setval({counter}, max({column})) FROM {table}")  # noqa: S608 (of the schema)
            await write_identity(
                self._connection, await read_identity(self._connection), await place_of(self._connection)
            )
            await self._mark(None)

    @_says
    async def begin_epoch(self, ids: Ids) -> None:
        """Take all marks away, and begin another epoch."""
        async with self._connection.transaction():
            kept = (await read_identity(self._connection))._replace(epoch=new_identity(ids)[0])
            await write_identity(self._connection, kept, await place_of(self._connection))
            await self._mark(None)


def _plain(rows: Sequence[Any]) -> Sequence[Row]:
    return [tuple(row) for row in rows]


@asynccontextmanager
async def open_source(url: str, ids: Ids) -> AsyncIterator[PostgresEndpoint]:
    """Hold the data in a database, opened as a start does: brought forward, and with a new epoch in a copy."""
    async with _connected(url) as (connection, where):
        with _said(where):
            await _hold(connection, where)
            if not await connection.fetchval(sql.HAS_MIGRATIONS):
                raise StoreError(f"There is nothing of Parlour in the database at {where}.")
            await migrate(connection)
            meta: dict[str, object] = dict(await connection.fetch(sql.GET_META))
            if not meta:
                raise StoreError(f"There is nothing of Parlour in the database at {where}.")
            refuse_unfinished(meta, where)
            async with connection.transaction():
                await connection.execute(sql.LOCK_GATE)
                await identity_of(connection, ids)
        yield PostgresEndpoint(where, connection, is_empty=False)


@asynccontextmanager
async def open_target(url: str) -> AsyncIterator[PostgresEndpoint]:
    """Hold a database that is empty, or in which there is what a move has left."""
    async with _connected(url) as (connection, where):
        with _said(where):
            await _hold(connection, where)
            tables = [row[0] for row in await connection.fetch(_TABLES)]
            if tables and "migrations" not in tables:
                some = ", ".join(sorted(tables)[:3])
                raise StoreError(
                    f"The database at {where} has tables of something else ({some}): make another one (createdb)."
                )
            await migrate(connection)
            is_empty = not await connection.fetch(sql.GET_META)
        yield PostgresEndpoint(where, connection, is_empty=is_empty)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[tuple[asyncpg.Connection[Any], str]]:
    connection = await open_connection(url)
    try:
        yield connection, without_password(url)
    finally:
        with suppress(*GONE):
            connection.terminate()


async def _hold(connection: asyncpg.Connection[Any], where: str) -> None:
    await hold_alone(connection, where)
    await connection.execute("SET idle_in_transaction_session_timeout = 0")  # the other engine may be slower
