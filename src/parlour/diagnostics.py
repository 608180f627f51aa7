"""Answers for a person at 3 a.m. who asks a running server: stacks, connections, sizes.

With `--debug` also who holds the memory, and what holds the event loop and for how long.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import resource
import sys
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from contextlib import suppress
from types import FrameType

from parlour.app import App
from parlour.log import INFO, WARNING, event

_log = logging.getLogger("parlour.diagnostics")

SHOWN_CONNECTIONS = 200
SHOWN_ALLOCATIONS = 15
ALLOCATION_FRAMES = 10
_SHOWN_CALLS = 12

SLOW_S = 0.05
"""No single input may hold the event loop for longer."""

EVERY_S = 0.01
"""Between two questions to the loop: a hold that is longer than both numbers together is never missed."""


def report(app: App) -> None:
    """Write all thread stacks, the connection table and the sizes of everything that can grow to the log."""
    _stacks()
    _connections(app)
    event(_log, "sizes", INFO, error=None, **app.sizes(), **_process(), **_collector())
    if tracemalloc.is_tracing():
        for statistic in tracemalloc.take_snapshot().statistics("lineno")[:SHOWN_ALLOCATIONS]:
            event(_log, "allocated", where=str(statistic.traceback), bytes=statistic.size, blocks=statistic.count)


def _stacks() -> None:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    # In one expression: a frame held by a variable of itself would be left to the collector.
    stacks = {ident: _calls(frame) for ident, frame in sys._current_frames().items()}
    for ident, stack in stacks.items():
        event(_log, "stack", thread=names.get(ident, str(ident)), calls=stack)


def _connections(app: App) -> None:
    rows = app.server.table()
    event(_log, "connections", INFO, error=None, total=len(rows), **Counter(str(row["state"]) for row in rows))
    for row in sorted(rows, key=lambda row: -int(str(row["buffered"])))[:SHOWN_CONNECTIONS]:
        event(_log, "connection", INFO, error=None, **row)


def _process() -> dict[str, int]:
    """Memory and descriptors, where the system shows them (proc(5))."""
    found = {}
    with suppress(OSError):
        with open("/proc/self/statm", encoding="ascii") as file:
            found["memory_bytes"] = int(file.read().split()[1]) * resource.getpagesize()
        found["descriptors"] = len(os.listdir("/proc/self/fd"))
    return found


def _collector() -> dict[str, int]:
    """What the cyclic collector looks after, and how often it has looked at everything."""
    full = gc.get_stats()[2]
    return {
        "gc_objects": len(gc.get_objects()),
        "gc_frozen": gc.get_freeze_count(),
        "gc_full_collections": full["collections"],
        "gc_uncollectable": full["uncollectable"],
    }


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Have a thread look for what holds the loop, and remember who holds the memory. Costs several times the CPU."""
    loop.slow_callback_duration = math.inf  # the watchdog sees more than the loop does of itself
    tracemalloc.start(ALLOCATION_FRAMES)
    Watchdog(loop).start()


class Watchdog(threading.Thread):
    """Asks the loop of the calling thread to answer, and looks at its stack when it does not; until it is closed.

    The loop's own debug mode looks at callbacks that were scheduled; uvloop calls `data_received` and its like past it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop = loop
        self._watched = threading.get_ident()
        self._answered = threading.Event()

    def run(self) -> None:
        """Ask again and again."""
        while not self._loop.is_closed():
            time.sleep(EVERY_S)
            self._answered.clear()
            asked = time.monotonic()
            with suppress(RuntimeError):  # the loop was closed just now
                self._loop.call_soon_threadsafe(self._answered.set)
                if not self._answered.wait(SLOW_S):
                    self._report(asked)

    def _report(self, asked: float) -> None:
        """At once, since it may hold for ever; and again when it is over."""
        frame = sys._current_frames().get(self._watched)
        event(_log, "loop_held", WARNING, calls=_calls(frame))
        while not self._answered.wait(SLOW_S):
            if self._loop.is_closed():
                return
        event(_log, "loop_turns_again", WARNING, held_s=round(time.monotonic() - asked, 3))


def _calls(frame: FrameType | None) -> str:
    """The innermost calls of a stack on one line, the outermost of them first."""
    stack = traceback.extract_stack(frame)[-_SHOWN_CALLS:] if frame is not None else []
    return " > ".join([f"{call.filename}:{call.lineno} {call.name}" for call in stack])
