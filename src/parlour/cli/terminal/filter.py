"""`parlour chat` in a pipe, or on a terminal that can only print: lines in, lines out, nothing redrawn."""

from __future__ import annotations

import os
import threading
import time

from parlour.cli.output import EXIT_UNREACHABLE, EXIT_USAGE, output_code
from parlour.cli.streams import InputFailed, OutputFailed, complain, lines_of, say, write_line
from parlour.cli.terminal.look import Look
from parlour.cli.terminal.talk import EndOfInput, Talk, Typed
from parlour.client import Client

MAX_UNSENT = 256
"""Lines that wait for the server; above this the input waits."""


def run_filter(client: Client, look: Look, *, last: int, timeout_s: float, echoes: bool) -> int:
    """Send every line of standard input, print what is said; leave when the input has ended and all of it is stored.

    Returns the exit code. `echoes`: what is typed can be seen already. Where nothing can be printed any more, the input
    is still sent: a line read is a line promised.
    """
    slots = threading.Semaphore(MAX_UNSENT)
    talk = Talk(client, look, last=last, timeout_s=timeout_s, echoes=echoes, settled=slots.release)
    talk.start()
    threading.Thread(target=_read, args=(talk, slots), name="input", daemon=True).start()
    try:
        failure = _run(talk, timeout_s)
    finally:
        code = talk.farewell()
    if talk.input_failure is not None:
        complain(str(talk.input_failure))
        return code or EXIT_USAGE
    return code or _last_word(talk) or output_code(failure, str(failure))


def _run(talk: Talk, timeout_s: float) -> OutputFailed | None:
    failure: OutputFailed | None = None
    leave_by: float | None = None
    while talk.error is None:
        if talk.has_ended:
            leave_by = time.monotonic() + timeout_s if leave_by is None else leave_by
            if talk.is_settled or time.monotonic() >= leave_by:
                break
        for line in talk.take(None if leave_by is None else max(0.0, leave_by - time.monotonic())):
            if line.is_remark:
                say(line.text)
            elif failure is None:
                try:
                    write_line(line.text)
                except OutputFailed as exc:
                    failure = exc
                    if os.isatty(0):  # a person who talks to nobody; a pipe may have more to send
                        talk.has_ended = True
    return failure


def _read(talk: Talk, slots: threading.Semaphore) -> None:
    """Hand over standard input, line by line (on a thread of its own)."""
    try:
        for raw in lines_of(0):
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if text.strip():
                slots.acquire()
                talk.post(Typed(text))
    except InputFailed as exc:
        talk.post(EndOfInput(exc))
    else:
        talk.post(EndOfInput())


def _last_word(talk: Talk) -> int:
    """The exit code where nothing is left unsent: a script also wants to know what was refused or never seen."""
    if not talk.has_caught_up:
        complain(f"cannot reach the room: {talk.trouble or 'no answer in time'}")
        return EXIT_UNREACHABLE
    return talk.rejected_code
