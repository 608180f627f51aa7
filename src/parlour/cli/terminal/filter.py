"""`parlour chat` in a pipe, or on a terminal that can only print: lines in, lines out, nothing redrawn."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator

from parlour.cli.output import EXIT_UNREACHABLE, complain, write_line
from parlour.cli.terminal.look import Look
from parlour.cli.terminal.talk import EndOfInput, Talk, Typed
from parlour.client import Client

MAX_LINE_BYTES = 256 * 1024
"""A longer line is read in pieces, which the server refuses; this bounds our memory, not the message."""

MAX_UNSENT = 256
"""Lines that wait for the server; above this the input waits."""


def run_filter(client: Client, look: Look, *, last: int, timeout_s: float, echoes: bool) -> int:
    """Send every line of standard input, print what is said; leave when the input has ended and all of it is stored.

    Returns the exit code. `echoes`: what is typed can be seen already.
    """
    slots = threading.Semaphore(MAX_UNSENT)
    talk = Talk(client, look, last=last, timeout_s=timeout_s, echoes=echoes, settled=slots.release)
    talk.start()
    threading.Thread(target=_read, args=(talk, slots), name="input", daemon=True).start()
    leave_by: float | None = None
    while talk.error is None:
        if talk.has_ended:
            leave_by = time.monotonic() + timeout_s if leave_by is None else leave_by
            if talk.is_settled or time.monotonic() >= leave_by:
                break
        for line in talk.take(None if leave_by is None else max(0.0, leave_by - time.monotonic())):
            if line.is_remark:
                print(line.text, file=sys.stderr)
            else:
                write_line(line.text)
    return talk.farewell() or _last_word(talk)


def _read(talk: Talk, slots: threading.Semaphore) -> None:
    """Hand over standard input, line by line (on a thread of its own)."""
    for raw in _lines_of(sys.stdin.fileno()):
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if text.strip():
            slots.acquire()
            talk.post(Typed(text))
    talk.post(EndOfInput())


def _lines_of(descriptor: int) -> Iterator[bytes]:
    """The lines of a file; not through a buffered reader, whose lock a waiting thread would take into the exit."""
    rest = b""
    while data := os.read(descriptor, 65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE_BYTES:
            yield rest
            rest = b""
    yield rest


def _last_word(talk: Talk) -> int:
    """The exit code where nothing is left unsent: a script also wants to know what was refused or never seen."""
    if not talk.has_caught_up:
        complain("cannot reach the room: no answer in time")
        return EXIT_UNREACHABLE
    return talk.rejected_code
