"""The reader threads: read-only connections that answer pages while the writer commits."""

from __future__ import annotations

import asyncio
import logging
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar

import apsw

from parlour.chat.ports import DamagedEvents
from parlour.core.errors import Refusal

_log = logging.getLogger("parlour.store")

QUEUE = 20_000
"""Different reads that may wait: enough for every stream of a full server to reconnect at once."""

REPORTS = 1000
"""Damaged places that are remembered as logged."""

Result = TypeVar("Result")
_Job: TypeAlias = tuple[int, Callable[..., Any], tuple[Hashable, ...]]


class Readers:
    """Reads on a few threads. Equal reads that wait at the same time are made once."""

    def __init__(self, connections: list[apsw.Connection], loop: AbstractEventLoop, queue: int = QUEUE) -> None:
        """`queue` is how many different reads may wait."""
        self._queue = queue
        self._loop = loop
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting: dict[_Job, list[Future[Any]]] = {}
        self._say_once = lru_cache(REPORTS)(partial(_log.error, "%s"))  # a page may be asked for often
        self._closing = False
        self._ends: list[Future[None]] = [loop.create_future() for _ in connections]
        for connection, end in zip(connections, self._ends, strict=True):
            Thread(target=self._run, args=(connection, end), name="parlour-reader", daemon=True).start()

    def read(self, commits: int, query: Callable[..., Result], *arguments: Hashable) -> Future[Result]:
        """The result of `query(connection, *arguments)`, which sees at least the first `commits` transactions.

        A read may share the result of one that was asked for since the same commit, not of an older one: a sender
        that has its answer finds its event. Fails with DamagedEvents, with Refusal("storage_unavailable") for a failing
        disk, ("overloaded") if too many reads wait, ("draining") after `close`.
        """
        future: Future[Result] = self._loop.create_future()
        job = (commits, query, arguments)
        if self._closing:
            future.set_exception(Refusal("draining"))
        elif job in self._waiting:
            self._waiting[job].append(future)
        elif len(self._waiting) >= self._queue:
            future.set_exception(Refusal("overloaded", "Too many reads wait for the disk.", retry_after=1))
        else:
            self._waiting[job] = [future]
            self._jobs.put(job)
        return future

    async def close(self) -> None:
        """Answer what waits, then end the threads and close the connections."""
        self._closing = True
        for _ in self._ends:
            self._jobs.put(None)
        await asyncio.gather(*self._ends)

    def _run(self, connection: apsw.Connection, end: Future[None]) -> None:
        while (job := self._jobs.get()) is not None:
            _, query, arguments = job
            result: object
            try:
                result = query(connection, *arguments)
            except DamagedEvents as damaged:
                self._say_once(damaged.detail)
                result = damaged
            except apsw.Error as error:
                _log.error("a read failed: %s", error)
                result = Refusal("storage_unavailable")
            except Exception:
                _log.exception("a read failed")
                result = Refusal("internal")
            self._loop.call_soon_threadsafe(self._answer, job, result)
        connection.close()
        self._loop.call_soon_threadsafe(end.set_result, None)

    def _answer(self, job: _Job, result: object) -> None:
        for future in self._waiting.pop(job):
            if future.done():  # who asked has gone
                continue
            if isinstance(result, Refusal):
                future.set_exception(result)
            else:
                future.set_result(result)
