"""Clocks, ids, drafts and stores for tests."""

from __future__ import annotations

import asyncio
import itertools
from asyncio import Future
from pathlib import Path
from typing import Any

from parlour.chat.ports import Relay, Store
from parlour.chat.transactions import Redact, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Author, Draft, Stored
from parlour.core.payloads import Message
from parlour.relay.local import LocalRelay
from parlour.store.commit_queue import QUEUE_BYTES
from parlour.store.postgres.store import PostgresStore
from parlour.store.postgres.tuning import PostgresTuning
from parlour.store.sqlite.store import SqliteStore
from parlour.store.sqlite.tuning import SqliteTuning
from tests.support.timeout import TIMEOUT_S as TIMEOUT_S  # the tests of the hub have it from here

ALICE = Author("u_alice", "alice", "member")
BOB = Author("u_bob", "bob", "guest")


class HandClock:
    """A clock that stands still until it is set."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


class CountedIds:
    """Numbered tokens; instances with different `start` never give the same one."""

    def __init__(self, start: int = 0) -> None:
        self._count = itertools.count(start)

    def token(self) -> str:
        return f"{next(self._count):022}"

    def secret(self) -> str:
        return f"{next(self._count):043}"

    def fraction(self) -> float:
        return 0.5


class Fatal:
    """An `on_fatal` that remembers."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.happened = asyncio.Event()

    def __call__(self, error: BaseException) -> None:
        self.errors.append(error)
        self.happened.set()


def redact(room: str, seq: int) -> Transaction[Stored]:
    """Remove what an event says; gives the tombstone."""
    tombstone: Stored = yield Redact(room, seq)
    return tombstone


def draft(text: str = "hello", room: str = "lobby", key: str | None = None, author: Author = ALICE) -> Draft:
    return Draft(room, author, Message(text), key)


def append(store: Store, draft: Draft) -> Future[Appended]:
    """`Store.append` as a coroutine: gives the durable event, or raises the Refusal."""
    future: Future[Appended] = asyncio.get_running_loop().create_future()

    def done(answer: Answer) -> None:
        if future.done():
            return
        if isinstance(answer, Refusal):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    try:
        store.append(draft, done)
    except Refusal as refusal:
        future.set_exception(refusal)
    return future


TUNING: dict[str, Any] = {}
"""Of every store that `open_sqlite` opens, for fixtures."""


async def open_sqlite(
    directory: Path,
    *,
    clock: HandClock | None = None,
    fatal: Fatal | None = None,
    ids: CountedIds | None = None,
    queue_bytes: int = QUEUE_BYTES,
    **tuning: Any,
) -> SqliteStore:
    """A SqliteStore, tuned (`SqliteTuning`).

    Without `fatal` a disk failure fails the test through the loop's exception handler.
    """
    return await SqliteStore.open(
        directory,
        clock=clock or HandClock(),
        ids=ids or CountedIds(),
        on_fatal=fatal or _unexpected,
        queue_bytes=queue_bytes,
        tuning=SqliteTuning(**TUNING | tuning),
    )


async def open_postgres(
    url: str,
    *,
    relay: Relay | None = None,
    clock: HandClock | None = None,
    ids: CountedIds | None = None,
    fatal: Fatal | None = None,
    **tuning: Any,
) -> PostgresStore:
    """A PostgresStore, tuned (`PostgresTuning`). Without `relay` nobody hears what it announces.

    Without `fatal` what ends a node fails the test through the loop's exception handler.
    """
    return await PostgresStore.open(
        url,
        relay=relay or LocalRelay(),
        clock=clock or HandClock(),
        ids=ids or CountedIds(),
        on_fatal=fatal or _unexpected,
        tuning=PostgresTuning(**tuning),
    )


def _unexpected(error: BaseException) -> None:
    raise error
