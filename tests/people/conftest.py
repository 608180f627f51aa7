from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from parlour.chat.ports import Store
from parlour.store.memory import MemoryStore
from tests.people.house import House
from tests.people.server import Town, join
from tests.support.server import ServerProcess
from tests.support.stores import CountedIds, HandClock, open_postgres, open_sqlite

ONE_OF = 3
"""One of so many tests of a house is tried over PostgreSQL by default: what they ask of it the contract suites ask too,
and tests/meta/test_sql.py reads every statement as both engines do."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The others are for the long run."""
    over_postgres = [item for item in items if _engine(item) == "postgres"]
    for number, item in enumerate(over_postgres):
        if number % ONE_OF:
            item.add_marker("long")


def _engine(item: pytest.Item) -> str | None:
    """The engine of the house that a test is in, if it is in one."""
    callspec = getattr(item, "callspec", None)
    engine: str | None = None if callspec is None else callspec.params.get("house")
    return engine


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
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A server with the `OPTIONS` of the module."""
    options = getattr(request.module, "OPTIONS", ("--access-log", "on"))
    with ServerProcess(tmp_path_factory.mktemp("town") / "data", *options) as running:
        town = Town(running)
        yield town
        town.close()


@pytest.fixture(scope="module")
def ada(town: Town) -> httpx.Client:
    """Somebody who has an account, and asks for JSON."""
    return join(town, "ada")


@pytest.fixture(scope="module")
def bob(town: Town) -> httpx.Client:
    """The same."""
    return join(town, "bob")


@pytest.fixture(scope="module")
def moss(town: Town) -> httpx.Client:
    """A moderator of the server."""
    return join(town, "moss", "moderator")
