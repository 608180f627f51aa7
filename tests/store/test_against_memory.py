"""Random histories: every engine answers exactly what the oracle answers, also after reopening."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parlour.chat.ports import Store
from parlour.core.errors import Refusal
from parlour.core.event import Author, Draft
from parlour.core.payloads import Message, Settings
from parlour.core.policy import Policy
from parlour.store.memory import MemoryStore
from tests.support.many import many
from tests.support.memory import directory_in_memory
from tests.support.postgres import Databases
from tests.support.stores import ALICE, BOB, CountedIds, HandClock, append, open_postgres, open_sqlite


def of_members(policy: Policy) -> Refusal | None:
    return Refusal("login_required", f"closed at {policy.seq}") if policy.access == "members" else None


ROOMS = ("lobby", "dev", "größe")
drafts = st.builds(
    Draft,
    room=st.sampled_from(ROOMS),
    author=st.sampled_from((ALICE, BOB, Author("u_bot", 'Bot "7"', "bot"))),
    payload=st.sampled_from((*map(Message, ("a", "b", "ünïcode ✓", "x" * 300)), Settings("open"), Settings("members"))),
    key=st.none() | st.sampled_from(("key-0001", "key-0002", "key-0003")),
    ref=st.none() | st.integers(1, 3),
    judged_at=st.none() | st.integers(0, 20),
    judge=st.just(of_members),
)
places = st.integers(-2, 40) | st.sampled_from((2**36 - 1,))
reads = st.tuples(
    st.sampled_from(("after", "before")),
    st.sampled_from((*ROOMS, "none")),
    places,
    st.integers(1, 20),
    st.integers(1, 3000),
)
steps = st.one_of(
    st.lists(drafts, min_size=1, max_size=12),
    reads,
    st.integers(-5000, 5000),
    st.just("reopen"),
    st.just("rooms"),
)


Open: TypeAlias = Callable[[HandClock], Awaitable[Store]]


async def play(open_store: Open, history: list[object]) -> None:
    clock = HandClock()
    oracle = MemoryStore(clock, CountedIds())
    store = await open_store(clock)
    heard: tuple[list[object], list[object]] = ([], [])
    oracle.on_commit(heard[0].extend)
    store.on_commit(heard[1].extend)
    for step in history:
        if isinstance(step, list):
            wanted = await asyncio.gather(*(append(oracle, each) for each in step), return_exceptions=True)
            found = await asyncio.gather(*(append(store, each) for each in step), return_exceptions=True)
            assert list(map(comparable, found)) == list(map(comparable, wanted))
        elif isinstance(step, tuple):
            name, *where = step
            assert await getattr(store, name)(*where) == await getattr(oracle, name)(*where)
            assert await store.log(where[0]) == await oracle.log(where[0])
        elif isinstance(step, int):
            clock.ms += step
        elif step == "rooms":
            assert await store.rooms(2) == await oracle.rooms(2)
        else:
            await store.close()
            store = await open_store(clock)
            store.on_commit(heard[1].extend)
    assert heard[1] == heard[0]
    assert (store.epoch, store.secret) == (oracle.epoch, oracle.secret)
    for room in ROOMS:
        assert await store.after(room, 0, 1000) == await oracle.after(room, 0, 1000)
    await store.close()
    await oracle.close()


def comparable(answer: object) -> object:
    return (answer.code, answer.detail, answer.field, answer.extra) if isinstance(answer, Refusal) else answer


@settings(max_examples=many(30))
@given(st.lists(steps, min_size=1, max_size=25))
def test_random_histories_agree(history: list[object]) -> None:
    with directory_in_memory() as directory:
        asyncio.run(play(lambda clock: open_sqlite(Path(directory), clock=clock), history))


@settings(max_examples=many(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=25))
def test_random_histories_agree_in_postgres(postgres: Databases, history: list[object]) -> None:
    with postgres.with_tables() as url:
        asyncio.run(play(lambda clock: open_postgres(url, clock=clock), history))
