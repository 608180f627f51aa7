"""Standard output and standard error that never block their writer: lines wait in a bounded queue for a thread.

A write to a pipe that nobody reads, or to a terminal that was stopped with Ctrl-S, waits until somebody reads, and the
event loop would wait with it.
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

    def __init__(self, descriptor: int) -> None:
        self.dropped: Callable[[int], str] = "{} lines were dropped\n".format
        """Makes the line that says how many were."""
        self._descriptor = descriptor
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0  # until they are written
        self._lost = 0
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name=f"parlour-output-{descriptor}", daemon=True)

    def write(self, line: str) -> None:
        """Queue a line with its line break; if too much waits already, drop and count it and those that follow.

        The count is written once the reader has taken everything before the gap.
        """
        data = _encode(line)
        with self._changed:
            if self._thread.ident is None:
                self._thread.start()
                atexit.register(self.wait_written, FLUSH_S)
            if self._lost or self._waiting_bytes + len(data) > LIMIT_BYTES:
                self._lost += 1
            else:
                self._queue(data)
            self._changed.notify_all()

    def wait_written(self, seconds: float) -> None:
        """Wait until all is written, for at most so long, and not at all for a descriptor that fails."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_failing or not (self._waiting_bytes or self._lost), seconds)

    def _queue(self, data: bytes) -> None:
        self._lines.append(data)
        self._waiting_bytes += len(data)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._lost)
            time.sleep(_GATHER_S)
            while piece := self._take():
                self._write(piece)
                with self._changed:
                    self._waiting_bytes -= len(piece)
                    self._changed.notify_all()  # whoever waits for the end

    def _take(self) -> bytes:
        """The next lines, as many as go into one piece; or the count of those that were dropped; or nothing."""
        with self._changed:
            if self._lost and not self._lines:
                self._queue(_encode(self.dropped(self._lost)))
                self._lost = 0
            piece = b""
            while self._lines and (not piece or len(piece) + len(self._lines[0]) <= _PIECE_BYTES):
                piece += self._lines.popleft()
            return piece

    def _write(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[os.write(self._descriptor, piece) :]
                self._is_failing = False
            except BlockingIOError:  # another program has made the shared description non-blocking (open(2))
                select.select([], [self._descriptor], [])
            except OSError:
                self._is_failing = True
                time.sleep(_RETRY_S)


def _encode(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace")


STDOUT, STDERR = Outlet(1), Outlet(2)


def occupy_standard_descriptors() -> None:
    """Open those of the descriptors 0, 1 and 2 that are closed (`2>&-`). Call this before anything else is opened.

    Otherwise the next socket or file gets that number, and what is meant for standard error is written into it. Each is
    opened the wrong way round: using it is the error that it was before.
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
