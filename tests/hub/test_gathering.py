"""Requests for the same work that follow closely are done together, once, after a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from parlour.hub.gathering import FIRST, Gathering


async def test_between_two_times_is_the_whole_pause_also_where_nothing_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy room whose messages come a moment after each look is told of no more often than any other."""
    loop, waits, runs = asyncio.get_running_loop(), [], []
    call_later = loop.call_later

    def noted(wait_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        waits.append(wait_s)
        return call_later(0, call)

    async def tell() -> None:
        runs.append(1)
        if len(runs) == 2:
            gathering.soon()  # while it is being done

    gathering = Gathering(tell, 100.0)
    monkeypatch.setattr(loop, "call_later", noted)
    monkeypatch.setattr(loop, "time", lambda: 1000.0)
    for _ in range(2):
        gathering.soon()
        gathering.soon()
        before = len(runs)
        while len(runs) == before:
            await asyncio.sleep(0)
    while len(runs) < 3:
        await asyncio.sleep(0)
    assert waits == [100.0 * FIRST, 100.0, 100.0]
    gathering.close()
