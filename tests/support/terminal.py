"""A program on a real pseudo-terminal, and the screen that a person would see (emulated by pyte)."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.support.timeout import TIMEOUT_S

ROOT = Path(__file__).resolve().parents[2]


def parlour_command(*arguments: str) -> list[str]:
    """The command line of `parlour` as the tests run it."""
    return [sys.executable, "-m", "parlour", *arguments]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of the tests without our own variables, on an ordinary terminal in UTC.

    Nobody is signed in anywhere: what the person who runs the tests has stored is left alone.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARLOUR_", "NO_COLOR"))}
    nothing = {"XDG_CONFIG_HOME": "/nonexistent", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color", "TZ": "UTC"} | nothing | more


def _take_terminal() -> None:
    """Have the terminal in the child, whose window can be closed also where the tests themselves run under nohup(1)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs a command in a new session on a terminal of its own; as a context manager it ends it.

    The screen has so many rows that nothing scrolls away: what was ever printed can be counted.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        columns: int = 80,
        rows: int = 1000,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""
        self._lines: list[str] | None = None
        self.master, self.device = pty.openpty()
        self.resize(columns, rows)
        self.modes = termios.tcgetattr(self.device)
        self.process = subprocess.Popen(
            command,
            stdin=self.device,
            stdout=self.device,
            stderr=self.device,
            env=clean_environment(**(environment or {})),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.close_window()
        os.close(self.device)

    def close_window(self) -> None:
        """Close the terminal: the program gets SIGHUP, and nothing can be read or typed any more."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    @property
    def lines(self) -> list[str]:
        """The rows down to the cursor that are not empty, from the top."""
        if self._lines is None:
            columns = range(self.screen.columns)
            rows = [self.screen.buffer[y] for y in range(self.screen.cursor.y + 1)]
            # The second cell of a wide character is empty.
            texts = ["".join([row[x].data for x in columns]).rstrip() for row in rows]
            self._lines = [text for text in texts if text]
        return self._lines

    def type(self, text: str | bytes) -> None:
        """Press keys."""
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.master, data[:1024]) :]
            self._read(0.0)

    def wait_for(self, is_so: str | Callable[[], bool]) -> None:
        """Read until a text is on the screen, or a condition holds; fails with the screen otherwise."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (any(is_so in line for line in self.lines) if isinstance(is_so, str) else is_so()):
            assert time.monotonic() < deadline, f"waited in vain for {is_so!r}:\n" + "\n".join(self.lines[-40:])
            self._read(0.05)

    def wait_for_end(self) -> int:
        """Read until the program has ended; gives its exit code."""
        if self.master < 0:
            return self.process.wait(TIMEOUT_S)
        self.wait_for(lambda: self.process.poll() is not None)
        while self._read(0.0):
            pass
        return self.process.returncode

    def resize(self, columns: int, rows: int = 1000) -> None:
        """Change the size of the window, as a person does with the mouse."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)
        self._lines = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def is_as_found(self) -> bool:
        """Whether the terminal's modes are what they were before the program began."""
        return termios.tcgetattr(self.device) == self.modes

    def _read(self, wait_s: float) -> bool:
        if self.master < 0 or not select.select([self.master], [], [], wait_s)[0]:
            return False
        data = os.read(self.master, 65536)
        self.output += data
        self._stream.feed(data)
        self._lines = None
        return True
