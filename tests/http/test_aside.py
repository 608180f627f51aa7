"""Who was refused for want of room comes back soon, but not all at once."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from parlour.http.aside import APART_S, LONGEST_S, Aside
from tests.support.patience import PATIENCE_S

GRAIN_S = 0.002
"""A timer of the loop may ring so much earlier."""


async def test_each_comes_back_once_behind_the_one_before() -> None:
    aside = Aside()
    back: list[int] = []
    begun = time.monotonic()
    done = asyncio.get_running_loop().create_future()
    for number in range(50):
        aside.wait(partial(back.append, number))
    aside.wait(lambda: done.set_result(None))
    await asyncio.wait_for(done, PATIENCE_S)
    assert back == list(range(50))
    assert time.monotonic() - begun >= 50 * APART_S - GRAIN_S


async def test_nobody_in_a_large_crowd_waits_longer_than_was_said() -> None:
    loop, aside = asyncio.get_running_loop(), Aside()
    back: list[str] = []
    for _ in range(int(2 * LONGEST_S / APART_S)):
        aside.wait(lambda: None)
    aside.wait(lambda: back.append("the last of them"))
    done = loop.create_future()
    # Timers ring in the order of their times, however late a busy machine lets them.
    loop.call_later(LONGEST_S + GRAIN_S, done.set_result, None)
    await asyncio.wait_for(done, PATIENCE_S)
    assert back == ["the last of them"]
