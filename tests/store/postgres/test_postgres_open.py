"""Opening a PostgreSQL database: what it must be, said in a sentence, and what a copy is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from parlour.chat.ports import DamagedEvents
from parlour.chat.transactions import CommitsAfter, SetCursor, Transaction
from parlour.core.event import Stored
from parlour.store.errors import Damaged, StoreError
from parlour.store.postgres.in_use import hold_alone
from parlour.store.postgres.store import PostgresStore
from tests.support.postgres import Databases
from tests.support.stores import CountedIds, HandClock, append, draft, open_postgres
from tests.support.timeout import LOOK_AGAIN_S, TIMEOUT_S

WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


@asynccontextmanager
async def opened(url: str, ids: int = 0) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(url, clock=HandClock(), ids=CountedIds(ids))
    try:
        yield store
    finally:
        await store.close()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def why_not(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        async with opened(url):
            pass
    return str(caught.value)


async def test_a_database_that_is_not_there_is_named(postgres: Databases) -> None:
    assert "There is no such database" in await why_not(postgres.address("nowhere"))
    assert "cannot be reached" in await why_not("postgresql://postgres:secret@/x?host=/nowhere")
    assert "secret" not in await why_not("postgresql://postgres:secret@/x?host=/nowhere")
    assert "address" in await why_not("postgresql://127.0.0.1:port/x")


async def test_a_database_that_would_lose_or_refuse_messages_is_not_opened(postgres: Databases, database: str) -> None:
    name = database.partition("@/")[2].partition("?")[0]
    with postgres.new("ENCODING 'SQL_ASCII' TEMPLATE template0") as url:
        assert "encoding SQL_ASCII" in await why_not(url)
    await execute(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "can only be read" in await why_not(database)
    await execute(postgres.address("postgres"), f"ALTER DATABASE {name} RESET ALL")
    await execute(database, f"CREATE ROLE {name}_guest LOGIN")
    try:
        assert "may not make tables" in await why_not(database.replace("postgres@", f"{name}_guest@"))
    finally:
        await execute(database, f"DROP ROLE {name}_guest")


async def test_a_database_of_a_newer_or_another_version_is_not_opened(database: str) -> None:
    async with opened(database):
        pass
    await execute(database, "UPDATE migrations SET checksum = 'another' WHERE number = 1")
    assert "another form of migration 0001" in await why_not(database)
    await execute(
        database,
        "INSERT INTO migrations SELECT newest + g, 'new', '' FROM generate_series(1, 9) AS g,"
        " (SELECT max(number) AS newest FROM migrations) AS m",
    )
    assert "use a newer Parlour" in await why_not(database)


async def test_a_copy_has_another_epoch_and_the_same_events(postgres: Databases, database: str) -> None:
    async with opened(database) as store:
        await append(store, draft())
        events, epoch, secret = await store.after("lobby", 0, 9), store.epoch, store.secret
    async with opened(database, 50) as store:
        assert (store.epoch, store.secret) == (epoch, secret)
    name = database.partition("@/")[2].partition("?")[0]
    with postgres.new(f"TEMPLATE {name}") as url:
        async with opened(url, 50) as store:
            assert store.epoch != epoch
            assert store.secret == secret
            assert await store.after("lobby", 0, 9) == events


async def test_positions_grow_in_a_cluster_that_counts_from_less(database: str) -> None:
    """As after a dump was restored elsewhere: a follower would wait until the numbers had been there before."""

    def follow(position: int) -> Transaction[None]:
        yield SetCursor("someone", position)

    def commits(after: int) -> Transaction[int]:
        found: list[object] = yield CommitsAfter(after, 9)
        return len(found)

    ahead = 1 << 40
    async with opened(database) as store:
        await store.run(follow(ahead))
    async with opened(database) as store:
        await append(store, draft())
        async with asyncio.timeout(TIMEOUT_S):  # of other databases of this cluster, older transactions may still run
            while await store.run(commits(ahead)) != 1:
                await asyncio.sleep(0.01)


async def test_a_server_can_start_while_the_database_still_ends_the_connection_of_a_move(database: str) -> None:
    async with opened(database):
        pass
    mover = await asyncpg.connect(database)
    await hold_alone(mover, database)
    opening = asyncio.create_task(open_postgres(database))
    async with asyncio.timeout(TIMEOUT_S):
        while not await mover.fetchval(WAITING):
            await asyncio.sleep(LOOK_AGAIN_S)
        await mover.close()
        await (await opening).close()


async def test_a_damaged_event_is_reported_and_not_shown(database: str) -> None:
    async with opened(database) as store:
        for text in ("first", "second", "third"):
            await append(store, draft(text))
        await execute(database, "UPDATE events SET body = 'x' || body WHERE id & 15 = 2")
        assert [event.seq for event in await store.after("lobby", 0, 9)] == [1]
        assert [event.seq for event in await store.before("lobby", 9, 9)] == [3]
        with pytest.raises(DamagedEvents) as caught:
            await store.after("lobby", 1, 9)
        assert (caught.value.first, caught.value.last) == (2, 2)


async def test_pages_that_are_read_at_once_are_those_that_each_read_gives(database: str) -> None:
    """Of rooms with many events, few, large ones, none, and a damaged one; equal reads too."""
    async with opened(database) as store:
        rooms = [f"room{number}" for number in range(20)]
        texts = {room: ["x" * (20_000 if number == 7 else 10)] * number for number, room in enumerate(rooms)}
        await asyncio.gather(*(append(store, draft(text, room)) for room in rooms for text in texts[room]))
        await execute(database, "UPDATE events SET checksum = 0 WHERE body LIKE '%room19%' AND id & 31 = 19")

        async def read(room: str, seq: int) -> list[Stored] | str:
            try:
                return await store.after(room, seq, 5, 50_000)
            except DamagedEvents as damaged:
                return str(damaged.detail)

        wanted = [(room, seq) for room in [*rooms, "nowhere"] for seq in (0, 3, 18)]
        alone = [await read(*each) for each in wanted]
        assert await asyncio.gather(*(read(*each) for each in wanted * 2)) == alone * 2
        assert [len(page) for page in alone[: 3 * 9 : 3]] == [0, 1, 2, 3, 4, 5, 5, 2, 5]
        assert isinstance(alone[-4], str)


async def test_a_lost_identity_is_not_made_again(database: str) -> None:
    async with opened(database) as store:
        await append(store, draft())
    await execute(database, "UPDATE meta SET value = 'zzzzzz' WHERE name = 'epoch'")
    with pytest.raises(Damaged, match="lost its epoch"):
        async with opened(database):
            pass
