"""Reads what is new in several rooms by one statement: news of many rooms comes at once."""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from typing import TypeAlias

from parlour.core.cursor import MAX_SEQ
from parlour.core.event import Stored
from parlour.store.postgres.pages import page, pages_after
from parlour.store.postgres.readers import Readers

ROOMS = 16
"""Read by one statement: with pages of 256 KiB, 4 MiB are in memory at once."""

_Limits: TypeAlias = tuple[int, int]
_Place: TypeAlias = tuple[str, int]


class PagesTogether:
    """Gathers what is asked for in one iteration of the loop, of pages with the same limits."""

    def __init__(self, readers: Readers, seed: str) -> None:
        self._readers, self._seed = readers, seed
        self._asked: dict[_Limits, dict[_Place, Future[list[Stored]]]] = {}
        self._tasks: set[Task[None]] = set()

    async def after(self, room: str, seq: int, limit: int, max_bytes: int) -> list[Stored]:
        """See `Store.after`."""
        loop = asyncio.get_running_loop()
        limits = limit, max_bytes
        asked = self._asked.get(limits)
        if asked is None:
            asked = self._asked[limits] = {}
            loop.call_soon(self._read, limits)
        future = asked.get((room, seq))
        if future is None:
            future = asked[room, seq] = loop.create_future()
        return await asyncio.shield(future)

    def _read(self, limits: _Limits) -> None:
        asked = list(self._asked.pop(limits).items())
        for start in range(0, len(asked), ROOMS):
            task = asyncio.create_task(self._answer(asked[start : start + ROOMS], limits))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: list[tuple[_Place, Future[list[Stored]]]], limits: _Limits) -> None:
        found: list[list[Stored] | Exception]
        try:
            if len(asked) == 1:
                (room, seq), _ = asked[0]
                span = (seq + 1, MAX_SEQ)
                found = [await self._readers.read(page, self._seed, room, span, *limits, False)]
            else:
                places = tuple(place for place, _ in asked)
                found = [*await self._readers.read(pages_after, self._seed, places, *limits)]
        except Exception as error:
            found = [error] * len(asked)
        for (_, future), events in zip(asked, found, strict=True):
            if future.done():
                continue
            if isinstance(events, Exception):
                future.set_exception(events)
                future.exception()  # its reader may have gone
            else:
                future.set_result(events)
