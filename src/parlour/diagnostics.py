"""What a person at 3 a.m. asks a running server: stacks, connections, queues; and with --debug, slow callbacks."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Mapping

from parlour.app import App
from parlour.log import INFO, event

_log = logging.getLogger("parlour.diagnostics")

SLOW_CALLBACK_S = 0.05
"""No single input may hold the event loop for longer; with --debug it is reported by name."""

SHOWN_CONNECTIONS = 200
SHOWN_ALLOCATIONS = 15


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Report slow callbacks and track where memory is allocated. Costs several times the CPU."""
    loop.slow_callback_duration = SLOW_CALLBACK_S
    tracemalloc.start(10)


def report(app: App) -> None:
    """Write all thread stacks, the connection table and the sizes of everything that can grow to the log."""
    _stacks()
    _connections(app)
    _event("sizes", {**app.hub.sizes(), "gc_objects": len(gc.get_objects()), "gc_counts": gc.get_count()})
    if tracemalloc.is_tracing():
        for statistic in tracemalloc.take_snapshot().statistics("lineno")[:SHOWN_ALLOCATIONS]:
            event(_log, "allocated", where=str(statistic.traceback), bytes=statistic.size, blocks=statistic.count)


def _stacks() -> None:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        calls = [f"{call.filename}:{call.lineno} {call.name}" for call in traceback.extract_stack(frame)]
        event(_log, "stack", thread=names.get(ident, str(ident)), calls=" > ".join(calls[-12:]))


def _connections(app: App) -> None:
    rows = list(app.server.table())
    _event("connections", {"total": len(rows), **Counter(str(row["state"]) for row in rows)})
    for row in sorted(rows, key=lambda row: -int(str(row["buffered"])))[:SHOWN_CONNECTIONS]:
        _event("connection", row)


def _event(name: str, fields: Mapping[str, object]) -> None:
    event(_log, name, INFO, error=None, **fields)
