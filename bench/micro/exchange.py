"""What running a handler costs: an Exchange beside an asyncio.Task; prints one table.

    python bench/micro/exchange.py

A wave of 64 handlers starts in one turn of the loop, as after a read of 64 sockets. Each waits for nothing, or once for
a future that one callback resolves for all, as a commit does; then its answer is noted. CPU time, least of 30 runs.
"""

from __future__ import annotations

import asyncio
import platform
import time
from asyncio import Future
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

import uvloop

from parlour.net.exchange import Exchange

WAVE, WAVES, RUNS = 64, 200, 30

Handler = Coroutine[Any, Any, int]


async def at_once() -> int:
    return 1


async def after(commit: Future[int]) -> int:
    return await commit


def as_exchange(handler: Handler, answer: Callable[[object], None]) -> None:
    Exchange(handler, answer).start()


def as_task(handler: Handler, answer: Callable[[object], None]) -> None:
    # A server has to hold on to its tasks; the connection would, as it does to its exchange.
    task = asyncio.get_running_loop().create_task(handler)
    task.add_done_callback(lambda done: answer(done.result()))


def resolve(commits: list[Future[int]]) -> None:
    for commit in commits:
        commit.set_result(1)


async def cost(start: Callable[[Handler, Callable[[object], None]], None], *, waits: bool) -> float:
    """CPU µs per handler."""
    loop = asyncio.get_running_loop()
    best = float("inf")
    for _ in range(RUNS):
        begun = time.process_time()
        for _ in range(WAVES):
            left = WAVE
            all_answered: Future[None] = loop.create_future()

            def answer(_outcome: object) -> None:
                nonlocal left
                left -= 1
                if not left:
                    all_answered.set_result(None)  # noqa: B023 - the wave ends before the next begins

            commits: list[Future[int]] = [loop.create_future() for _ in range(WAVE)] if waits else []
            for index in range(WAVE):
                start(after(commits[index]) if waits else at_once(), answer)
            loop.call_soon(resolve, commits)
            await all_answered
        best = min(best, (time.process_time() - begun) / (WAVE * WAVES) * 1e6)
    return best


async def main() -> None:
    print(f"Python {platform.python_version()}, uvloop {version('uvloop')}, {platform.platform()}")
    print("\nthe handler     Exchange µs   Task µs")
    for name, waits in (("waits for nothing", False), ("waits once", True)):
        print(f"{name:17} {await cost(as_exchange, waits=waits):9.2f} {await cost(as_task, waits=waits):9.2f}")


if __name__ == "__main__":
    uvloop.run(main())
