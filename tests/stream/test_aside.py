"""Who was refused for want of room comes back soon, but not all at once."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from parlour.stream.aside import APART_S, LONGEST_S, Aside


async def test_each_comes_back_once_behind_the_one_before() -> None:
    aside = Aside()
    back: list[int] = []
    begun = time.monotonic()
    done = asyncio.get_running_loop().create_future()
    for number in range(50):
        aside.wait(partial(back.append, number))
    aside.wait(lambda: done.set_result(None))
    await asyncio.wait_for(done, 5)
    assert back == list(range(50))
    assert time.monotonic() - begun >= 50 * APART_S - 0.002  # a timer's grain


async def test_nobody_in_a_large_crowd_waits_longer_than_was_said() -> None:
    aside = Aside()
    done = asyncio.get_running_loop().create_future()
    for _ in range(int(2 * LONGEST_S / APART_S)):
        aside.wait(lambda: None)
    begun = asyncio.get_running_loop().time()
    timers_late = asyncio.get_running_loop().call_later(LONGEST_S + 4, done.cancel)
    aside.wait(lambda: done.set_result(None))
    await done
    timers_late.cancel()
    assert asyncio.get_running_loop().time() - begun < LONGEST_S + 4
