"""The reader threads: read-only connections that answer pages while the writer commits."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import apsw

from parlour.core.errors import Refusal
from parlour.store.sqlite.rows import BadRow

_log = logging.getLogger("parlour.store")

QUEUE = 20_000
"""Different reads waiting: enough for every stream of a full server to reconnect at once."""

Result = TypeVar("Result")
Query = Callable[[apsw.Connection], Result]


class Readers:
    """Runs queries on a few threads. Equal reads that are waiting together are made once."""

    def __init__(self, connections: list[apsw.Connection], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: SimpleQueue[tuple[object, Query[Any]] | None] = SimpleQueue()
        self._waiting: dict[object, list[Future[Any]]] = {}
        self._threads = [
            Thread(target=self._run, args=(connection,), name="parlour-reader", daemon=True)
            for connection in connections
        ]
        self._closed = False
        for thread in self._threads:
            thread.start()

    def read(self, key: object, query: Query[Result]) -> Future[Result]:
        """The result of `query`, run on a reader thread; `key` names everything that it depends on.

        Fails with Refusal("storage_unavailable") for a damaged row or disk, Refusal("overloaded") if too much waits.
        """
        future: Future[Result] = self._loop.create_future()
        if self._closed:
            future.set_exception(Refusal("draining"))
        elif key in self._waiting:
            self._waiting[key].append(future)
        elif len(self._waiting) >= QUEUE:
            future.set_exception(Refusal("overloaded", retry_after=1))
        else:
            self._waiting[key] = [future]
            self._jobs.put((key, query))
        return future

    async def close(self) -> None:
        """Answer what is waiting, then end the threads."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self, connection: apsw.Connection) -> None:
        while (job := self._jobs.get()) is not None:
            key, query = job
            result: object
            try:
                result = query(connection)
            except BadRow as error:
                _log.error("%s", error)
                result = Refusal("storage_unavailable", str(error))
            except apsw.Error as error:
                _log.error("read failed: %s", error)
                result = Refusal("storage_unavailable")
            except Exception:
                _log.exception("read failed")
                result = Refusal("internal")
            self._loop.call_soon_threadsafe(self._answer, key, result)
        connection.close()

    def _answer(self, key: object, result: object) -> None:
        for future in self._waiting.pop(key):
            if future.done():  # its reader has gone
                continue
            if isinstance(result, Refusal):
                future.set_exception(result)
            else:
                future.set_result(result)
