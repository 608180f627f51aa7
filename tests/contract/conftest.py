"""The stores that the contract suites run over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from parlour.chat.ports import Commit, Store
from parlour.core.event import Stored
from parlour.store.memory import MemoryStore
from tests.support.stores import CountedIds, HandClock, open_postgres, open_sqlite


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore(clock, CountedIds())
    elif request.param == "sqlite":
        made = await open_sqlite(tmp_path / "data", clock=clock)
    else:
        url = request.getfixturevalue("emptied_database")
        made = await open_postgres(url, clock=clock)
    yield made
    await made.close()


def seqs(events: Sequence[Stored]) -> list[int]:
    return [event.seq for event in events]


def listen(store: Store) -> list[Commit]:
    heard: list[Commit] = []
    store.on_commit(heard.extend)
    return heard
