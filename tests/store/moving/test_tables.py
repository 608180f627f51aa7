"""Every table is moved, also one that a later migration makes: the two engines have the same ones, in one order."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from parlour.store.errors import StoreError
from parlour.store.moving.places import open_target
from parlour.store.moving.tables import OF_ENGINES
from tests.support.moving import execute, furnish, move_house, open_place, tables
from tests.support.stores import HandClock

EXTRA = {
    "sqlite": "CREATE TABLE later (kind TEXT NOT NULL, number INTEGER NOT NULL, note BLOB,"
    " PRIMARY KEY (kind, number)) STRICT",
    "postgres": 'CREATE TABLE later (number BIGINT NOT NULL, note BYTEA, kind TEXT COLLATE "C" NOT NULL,'
    " PRIMARY KEY (kind, number))",
}
"""As a migration would make it on each."""

ROWS = "INSERT INTO later (kind, number, note) VALUES ('ä', 2, NULL), ('a', 10, 'x'), ('a', 9, 'y'), ('Z', 1, '')"


async def test_both_engines_have_the_same_tables(database: str, tmp_path: Path) -> None:
    """If this fails, a migration has made something on one engine alone, or under another name or key."""
    async with open_target(str(tmp_path / "target")) as sqlite, open_target(database) as postgres:
        assert await sqlite.tables() == await postgres.tables()
        assert list(await sqlite.tables()) == list(await postgres.tables())


async def test_no_table_is_left_out(database: str) -> None:
    """What is not moved is what an engine keeps for itself."""
    async with open_target(database) as postgres:
        moved = set(await postgres.tables())
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()
    assert {row[0] for row in rows} - moved == OF_ENGINES


async def test_keys_have_one_order_on_both_engines(database: str) -> None:
    """SQLite compares texts by their bytes."""
    async with open_target(database):
        pass
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "SELECT c.relname, a.attname, l.collname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)"
            " JOIN pg_collation AS l ON l.oid = a.attcollation"
            " WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace AND l.collname <> 'C'"
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == []


async def make(place: str, engine: str) -> None:
    """A place as a later version would make it."""
    async with open_target(place):
        pass
    await execute(place, EXTRA[engine])


async def test_a_table_that_a_later_migration_makes_is_moved(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await furnish(source, clock)
    for place in places:
        engine = "postgres" if "://" in place else "sqlite"
        await (execute(place, EXTRA[engine]) if place == source else make(place, engine))
    await execute(
        source, ROWS if "://" in source else ROWS.replace("'x'", "x'78'").replace("'y'", "x'79'").replace("''", "x''")
    )
    before = await tables(source)
    assert len(before["later"]) == 4
    await move_house(source, target)
    assert await tables(target) == before


async def test_a_table_on_one_engine_alone_is_not_left_behind(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await (await open_place(source, clock)).close()
    await execute(source, EXTRA["postgres" if "://" in source else "sqlite"])
    with pytest.raises(StoreError, match="different tables in this version: later"):
        await move_house(source, target)


async def test_an_unknown_row_of_meta_is_not_left_behind(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await (await open_place(source, clock)).close()
    await execute(source, "INSERT INTO meta (name, value) VALUES ('later', 'x')")
    with pytest.raises(StoreError, match="has in meta: later"):
        await move_house(source, target)
