"""Throttle: peers that were refused resume in order, later the more there are, but never later than promised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import pytest
import uvloop

from parlour.http.throttle import LONGEST_S, STEP_S, Throttle
from tests.support.timeout import TIMEOUT_S

TIMER_ERROR_S = 0.002
"""A timer of the loop may fire this much early."""


async def test_each_peer_resumes_once_and_after_the_one_before() -> None:
    throttle = Throttle()
    resumed: list[int] = []
    begun = time.monotonic()
    done = asyncio.get_running_loop().create_future()
    for number in range(50):
        throttle.delay(partial(resumed.append, number))
    throttle.delay(lambda: done.set_result(None))
    await asyncio.wait_for(done, TIMEOUT_S)
    assert resumed == list(range(50))
    assert time.monotonic() - begun >= 50 * STEP_S - TIMER_ERROR_S


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_peers_resume_in_order_however_long_the_loop_is_held_up_between_them(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    throttle, resumed = Throttle(), list[int]()

    async def delayed() -> None:
        done = asyncio.get_running_loop().create_future()
        for number in range(10):
            throttle.delay(partial(resumed.append, number))
        throttle.delay(lambda: throttle.delay(lambda: done.set_result(None)))
        time.sleep(3 * STEP_S)  # noqa: ASYNC251 - holds up the loop, as a busy machine does
        throttle.delay(partial(resumed.append, 10))
        await asyncio.wait_for(done, TIMEOUT_S)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(delayed())
    assert resumed == list(range(11))


async def test_no_delay_is_longer_than_the_longest() -> None:
    loop, throttle = asyncio.get_running_loop(), Throttle()
    resumed: list[str] = []
    for _ in range(int(2 * LONGEST_S / STEP_S)):
        throttle.delay(lambda: None)
    throttle.delay(lambda: resumed.append("the last of them"))
    done = loop.create_future()
    # Timers fire in the order of their times, even when a busy machine makes them late.
    loop.call_later(LONGEST_S + TIMER_ERROR_S, done.set_result, None)
    await asyncio.wait_for(done, TIMEOUT_S)
    assert resumed == ["the last of them"]
