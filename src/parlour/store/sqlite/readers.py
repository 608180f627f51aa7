"""The reader threads: read-only connections that answer pages while the writer commits."""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, Future
from collections.abc import Hashable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

import apsw

from parlour.chat.ports import DamagedEvents
from parlour.core.errors import Refusal
from parlour.store.sqlite.rows import BadRows

_log = logging.getLogger("parlour.store")

QUEUE = 20_000
"""Different reads that may wait: enough for every stream of a full server to reconnect at once."""

REPORTS = 1000
"""Damaged places that are remembered as logged."""

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")


class Query(Hashable, Protocol[Result_co]):
    """A read as a value: equal queries have equal results as long as nothing is committed."""

    def run(self, connection: apsw.Connection) -> Result_co:
        """The result. Raises BadRows, apsw.Error."""


class Readers:
    """Runs queries on a few threads. Equal ones that wait at the same time are run once."""

    def __init__(self, connections: list[apsw.Connection], loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: SimpleQueue[tuple[int, Query[Any]] | None] = SimpleQueue()
        self._waiting: dict[tuple[int, Query[Any]], list[Future[Any]]] = {}
        self._reported: set[tuple[str, int]] = set()
        self._open = len(connections)
        self._closing = False
        self._ended: Future[None] = loop.create_future()
        for connection in connections:
            Thread(target=self._run, args=(connection,), name="parlour-reader", daemon=True).start()

    def read(self, commits: int, query: Query[Result]) -> Future[Result]:
        """The result of `query`, which sees at least the first `commits` transactions.

        A read may share the result of one that was asked for since the same commit, not of an older one: a sender
        that has its answer finds its event. Fails with DamagedEvents, with Refusal("storage_unavailable") for a failing
        disk, ("overloaded") if too many reads wait, ("draining") after `close`.
        """
        future: Future[Result] = self._loop.create_future()
        job = (commits, query)
        if self._closing:
            future.set_exception(Refusal("draining"))
        elif job in self._waiting:
            self._waiting[job].append(future)
        elif len(self._waiting) >= QUEUE:
            future.set_exception(Refusal("overloaded", "Too many reads wait for the disk.", retry_after=1))
        else:
            self._waiting[job] = [future]
            self._jobs.put(job)
        return future

    async def close(self) -> None:
        """Answer what waits, then end the threads and close the connections."""
        self._closing = True
        for _ in range(self._open):
            self._jobs.put(None)
        await self._ended

    def _run(self, connection: apsw.Connection) -> None:
        while (job := self._jobs.get()) is not None:
            result: object
            try:
                result = job[1].run(connection)
            except BadRows as error:
                self._report(error)
                result = error.good or DamagedEvents(error.room, error.first, error.last, str(error))
            except apsw.Error as error:
                _log.error("a read failed: %s", error)
                result = Refusal("storage_unavailable")
            except Exception:
                _log.exception("a read failed")
                result = Refusal("internal")
            self._loop.call_soon_threadsafe(self._answer, job, result)
        connection.close()
        self._loop.call_soon_threadsafe(self._one_ended)

    def _report(self, error: BadRows) -> None:
        """Say it once: the page may be asked for often."""
        place = (error.room, error.first)
        if place not in self._reported:
            if len(self._reported) >= REPORTS:
                self._reported.clear()
            self._reported.add(place)
            _log.error("%s", error)

    def _answer(self, job: tuple[int, Query[Any]], result: object) -> None:
        for future in self._waiting.pop(job):
            if future.done():  # who asked has gone
                continue
            if isinstance(result, Refusal):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _one_ended(self) -> None:
        self._open -= 1
        if not self._open:
            self._ended.set_result(None)
