"""Standard output and standard error that never block their writer: lines wait in a bounded queue for a thread.

A write to a pipe that nobody reads, or to a terminal that was stopped with Ctrl-S, waits until somebody reads, and the
event loop would wait with it. So the loop and all other threads only queue their lines. Lines that find the queue full
are counted, and the count is written once the reader has taken what was queued.
"""

from __future__ import annotations

import atexit
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

LIMIT_BYTES = 1 << 20
"""Bytes that may wait: some eight thousand lines of the access log, a long report of SIGUSR1."""

FLUSH_S = 1.0
"""How long the end of the process waits for a reader that takes nothing."""

_GATHER_S = 0.005
"""A line waits this long for others: the thread takes the interpreter from the event loop once for all of them."""

_RETRY_S = 1.0
"""After an error (a full disk, a pipe whose reader is gone) the same bytes are tried again."""

_PIECE_BYTES = select.PIPE_BUF
"""Whole lines up to this size are written at once: a pipe does not mix them with those of others (pipe(7))."""


class Outlet:
    """Writes lines to one descriptor, in order, on a daemon thread of its own. Every method may be called anywhere."""

    def __init__(
        self, descriptor: int | None, dropped: Callable[[int], str] | None = None, limit_bytes: int = LIMIT_BYTES
    ) -> None:
        """Without a descriptor nothing is written. `dropped` makes the line that says how many lines were dropped."""
        self.dropped = dropped
        self._descriptor = -1 if descriptor is None else descriptor
        self._limit_bytes = limit_bytes
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lost = 0
        self._is_writing = self._is_failing = False
        self._thread: threading.Thread | None = None

    def put(self, line: str) -> None:
        """Queue a line, given without its line break. It is dropped and counted if too much is waiting already.

        Once one was dropped so are all that follow, until the reader has taken everything before the gap: there is one
        gap, and one count of it.
        """
        if self._descriptor < 0:
            return
        data = _encode(line)
        with self._changed:
            if self._lost or self._waiting_bytes + len(data) > self._limit_bytes:
                self._lost += 1
                return
            self._lines.append(data)
            self._waiting_bytes += len(data)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"parlour-output-{self._descriptor}", daemon=True
                )
                self._thread.start()
                atexit.register(self.flush)
            if not self._is_writing:
                self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_S) -> bool:
        """Wait until all is written, for at most so long, and not at all for a descriptor that fails."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_failing or self._is_idle(), seconds)
            return self._is_idle()

    def _is_idle(self) -> bool:
        return not (self._lines or self._lost or self._is_writing)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                if not self._lines and not self._lost:
                    self._changed.notify_all()  # whoever flushes
                    self._changed.wait_for(lambda: self._lines)
                self._is_writing = True
            time.sleep(_GATHER_S)
            while data := self._take():
                self._write(data)

    def _take(self) -> bytes:
        """The next lines, as many as go into one piece; or the count of those that were dropped; or nothing."""
        with self._changed:
            taken: list[bytes] = []
            size = 0
            while self._lines and (not taken or size + len(self._lines[0]) <= _PIECE_BYTES):
                taken.append(self._lines.popleft())
                size += len(taken[-1])
            self._waiting_bytes -= size
            if not taken and self._lost:
                lost, self._lost = self._lost, 0
                if self.dropped is not None:
                    taken.append(_encode(self.dropped(lost)))
            return b"".join(taken)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # another program has made the shared description non-blocking (open(2))
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
            except OSError:
                self._fail(True)
                time.sleep(_RETRY_S)
            else:
                self._fail(False)

    def _fail(self, is_failing: bool) -> None:
        if self._is_failing != is_failing:
            with self._changed:
                self._is_failing = is_failing
                self._changed.notify_all()


def _encode(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace") + b"\n"


STDOUT = Outlet(1 if sys.__stdout__ is not None else None)
STDERR = Outlet(2 if sys.__stderr__ is not None else None)
"""Python has none where the descriptor was closed at the start; by now it may belong to something else."""


def occupy_standard_descriptors() -> None:
    """Open those of the descriptors 0, 1 and 2 that are closed (`2>&-`). Call this before anything else is opened.

    Otherwise the next socket or file gets that number, and what is meant for standard error is written into it. Each is
    opened the wrong way round: using it is the error that it was before. What is written to standard error is dropped.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (for the whole life of the process)
