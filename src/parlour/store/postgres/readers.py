"""Reads through a few connections, which come and go with the database."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from collections.abc import Awaitable, Callable, Hashable
from functools import lru_cache, partial
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import asyncpg

from parlour.chat.ports import DamagedEvents
from parlour.core.errors import Refusal
from parlour.store.errors import StoreError
from parlour.store.postgres.connect import CONNECT_S, GONE, SETTINGS
from parlour.store.postgres.home import Home

_log = logging.getLogger("parlour.store")

QUEUE = 20_000
"""Different reads that may wait: enough for every stream of a full server to reconnect at once."""

REPORTS = 1000
"""Damaged places that are remembered as logged."""

CONNECTIONS = 4

P = ParamSpec("P")
Result = TypeVar("Result")
_Connection: TypeAlias = Any  # of a pool: asyncpg.pool.PoolConnectionProxy


async def _leave_as_it_is(_connection: _Connection) -> None:
    """After a read nothing is to be reset, and four statements to do so would cost as much as the read."""


class Readers:
    """Equal reads that wait at the same time are made once."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._waiting: dict[Hashable, Task[Any]] = {}
        self._tasks: set[Task[Any]] = set()
        self._say_once = lru_cache(REPORTS)(partial(_log.error, "%s"))  # a page may be asked for often
        self._is_closing = False

    @classmethod
    async def open(cls, home: Home, read_s: float) -> Readers:
        """A connection on which a statement takes longer than `read_s` is given up. Raises OSError,
        asyncpg.PostgresError."""
        pool = await asyncpg.create_pool(
            home.url,
            min_size=0,
            max_size=CONNECTIONS,
            init=home.require_or_end,
            reset=_leave_as_it_is,
            timeout=CONNECT_S,
            command_timeout=read_s,
            server_settings=SETTINGS,
        )
        return cls(pool)

    async def read(
        self,
        function: Callable[Concatenate[_Connection, P], Awaitable[Result]],
        *arguments: P.args,
        **_: P.kwargs,
    ) -> Result:
        """The result of `function(connection, *arguments)`, which sees all that any node has committed by now.

        So it may share the result of an equal read that waits, but not of one which has begun. Raises DamagedEvents,
        Refusal("storage_unavailable") when the database is away, ("overloaded") if too many reads wait, ("draining")
        after `close`.
        """
        if self._is_closing:
            raise Refusal("draining")
        key = (function, arguments)
        task = self._waiting.get(key)
        if task is None:
            if len(self._waiting) >= QUEUE:
                raise Refusal("overloaded", "Too many reads wait for the database.", retry_after=1)
            task = self._waiting[key] = asyncio.create_task(self._read(key, function, *arguments))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        result: Result = await asyncio.shield(task)
        return result

    def _done(self, task: Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: whoever asked may be gone

    async def _read(self, key: Hashable, function: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        try:
            async with self._pool.acquire() as connection:
                del self._waiting[key]
                return await function(connection, *arguments)
        except DamagedEvents as damaged:
            self._say_once(str(damaged.detail))
            raise
        except GONE as error:
            raise Refusal("storage_unavailable", "The database is away.", retry_after=1) from error
        except StoreError as error:
            raise Refusal("storage_unavailable", "Another database is there.", retry_after=1) from error
        except asyncpg.PostgresError as error:
            self._say_once(f"a read failed: {error}")
            raise Refusal("storage_unavailable", retry_after=1) from error
        finally:
            if self._waiting.get(key) is asyncio.current_task():  # there was no connection
                del self._waiting[key]

    async def close(self) -> None:
        """Wait for the reads that are under way, then close the connections."""
        self._is_closing = True
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._pool.terminate()
