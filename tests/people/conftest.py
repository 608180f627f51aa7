from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from parlour.chat.ports import Store
from parlour.store.memory import MemoryStore
from tests.people.house import House
from tests.people.server import Town
from tests.support.server import ServerProcess
from tests.support.stores import CountedIds, HandClock, open_postgres, open_sqlite


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    clock = HandClock()
    store: Store
    if request.param == "memory":
        store = MemoryStore(clock, CountedIds())
    elif request.param == "sqlite":
        store = await open_sqlite(tmp_path, clock=clock)
    else:
        store = await open_postgres(request.getfixturevalue("emptied_database"), clock=clock)
    made = House(store, clock=clock)
    yield made
    await store.close()
    made.passwords.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("town") / "data", "--access-log", "on") as running:
        town = Town(running)
        yield town
        town.close()
