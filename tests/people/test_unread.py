"""What is unread, and what is for somebody: the same by the tables and by the logs, on every device and engine."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from parlour.chat.ports import Store
from parlour.store.memory import MemoryStore
from tests.support.inbox_history import History
from tests.support.stores import CountedIds, HandClock, open_postgres, open_sqlite

Open = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens a new store of one engine."""
    numbers = itertools.count()

    async def memory() -> Store:
        return MemoryStore(HandClock(), CountedIds())

    async def sqlite() -> Store:
        return await open_sqlite(tmp_path / f"data-{next(numbers)}")

    if request.param == "postgres":
        url = request.getfixturevalue("emptied_database")

        async def postgres() -> Store:
            return await open_postgres(url)

        return postgres
    return memory if request.param == "memory" else sqlite


HISTORIES = {"memory": 20, "sqlite": 20, "postgres": 3}
MANY = {"memory": 8000, "sqlite": 1900, "postgres": 100}


async def _run(open_store: Open, first: int, count: int, at_once: int = 100) -> None:
    for seed in range(first, first + count):
        if (seed - first) % at_once == 0:  # a store that has few rooms is as good, and faster
            store = await open_store()
            history = History(store)
        await history.run(seed)
        if (seed - first) % at_once == at_once - 1 or seed == first + count - 1:
            await store.close()


async def test_devices_that_read_logs_show_what_the_tables_say(
    open_store: Open, request: pytest.FixtureRequest
) -> None:
    """Unread and mentions are the fold of the logs, whatever order three devices read them in."""
    await _run(open_store, 0, HISTORIES[request.node.callspec.params["open_store"]])


@pytest.mark.long
@pytest.mark.timeout(3000)
async def test_ten_thousand_histories(open_store: Open, request: pytest.FixtureRequest) -> None:
    """The same, for long."""
    await _run(open_store, 1000, MANY[request.node.callspec.params["open_store"]])
