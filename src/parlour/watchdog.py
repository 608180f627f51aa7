"""Says, with `--debug`, what holds the event loop and for how long.

The loop's own debug mode looks at callbacks that were scheduled; uvloop calls `data_received` and its like past it, and
they do nearly all of our work. So a thread asks the loop to answer, and looks at its stack when it does not.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from contextlib import suppress
from types import FrameType

from parlour.log import WARNING, event

_log = logging.getLogger("parlour.watchdog")

SLOW_S = 0.05
"""No single input may hold the event loop for longer."""

EVERY_S = 0.01
"""Between two questions: a hold that is longer than both numbers together is never missed."""

_CALLS = 12


class Watchdog:
    """Watches the loop that runs in the calling thread, until the loop is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched = threading.get_ident()
        self._answered = threading.Event()
        self.thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def _run(self) -> None:
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
        event(_log, "loop_held", WARNING, calls=calls(frame))
        while not self._answered.wait(SLOW_S):
            if self._loop.is_closed():
                return
        event(_log, "loop_turns_again", WARNING, held_s=round(time.monotonic() - asked, 3))


def calls(frame: FrameType | None) -> str:
    """The innermost calls of a stack on one line, the outermost of them first."""
    stack = traceback.extract_stack(frame)[-_CALLS:] if frame is not None else []
    return " > ".join([f"{call.filename}:{call.lineno} {call.name}" for call in stack])
