"""Run event loops in a thread where Playwright runs: its own loop counts as running all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_loop_running() -> Iterator[None]:
    """Let another loop run in this thread; the one that ran goes on afterwards, unless it has ended."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        if loop is not None and loop.is_running():
            asyncio._set_running_loop(loop)
