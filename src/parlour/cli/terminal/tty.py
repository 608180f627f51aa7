"""The terminal as a device: keys one by one while we run, and as we found it whenever we do not."""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
"""Bracketed paste: the terminal marks what was pasted."""

_READ_BYTES = 65536


class Terminal:
    """Standard input and output as one terminal; a context manager that gives it back unchanged, however it is left.

    SIGTERM and SIGHUP end the program with 128 + their number; Ctrl-Z stops it and a later `fg` redraws, by calling
    `redraw` like a change of the window's size does.
    """

    def __init__(self, redraw: Callable[[], None]) -> None:
        self._in = sys.stdin.fileno()
        self._out = sys.stdout.fileno()
        self._redraw = redraw
        self._found = termios.tcgetattr(self._in)
        self._is_raw = False
        self._wake_in, self._wake_out = os.pipe()
        for end in (self._wake_in, self._wake_out):
            os.set_blocking(end, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._in, selectors.EVENT_READ)
        self._selector.register(self._wake_in, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        atexit.register(self._restore)
        self._take()
        signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        signal.signal(signal.SIGTSTP, self._stop)
        signal.signal(signal.SIGCONT, self._resume)
        signal.signal(signal.SIGWINCH, lambda _number, _frame: self._redraw())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        self._restore()

    def columns(self) -> int:
        """The width of the window."""
        try:
            return os.get_terminal_size(self._out).columns or 80
        except OSError:
            return 80

    def wake(self) -> None:
        """Make `wait` return; may be called on any thread."""
        with suppress(BlockingIOError):  # full: it will wake up anyway
            os.write(self._wake_out, b"\0")

    def wait(self, timeout_s: float | None) -> bytes | None:
        """Wait for keys, a `wake` or a signal. Gives the bytes typed (maybe none), None when the terminal is gone."""
        for key, _ in self._selector.select(timeout_s):
            if key.fd == self._wake_in:
                os.read(self._wake_in, _READ_BYTES)
                continue
            try:
                return os.read(self._in, _READ_BYTES) or None
            except OSError:  # the window was closed: EIO
                return None
        return b""

    def write(self, text: str) -> None:
        """Show text, all of it."""
        view = memoryview(text.encode())
        while view:
            view = view[os.write(self._out, view) :]

    def _take(self) -> None:
        """No echo and no line buffering; signals, output processing and flow control stay as they are."""
        modes = termios.tcgetattr(self._in)
        # IEXTEN would keep Ctrl-V and, on some systems, Ctrl-O for itself.
        modes[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        self._is_raw = True
        termios.tcsetattr(self._in, termios.TCSADRAIN, modes)
        self.write(_PASTE_ON)

    def _restore(self) -> None:
        """Give the terminal back; once is enough."""
        if not self._is_raw:
            return
        self._is_raw = False
        try:
            self.write(f"\r\x1b[K{_PASTE_OFF}")
            termios.tcsetattr(self._in, termios.TCSADRAIN, self._found)
        except (OSError, termios.error):  # the window was closed
            pass

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # here the program stands still, until `fg`
        signal.signal(number, self._stop)
        self._take()  # where there is no shell to continue us, the system does not stop us either
        self._redraw()

    def _resume(self, _number: int, _frame: FrameType | None) -> None:
        # Also after a SIGSTOP that nobody could see coming: the shell has set its own modes since.
        self._take()
        self._redraw()


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
