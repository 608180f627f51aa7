"""`parlour chat` in a pipe, or on a terminal that can only print: lines in, lines out, nothing redrawn."""

from __future__ import annotations

import os
import threading
import time
from functools import partial

from parlour.cli.output import EXIT_UNREACHABLE, EXIT_USAGE
from parlour.cli.streams import InputFailed, OutputFailed, complain, lines_of, output_code, say, write_line
from parlour.cli.terminal.look import Look
from parlour.cli.terminal.talk import Shown, Talk
from parlour.client import Client

MAX_UNSENT = 256
"""Lines that wait for the server; above this the input waits."""


class Filter:
    """Sends every line of standard input and prints what is said; leaves when the input has ended and all is stored.

    `echoes`: what is typed can be seen already. Where nothing can be printed any more, the input is still sent: a line
    read is a line promised.
    """

    def __init__(self, client: Client, look: Look, *, last: int, timeout_s: float, echoes: bool) -> None:
        self._timeout_s = timeout_s
        self._slots = threading.Semaphore(MAX_UNSENT)
        self._talk = Talk(client, look, last=last, timeout_s=timeout_s, echoes=echoes, finished=self._slots.release)
        self._leave_by: float | None = None
        self._input_failure: InputFailed | None = None
        self._output_failure: OutputFailed | None = None

    def run(self) -> int:
        """Returns the exit code; a script also wants to know what was refused or never seen."""
        talk = self._talk
        talk.start()
        threading.Thread(target=self._read, name="input", daemon=True).start()
        try:
            self._print()
        finally:
            code = talk.farewell()
        if self._input_failure is not None:
            complain(str(self._input_failure))
            return code or EXIT_USAGE
        if not code and not talk.has_caught_up:
            complain(f"cannot reach the room: {talk.trouble or 'no answer in time'}")
            return EXIT_UNREACHABLE
        return code or talk.rejected_code or output_code(self._output_failure, str(self._output_failure))

    def _print(self) -> None:
        wait_s = None
        while self._talk.error is None:
            if self._leave_by is not None:
                wait_s = max(0.0, self._leave_by - time.monotonic())
                if self._talk.is_finished or not wait_s:
                    break
            for line in self._talk.take(wait_s):
                self._show(line)

    def _show(self, line: Shown) -> None:
        if line.is_remark:
            say(line.text)
        elif self._output_failure is None:
            try:
                write_line(line.text)
            except OutputFailed as exc:
                self._output_failure = exc
                if os.isatty(0):  # a person who talks to nobody; a pipe may have more to send
                    self._end()

    def _end(self, failure: InputFailed | None = None) -> None:
        """There are no more lines to send, because of `failure` if the input could not be read."""
        self._input_failure = self._input_failure or failure
        if self._leave_by is None:
            self._leave_by = time.monotonic() + self._timeout_s

    def _read(self) -> None:
        """Hand over standard input, line by line (on a thread of its own)."""
        failure = None
        try:
            for raw in lines_of(0):
                text = raw.decode("utf-8", "replace").rstrip("\r\n")
                if text.strip():
                    self._slots.acquire()
                    self._talk.post(partial(self._talk.say, text))
        except InputFailed as exc:
            failure = exc
        self._talk.post(partial(self._end, failure))
