"""Reads and writes standard input, output and error as descriptors that may be closed, full, slow or gone."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import suppress

from parlour.core.text import visible

MAX_LINE_BYTES = 256 * 1024
"""A longer line is read in pieces, which the server refuses; this bounds our memory, not the message."""

EXIT_OUTPUT = 6
"""The exit code of a command that did its work and could not write its output."""

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

_READ_BYTES = 65536


class OutputFailed(Exception):
    """Standard output takes no more. `is_unread`: because nobody reads it, which is no failure of ours."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output cannot be written: {error.strerror}")
        self.is_unread = isinstance(error, BrokenPipeError)


class InputFailed(Exception):
    """The input cannot be read."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard input cannot be read: {error.strerror}")


def let_go() -> None:
    """Flush what Python still holds for standard output and error; what cannot be written is dropped.

    Otherwise the interpreter would try once more at its end, and give the process an exit code of its own.
    """
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def complain(text: str) -> None:
    """Say something to the person, on standard error, if there is anybody."""
    say(f"parlour: {visible(text)}")


def say(line: str) -> None:
    """A line on standard error; what nobody can read is dropped."""
    with suppress(OSError):
        _write(2, f"{line}\n".encode(sys.stderr.encoding or "utf-8", "backslashreplace"))


def output_code(failure: OutputFailed | None, text: str) -> int:
    """The code for an output that failed, after `text` has been said about it; 0 where there is nothing to say."""
    if failure is None or failure.is_unread:
        return 0
    complain(text)
    return EXIT_OUTPUT


def write_line(line: str) -> None:
    """One line (or several) to standard output, at once: whoever reads a pipe wants it now. Raises OutputFailed."""
    write(f"{line}\n".encode())


def write(data: bytes) -> None:
    """All the bytes to standard output, at once. Raises OutputFailed."""
    try:
        _write(1, data)
    except OSError as exc:
        raise OutputFailed(exc) from exc


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # whoever handed it down has made it non-blocking
            select.select([], [descriptor], [])


def read(descriptor: int) -> bytes:
    """Read the next input, waiting for it; empty at the end. Raises InputFailed."""
    while True:
        try:
            return os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            select.select([descriptor], [], [])
        except OSError as exc:
            raise InputFailed(exc) from exc


def read_all(descriptor: int, at_most: int) -> bytes:
    """Everything up to the end, or as soon as it is more than `at_most` bytes, that. Raises InputFailed."""
    data = bytearray()
    while len(data) <= at_most and (piece := read(descriptor)):
        data += piece
    return bytes(data)


def lines_of(descriptor: int) -> Iterator[bytes]:
    """The lines, without their ends. Raises InputFailed.

    Not through a buffered reader, whose lock a waiting thread would take into the exit.
    """
    rest = b""
    while data := read(descriptor):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE_BYTES:
            yield rest
            rest = b""
    yield rest
