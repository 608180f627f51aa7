"""What a person at 3 a.m. asks a running server: stacks, connections, sizes; with --debug, who holds the memory."""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
import threading
import tracemalloc
from collections import Counter
from contextlib import suppress

from parlour.app import App
from parlour.log import INFO, event
from parlour.watchdog import calls

_log = logging.getLogger("parlour.diagnostics")

SHOWN_CONNECTIONS = 200
SHOWN_ALLOCATIONS = 15
ALLOCATION_FRAMES = 10


def trace_allocations() -> None:
    """Remember where memory is allocated, for `report`. Costs several times the CPU."""
    tracemalloc.start(ALLOCATION_FRAMES)


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
    stacks = {ident: calls(frame) for ident, frame in sys._current_frames().items()}
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
