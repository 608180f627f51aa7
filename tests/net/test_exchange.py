"""Exchange: a handler runs without a task, and ends with its client without taking anything along."""

from __future__ import annotations

import asyncio
from typing import Any

from parlour.net.exchange import Exchange


class Outcome:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, outcome: Any) -> None:
        self.calls.append(outcome)


async def test_handler_that_never_waits_is_done_when_start_returns() -> None:
    async def handler() -> int:
        return 7

    outcome = Outcome()
    Exchange(handler(), outcome).start()
    assert outcome.calls == [7]


async def test_handler_resumes_with_results_and_exceptions_of_futures() -> None:
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()

    async def handler() -> str:
        number = await first
        try:
            await second
        except KeyError:
            await asyncio.sleep(0)
            return f"{number} and a KeyError"
        return "?"

    outcome = Outcome()
    Exchange(handler(), outcome).start()
    first.set_result(1)
    await asyncio.sleep(0)
    second.set_exception(KeyError("x"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert outcome.calls == ["1 and a KeyError"]


async def test_handler_that_raises_is_reported_once() -> None:
    async def handler() -> None:
        raise ValueError("no")

    outcome = Outcome()
    Exchange(handler(), outcome).start()
    (error,) = outcome.calls
    assert isinstance(error, ValueError)


async def test_cancel_runs_cleanup_and_leaves_the_future_to_others() -> None:
    loop = asyncio.get_running_loop()
    commit = loop.create_future()
    cleaned = []

    async def handler() -> None:
        try:
            await commit
        finally:
            cleaned.append(True)

    outcome = Outcome()
    exchange = Exchange(handler(), outcome)
    exchange.start()
    exchange.cancel()
    assert cleaned == [True]
    assert outcome.calls == []
    assert not commit.cancelled()
    commit.set_result(None)  # must not wake what is gone
    await asyncio.sleep(0)
    assert outcome.calls == []
