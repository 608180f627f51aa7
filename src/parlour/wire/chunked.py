"""The chunked transfer coding (RFC 9112 §7.1), without the parts that nobody needs and attackers use."""

from __future__ import annotations

import re

from parlour.core.errors import Refusal
from parlour.core.limits import MAX_SMALL_CHUNKS

LAST_CHUNK = b"0\r\n\r\n"
"""Ends the body; no trailer fields."""

MIN_AVERAGE_BYTES = 256
"""A body of more than MAX_SMALL_CHUNKS (a person typing into `curl -T -` makes one a line) must have this much in each
on average: each chunk costs work, whatever its size."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8}+)\r\n")
_SIZE_LINE_START = re.compile(rb"[0-9A-Fa-f]{1,8}+\r?")


class ChunkedDecoder:
    """Reads one chunked body.

    DEVIATION from RFC 9112 §7.1: extensions and trailer fields are refused, where it lets servers ignore them.
    """

    __slots__ = ("_body", "_chunks", "_size")

    def __init__(self) -> None:
        self._body = bytearray()
        self._chunks = 0
        self._size: int | None = None

    @property
    def buffered(self) -> int:
        """Bytes of the body held so far."""
        return len(self._body)

    def read(self, buffer: bytearray, limit: int) -> bytes | None:
        """Take what has arrived off the front of `buffer`; the whole body once its end is there, else None.

        Raises Refusal("too_large") as soon as a chunk is announced that goes over `limit` bytes, and
        Refusal("bad_framing") as soon as the bytes cannot become a chunked body.
        """
        while True:
            if self._size is None:
                self._size = self._read_size(buffer, limit)
                if self._size is None:
                    return None
            end = self._size + 2
            if len(buffer) < end:
                if len(buffer) == end - 1 and buffer[-1] != 0x0D:
                    raise _bad_end(self._size)
                return None
            if buffer[end - 2 : end] != b"\r\n":
                raise _bad_end(self._size)
            if self._size == 0:
                del buffer[:end]
                return bytes(self._body)
            self._body += memoryview(buffer)[: self._size]
            del buffer[:end]
            self._size = None

    def _read_size(self, buffer: bytearray, limit: int) -> int | None:
        """Read the line before a chunk."""
        line = _SIZE_LINE.match(buffer)
        if line is None:
            if not buffer or _SIZE_LINE_START.fullmatch(buffer):
                return None
            raise Refusal("bad_framing", "A chunk starts with its size: one to eight hexadecimal digits and CR LF.")
        size = int(line[1], 16)
        total = len(self._body) + size
        if total > limit:
            raise Refusal("too_large", f"The body is larger than {limit} bytes.")
        self._chunks += size > 0
        if self._chunks > MAX_SMALL_CHUNKS and total < MIN_AVERAGE_BYTES * self._chunks:
            raise Refusal("bad_framing", f"The body is cut into more than {MAX_SMALL_CHUNKS} very small chunks.")
        del buffer[: line.end()]
        return size


def _bad_end(size: int) -> Refusal:
    """Say what is wrong after a chunk of this size."""
    if size == 0:
        return Refusal("bad_framing", "A chunked body ends with an empty line; trailer fields are not accepted.")
    return Refusal("bad_framing", "A chunk ends with CR LF after as many bytes as it announced.")


def chunk(data: bytes) -> bytes:
    """Frame `data` as one chunk; nothing for no data, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
