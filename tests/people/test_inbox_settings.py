"""What accounts set for all their rooms, in memory, where other nodes change it too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from parlour.chat.inbox_settings import InboxSettings
from parlour.chat.statements import Query, R
from parlour.chat.tables.inbox import SET_INBOX_SETTING
from parlour.chat.transactions import Transaction
from parlour.core.errors import Refusal
from parlour.core.payloads import InboxChanged
from parlour.store.memory import MemoryStore
from tests.support.memory_hub import until
from tests.support.stores import CountedIds, HandClock


class BusyStore(MemoryStore):
    """A store in which something else happens just after it was read."""

    def __init__(self) -> None:
        super().__init__(HandClock(), CountedIds())
        self.then: Callable[[], Awaitable[None]] | None = None

    async def query(self, query: Query[R]) -> list[R]:
        rows = await super().query(query)
        if (then := self.then) is not None:
            self.then = None
            await then()
        return rows

    async def set(self, value: str) -> None:
        await self.run(_set("u_ada", value))


def _set(account: str, value: str) -> Transaction[None]:
    yield SET_INBOX_SETTING(account, "keywords", value)


async def test_what_is_set_while_it_is_read_is_not_forgotten() -> None:
    store = BusyStore()
    settings = InboxSettings(store, HandClock())

    async def change() -> None:
        await store.set("fire")
        settings.changed("u_ada", InboxChanged("keywords", "fire"))

    store.then = change
    await settings.load()
    assert settings.watching(["fire"]) == {"u_ada"}
    await store.close()


async def test_what_another_node_sets_while_it_is_read_or_after_a_refusal_is_read_again() -> None:
    store = BusyStore()
    settings = InboxSettings(store, HandClock(), read_again_s=0.0)

    async def fail() -> None:
        store.then = change
        raise Refusal("storage_unavailable")

    async def change() -> None:
        await store.set("fire")
        settings.head_moved(".u_ada", 1)

    store.then = fail
    settings.head_moved(".u_ada", 1)
    await until(lambda: settings.watching(["fire"]) == {"u_ada"})
    settings.close()
    await store.close()
