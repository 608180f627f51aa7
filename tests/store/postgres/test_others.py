"""Several nodes on one database: each learns what the others commit, whether it is announced or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from parlour.chat.ports import Commit
from parlour.chat.transactions import Append, DropExpired, NoteOldest, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Draft, Stored
from parlour.core.payloads import SERVER_LOG, ServerChanged, Settings
from parlour.core.policy import NO_POLICY, Policy
from parlour.relay.local import LocalRelay
from parlour.store.postgres.store import PostgresStore
from tests.support.stores import ALICE, CountedIds, HandClock, append, draft, open_postgres, redact
from tests.support.timeout import TIMEOUT_S


class Heard:
    """What the listeners of a store are told."""

    def __init__(self, store: PostgresStore) -> None:
        self.heads: dict[str, int] = {}
        self.policies: dict[str, Policy] = {}
        self.commits: list[Commit] = []
        self.redacted: list[tuple[str, Stored]] = []
        self.trimmed: list[tuple[str, int]] = []
        store.on_head(self.heads.__setitem__)
        store.on_policy(self.policies.__setitem__)
        store.on_commit(self.commits.extend)
        store.on_redact(lambda room, event: self.redacted.append((room, event)))
        store.on_trim(lambda room, first_seq: self.trimmed.append((room, first_seq)))

    def server_log(self) -> list[int]:
        """The seqs of the server's log, as they were told."""
        return [event.seq for room, events in self.commits if room == SERVER_LOG for event in events]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not happened():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def two_nodes(
    url: str, *, is_announced: bool = True, **tuning: Any
) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two nodes that read the lobby, and whose announcements arrive or do not."""
    clock = HandClock()
    relay = LocalRelay()
    other_relay = LocalRelay([relay] if is_announced else [])
    first = await open_postgres(url, relay=relay, clock=clock, ids=CountedIds(0), **tuning)
    second = await open_postgres(url, relay=other_relay, clock=clock, ids=CountedIds(500), **tuning)
    for store, its_relay in ((first, relay), (second, other_relay)):
        its_relay.start(store.secret)
        its_relay.subscribe("lobby")
        store.follow()
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


def add_to_server_log() -> Transaction[Appended]:
    answer: Appended = yield Append(Draft(SERVER_LOG, ALICE, ServerChanged("rooms", "members")))
    return answer


def note_oldest() -> Transaction[None]:
    yield NoteOldest(None)


def drop_all(now_ms: int) -> Transaction[bool]:
    is_more: bool = yield DropExpired(now_ms, now_ms, 100)
    return is_more


@pytest.mark.parametrize(("is_announced", "look_s"), [(True, 300.0), (False, 0.05)])
async def test_what_one_node_commits_is_told_on_the_other(database: str, is_announced: bool, look_s: float) -> None:
    """Also if no announcement ever arrives: then the log of commits is read."""
    async with two_nodes(database, is_announced=is_announced, look_s=look_s) as (first, second):
        here = Heard(second)
        for text in ("one", "two", "three"):
            await append(first, draft(text))
        await append(first, Draft("lobby", ALICE, Settings("members")))
        await until(lambda: here.heads.get("lobby") == 4 and here.policies.get("lobby", NO_POLICY).access == "members")
        tombstone = await first.run(redact("lobby", 2))
        await until(lambda: here.redacted == [("lobby", tombstone)])
        await first.run(note_oldest())
        await first.run(drop_all(HandClock().ms + 1))
        await until(lambda: here.trimmed == [("lobby", 4)])
        assert [summary.room for summary in await second.rooms(5)] == ["lobby"]


async def test_the_servers_log_is_told_whole_and_in_order_on_every_node(database: str) -> None:
    async with two_nodes(database, look_s=0.05) as (first, second):
        heard = Heard(first), Heard(second)
        for number in range(20):
            await asyncio.gather(*(store.run(add_to_server_log()) for store in (first, second)[: 1 + number % 2]))
        for each in heard:
            await until(lambda each=each: len(each.server_log()) == 30)  # type: ignore[misc]
            assert each.server_log() == list(range(1, 31))


async def test_a_room_that_two_nodes_post_to_has_one_order(database: str) -> None:
    async with two_nodes(database, look_s=0.05) as stores:
        answers = await asyncio.gather(
            *(append(stores[number % 2], draft(f"text {number}", key=f"key-{number:04}")) for number in range(300))
        )
        assert sorted(answer.seq for answer in answers) == list(range(1, 301))
        repeats = [
            await append(stores[1], draft(f"text {number}", key=f"key-{number:04}")) for number in range(0, 300, 50)
        ]
        assert all(repeat.replay for repeat in repeats)
        events = await stores[0].after("lobby", 0, 1000)
        assert events == await stores[1].after("lobby", 0, 1000)
        assert [event.seq for event in events] == list(range(1, 301))


async def test_nodes_that_post_to_the_same_rooms_store_side_by_side(database: str) -> None:
    """Each numbers from where the other has ended, and no batch closes the gate for it."""
    rooms = ("lobby", "garden", "attic")
    async with two_nodes(database) as stores:
        for room in rooms:
            await append(stores[0], draft("first", room))
        other = await asyncpg.connect(database)
        try:
            async with other.transaction(), asyncio.timeout(TIMEOUT_S):
                await other.execute("LOCK TABLE gate IN ROW SHARE MODE")  # as while another node stores a batch
                for number in range(20):
                    texts = ((store, draft(f"{number}", room)) for store in stores for room in rooms[: 1 + number % 3])
                    await asyncio.gather(*(append(*each) for each in texts))
        finally:
            await other.close()
        for room, count in zip(rooms, (41, 27, 13), strict=True):
            events = await stores[0].after(room, 0, 1000)
            assert [event.seq for event in events] == list(range(1, count + 1))
            assert events == await stores[1].after(room, 0, 1000)


async def test_a_message_meets_what_another_node_has_done_to_its_room_and_key(database: str) -> None:
    """Nothing that the other one does is announced."""
    async with two_nodes(database, is_announced=False) as (first, second):
        keyed = draft("with a key", key="key-0001")
        for store in (first, second, first, second):
            await append(store, draft())
        assert (await append(first, keyed)).seq == 5
        repeat = await append(second, keyed)
        assert (repeat.seq, repeat.replay) == (5, True)
        await append(second, draft())
        await append(first, Draft("lobby", ALICE, Settings("members")))
        forbidden = Refusal("forbidden")
        late = replace(draft(), judged_at=0, judge=lambda policy: forbidden if policy.access == "members" else None)
        with pytest.raises(Refusal, match="forbidden"):
            await append(second, late)
        assert (await append(second, draft())).seq == 8


async def test_one_node_at_a_time_does_a_piece_of_work(database: str) -> None:
    """And another one once that has gone."""
    async with two_nodes(database, look_s=0.05) as (first, second):
        await first.lead("retention")
        await second.lead("another work")
        waiting = asyncio.create_task(second.lead("retention"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await first.close()
        await asyncio.wait_for(waiting, TIMEOUT_S)


async def test_the_log_of_commits_is_dropped_after_an_hour(database: str) -> None:
    async with two_nodes(database, look_s=0.05, commits_kept_ms=-1, drop_every_s=0.0) as (first, _):
        for number in range(10):
            await append(first, draft(f"text {number}"))
        connection = await asyncpg.connect(database)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while await connection.fetchval("SELECT count(*) FROM commits"):
                    await asyncio.sleep(0.01)
        finally:
            await connection.close()


async def test_many_that_catch_up_at_once_wait_for_no_connection_of_each_other(database: str) -> None:
    async with two_nodes(database, look_s=30.0, is_announced=False) as (first, second):
        heard = Heard(second)
        for _ in range(10):
            await first.run(add_to_server_log())
            waiting = []
            for _ in range(12):  # each begins in an iteration of its own, so none shares the read of another
                waiting.append(asyncio.create_task(second.catch_up()))
                await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.gather(*waiting), TIMEOUT_S)
        assert heard.server_log() == list(range(1, 11))


async def test_a_dump_that_is_being_made_holds_nobody_up(database: str) -> None:
    """`pg_dump` keeps its locks of all tables until it ends."""
    async with two_nodes(database) as (first, _):
        await append(first, draft())
        dump = await asyncpg.connect(database)
        try:
            async with dump.transaction():
                for (table,) in await dump.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
                    await dump.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
                for room in ("lobby", "new"):
                    await asyncio.wait_for(append(first, draft("meanwhile", room)), TIMEOUT_S)
        finally:
            await dump.close()
