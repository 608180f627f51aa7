"""A database that goes away: what is said meanwhile, what became of the last batch, and that all goes on by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import asyncpg
import pytest

from parlour.core.errors import Refusal
from parlour.core.event import Appended
from parlour.store.postgres.store import PostgresStore
from tests.contract.conftest import listen, seqs
from tests.support.lines import Lines, Spoil, Way
from tests.support.postgres import PostgresProcess
from tests.support.stores import append, draft, open_postgres, redact
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresProcess]:
    """One that may be stopped."""
    process = PostgresProcess().start()
    yield process
    process.remove()


@asynccontextmanager
async def opened(url: str, **tuning: Any) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(url, **tuning)
    try:
        yield store
    finally:
        await store.close()


async def until_ready(store: PostgresStore) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not store.is_ready():
            await asyncio.sleep(0.01)


async def stored(store: PostgresStore, text: str) -> Appended:
    """A message that is stored however slow the machine is: it is sent again, with a key, where it was given up."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            try:
                return await append(store, draft(text, key=f"key-{text}"))
            except Refusal:
                await until_ready(store)


async def read(store: PostgresStore) -> list[int]:
    """The numbers of the events of the lobby, read again where that was given up."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            try:
                return seqs(await store.after("lobby", 0, 9))
            except Refusal:
                await asyncio.sleep(0.01)


async def refused(store: PostgresStore, key: str | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        await append(store, draft(key=key))
    return caught.value.code


async def test_a_copy_that_comes_in_its_place_is_not_taken_for_it(
    server: PostgresProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """A dump that was read back lacks what came last, and would give its numbers out again."""
    server.sql("CREATE DATABASE house")
    async with opened(server.url("house"), look_s=0.05) as store:
        store.follow()
        await append(store, draft("one"))
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'house'")
        for statement in (
            "ALTER DATABASE house WITH ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'house'",
            "ALTER DATABASE house RENAME TO gone",
            "CREATE DATABASE house TEMPLATE gone",
        ):
            server.sql(statement)
        async with asyncio.timeout(TIMEOUT_S):
            while "database_wrong" not in caplog.messages:
                await asyncio.sleep(0.01)
        assert not store.is_ready()
        assert await refused(store) == "storage_unavailable"
        with pytest.raises(Refusal, match="Another database is there"):
            await store.after("lobby", 0, 10)
        with pytest.raises(Refusal, match="Another database is there"):
            await store.catch_up()
    async with opened(server.url("house")) as store:
        assert seqs(await store.after("lobby", 0, 10)) == [1]


async def test_a_database_that_is_away_is_said_to_be_and_comes_back(server: PostgresProcess) -> None:
    server.sql("CREATE DATABASE away")
    async with opened(server.url("away")) as store:
        await append(store, draft("before", key="key-0001"))
        server.stop()
        assert await refused(store) in ("storage_unavailable", "outcome_unknown")
        assert not store.is_ready()
        assert await refused(store) == "storage_unavailable"
        assert await refused(store, "key-0001") == "outcome_unknown", "it may be stored: it is"
        with pytest.raises(Refusal, match="away"):
            await store.log("lobby")
        server.start()
        await until_ready(store)
        assert (await append(store, draft("before", key="key-0001"))).replay
        assert (await append(store, draft("after"))).seq == 2
        assert seqs(await store.after("lobby", 0, 9)) == [1, 2]


class Line(Lines):
    """A line between a store and PostgreSQL.

    It swallows what the database answers once the store has said the bytes `swallows_after`.
    """

    def __init__(self, server: PostgresProcess) -> None:
        super().__init__(server.socket)
        self.swallows_after: bytes | None = None
        self.swallowed = threading.Event()
        self._is_swallowing = False

    @property
    def database(self) -> str:
        """The address of the database that this is a line to."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/away2?sslmode=disable"

    def cut(self, resets: bool = False) -> None:
        """End all connections; later ones work."""
        self.swallows_after, self._is_swallowing = None, False
        super().cut(resets)

    def spoiler(self) -> Spoil:
        """See `Lines.spoiler`."""

        def spoil(way: Way, data: bytes) -> bytes:
            if way is Way.BACK and self._is_swallowing:
                self.swallowed.set()
                return b""
            if self.swallows_after is not None and self.swallows_after in data:
                self._is_swallowing = True
            return data

        return spoil


@pytest.mark.parametrize("said", [b"key-0001", b"gate", b"COMMIT"], ids=["at once", "in steps", "committing"])
async def test_a_line_that_stands_still_is_given_up(server: PostgresProcess, said: bytes) -> None:
    """Wherever a batch is then: what became of it is unknown, or known not to be stored; and all goes on."""
    server.sql("CREATE DATABASE away2")
    try:
        with Line(server) as line:
            async with opened(line.database, batch_s=0.5) as store:
                for text in ("first", "second"):
                    await append(store, draft(text))
                line.swallows_after = said
                sent = draft("third", "lobby" if said == b"key-0001" else "new", key="key-0001")
                with pytest.raises(Refusal, match="outcome_unknown"):
                    await append(store, sent)
                line.cut()
                await until_ready(store)
                answer = await append(store, sent)
                assert answer.seq == (3 if sent.room == "lobby" else 1)
                assert answer.replay == (said != b"gate")
    finally:
        server.sql("DROP DATABASE away2 WITH (FORCE)")


@pytest.mark.parametrize("how", ["at once", "after another node", "in steps"])
async def test_a_commit_whose_answer_is_lost_is_unknown_and_found_out(server: PostgresProcess, how: str) -> None:
    """What is stored is shown to readers once the line is back; its sender finds it by its key."""
    server.sql("CREATE DATABASE away2")
    try:
        with Line(server) as line:
            async with opened(line.database) as store:
                await append(store, draft("first"))
                async with opened(server.url("away2")) if how == "after another node" else nullcontext(store) as other:
                    await append(other, draft("second"))
                heads: list[tuple[str, int]] = []
                store.on_head(lambda room, seq: heads.append((room, seq)))
                line.swallows_after = b"key-0001" if how == "at once" else b"COMMIT"
                sent = draft("third", "new" if how == "in steps" else "lobby", key="key-0001")
                answer = append(store, sent)
                assert await asyncio.to_thread(line.swallowed.wait, TIMEOUT_S)
                line.cut()
                with pytest.raises(Refusal, match="outcome_unknown"):
                    await answer
                await until_ready(store)
                assert heads == [(sent.room, 1 if how == "in steps" else 3)]
                assert (await append(store, sent)).replay
                assert (await append(store, draft("fourth"))).seq == (3 if how == "in steps" else 4)
    finally:
        server.sql("DROP DATABASE away2 WITH (FORCE)")


@pytest.mark.parametrize("is_in_steps", [False, True])
async def test_what_another_node_removes_before_the_outcome_is_known_is_not_shown(
    server: PostgresProcess, is_in_steps: bool
) -> None:
    """It was stored all the same: readers are told where the room ends, and find what stands in its place."""
    server.sql("CREATE DATABASE away2")
    try:
        with Line(server) as line:
            async with opened(line.database) as store, opened(server.url("away2")) as other:
                await append(store, draft("first"))
                heads: dict[str, int] = {}
                store.on_head(heads.__setitem__)
                heard = listen(store)
                line.swallows_after = b"COMMIT" if is_in_steps else b"key-0001"
                sent = draft("second", "new" if is_in_steps else "lobby", key="key-0001")
                answer = append(store, sent)
                assert await asyncio.to_thread(line.swallowed.wait, TIMEOUT_S)
                seq = 1 if is_in_steps else 2
                tombstone = await other.run(redact(sent.room, seq))
                line.cut()
                with pytest.raises(Refusal, match="outcome_unknown"):
                    await answer
                await until_ready(store)
                assert heads == {sent.room: seq}
                assert heard == []
                assert (await store.after(sent.room, seq - 1, 9)) == [tombstone]
    finally:
        server.sql("DROP DATABASE away2 WITH (FORCE)")


async def test_a_read_over_a_line_that_stands_still_is_given_up(server: PostgresProcess) -> None:
    """Later ones come over other connections."""
    server.sql("CREATE DATABASE away2")
    try:
        with Line(server) as line:
            async with opened(line.database, read_s=0.3) as store:
                await stored(store, "first")
                await read(store)
                line.forget()
                with pytest.raises(Refusal, match="storage_unavailable"):
                    await asyncio.wait_for(store.after("lobby", 0, 9), TIMEOUT_S)
                assert await read(store) == [1]
    finally:
        server.sql("DROP DATABASE away2 WITH (FORCE)")


async def test_what_is_stored_after_it_was_given_up_is_shown_too(server: PostgresProcess) -> None:
    """A statement that a dead line has kept arrives when the node has another connection, and had looked."""
    server.sql("CREATE DATABASE away2")
    try:
        with Line(server) as line:
            async with opened(line.database, batch_s=0.3, look_s=0.1) as store:
                for text in ("first", "second"):  # each takes another statement, which is prepared from then on
                    await stored(store, text)
                store.follow()
                heads: dict[str, int] = {}
                store.on_head(heads.__setitem__)
                line.forget()
                with pytest.raises(Refusal, match="outcome_unknown"):
                    await append(store, draft("third"))
                await until_ready(store)
                assert heads == {}
                line.go_on()
                async with asyncio.timeout(TIMEOUT_S):
                    while heads != {"lobby": 3}:
                        await asyncio.sleep(0.01)
                assert (await stored(store, "fourth")).seq == 4
    finally:
        server.sql("DROP DATABASE away2 WITH (FORCE)")


async def test_a_batch_that_was_cut_before_its_commit_is_not_stored(server: PostgresProcess) -> None:
    """Its outcome is unknown until the line is back; then its key is free."""
    server.sql("CREATE DATABASE away3")
    async with opened(server.url("away3")) as store:
        await append(store, draft("first"))
        heard = listen(store)
        blocker = await asyncpg.connect(server.url("away3"))
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE events IN SHARE MODE")
            answer = append(store, draft("second", key="key-0001"))
            ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            async with asyncio.timeout(TIMEOUT_S):
                while not await blocker.fetchval(ended):
                    await asyncio.sleep(0.01)
            with pytest.raises(Refusal, match="outcome_unknown"):
                await answer
        await blocker.close()
        await until_ready(store)
        assert heard == []
        assert (await append(store, draft("second", key="key-0001"))).replay is False
        assert seqs(await store.after("lobby", 0, 9)) == [1, 2]


async def test_a_lost_connection_is_noticed_without_a_batch(server: PostgresProcess) -> None:
    """The first message after a restart of the database is stored like any other."""
    server.sql("CREATE DATABASE away4")
    async with opened(server.url("away4")) as store:
        await append(store, draft("before"))
        server.stop()
        async with asyncio.timeout(TIMEOUT_S):
            while store.is_ready():
                await asyncio.sleep(0.01)
        server.start()
        await until_ready(store)
        assert (await append(store, draft("after"))).seq == 2
