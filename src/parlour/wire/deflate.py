"""WebSocket messages that are compressed (permessage-deflate, RFC 7692): the offers, frames out, messages in.

Each message is compressed by itself (`no_context_takeover` in both directions), so that no connection holds anything
between two messages and all readers are given the same bytes: docs/decisions/0009-websocket-compression.md.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import NamedTuple

from parlour.core.errors import Refusal
from parlour.wire.websocket import BINARY, CLOSE, TEXT, Frame, FrameReader, Message, Received, Violation, text_frame

MIN_BYTES = 1024
"""Shorter messages go out as they are: little is saved, and the smallest packet is as good as none."""

WINDOW_BITS, SMALL_WINDOW_BITS = 12, 9
"""What we look back when compressing: 4 KiB are nearly as good as 32 for a message of a chat. Two sizes are enough to
keep within whatever a client asks for, so a room has at most two kinds of compressed frames."""

MAX_INFLATED_MESSAGES = 8
"""One call of `feed` inflates to at most so many messages of full size, or a packet could be made into megabytes."""

_REMEMBERED_FRAMES = 64  # two pages of replay: who comes back late is given what the others were

_RESERVED, _COMPRESSED = 0x70, 0x40
_END = b"\x00\x00\xff\xff\x01\x00\x00\xff\xff"
"""What the sender has left out (RFC 7692 §7.2.1), and a final block: behind it zlib knows that nothing is missing."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = rb'%b|"(?:\\?[!#$%%&\'*+\-.^_`|~0-9A-Za-z])++"' % _TOKEN
_PARAMETER = re.compile(rb"[ \t]*+;[ \t]*+(%b)(?:[ \t]*+=[ \t]*+(%b))?+" % (_TOKEN, _VALUE))
_OFFER = re.compile(
    rb"(%b)((?:[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b))?+)*+)[ \t]*+(?:,[ \t,]*+|$)" % (_TOKEN, _TOKEN, _VALUE)
)
_BITS = re.compile(rb"[89]|1[0-5]")


class Agreed(NamedTuple):
    """An offer that was accepted."""

    answer: bytes
    """The value of Sec-WebSocket-Extensions in the 101 response."""
    bits: int
    """The window to compress with, WINDOW_BITS or SMALL_WINDOW_BITS."""


def agree(offers: bytes | None) -> Agreed | None:
    """Take the first offer of Sec-WebSocket-Extensions that can be kept (RFC 7692 §5.1, §7.1); None declines them all.

    Raises Refusal("bad_upgrade") for a value outside the grammar (RFC 6455 §9.1).
    """
    agreed, position = None, 0
    offers = (offers or b"").strip(b" \t,")
    while position < len(offers):
        offer = _OFFER.match(offers, position)
        if offer is None:
            raise Refusal("bad_upgrade", "The Sec-WebSocket-Extensions header is not a list of extensions.")
        position = offer.end()
        if agreed is None and offer[1] == b"permessage-deflate":
            agreed = _accept(_PARAMETER.findall(offer[2]))
    return agreed


def _accept(parameters: list[tuple[bytes, bytes]]) -> Agreed | None:
    """Accept an offer, or decline it for a parameter that is unknown, repeated, malformed or cannot be kept."""
    asked = {name: value.strip(b'"').replace(b"\\", b"") for name, value in parameters}
    if len(asked) != len(parameters):
        return None
    answer, bits = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover", WINDOW_BITS
    for name, value in asked.items():
        if name in (b"server_no_context_takeover", b"client_no_context_takeover"):
            if value:
                return None
        elif name == b"server_max_window_bits":
            if _BITS.fullmatch(value) is None or value == b"8":  # zlib does not compress with a window of 256 bytes
                return None
            bits = WINDOW_BITS if int(value) >= WINDOW_BITS else SMALL_WINDOW_BITS
            answer += b"; server_max_window_bits=%d" % bits
        elif name != b"client_max_window_bits" or (value and _BITS.fullmatch(value) is None):
            return None  # we inflate with the largest window: what the client can do with its own is left to it
    return Agreed(answer, bits)


def deflated_frame(payload: bytes, bits: int) -> bytes:
    """Frame a whole text message, compressed where that is worth it; `payload` is UTF-8, `bits` as in `Agreed`."""
    plain = text_frame(payload)
    if len(payload) < MIN_BYTES:
        return plain
    compressed = compressed_frame(payload, bits)
    return compressed if len(compressed) < len(plain) else plain


@lru_cache(_REMEMBERED_FRAMES)
def compressed_frame(payload: bytes, bits: int) -> bytes:
    """Frame a whole text message compressed (RFC 7692 §7.2.1), whatever comes of it."""
    deflate = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -bits)
    body = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return b"\xc1" + text_frame(body[:-4])[1:]


class _Compressed(Message):
    """A compressed message of which some bytes are still to come. It is inflated as they come, as far as its limit."""

    __slots__ = ("_inflate", "_limit")

    def __init__(self, is_text: bool, limit: int) -> None:
        super().__init__(is_text)
        self._limit = limit
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def add(self, piece: bytes) -> None:
        super().add(self._inflated(piece))
        if len(self.data) > self._limit:
            raise Violation(1009, f"a message has at most {self._limit} bytes")
        # A final block may be followed by the one byte that is left of an empty one (RFC 7692 §7.2.3.4).
        if self._inflate.unused_data not in (b"", b"\0"):
            raise Violation(1007, "something follows the end of the compressed data")

    def finish(self) -> Received:
        if not self._inflate.eof:
            rest = self._inflated(_END)
            if rest or not self._inflate.eof or self._inflate.unused_data:
                raise Violation(1007, "the compressed data is not whole")
        return super().finish()

    def _inflated(self, piece: bytes) -> bytes:
        try:
            return self._inflate.decompress(piece, self._limit - len(self.data) + 1)  # one byte more shows too many
        except zlib.error:
            raise Violation(1007, "not compressed data") from None


class DeflateReader(FrameReader):
    """A reader for a connection on which compression was agreed; a message may come compressed or not.

    The limits hold for what is sent and for what it inflates to.
    """

    __slots__ = ("_inflated", "_is_compressed")

    def feed(self, data: bytes) -> list[Received]:
        """Take the next bytes; see `FrameReader.feed`."""
        self._inflated = 0
        return super().feed(data)

    def _check_first(self, first: int, opcode: int) -> None:
        reserved = first & _RESERVED
        if reserved and (reserved != _COMPRESSED or opcode not in (TEXT, BINARY)):
            raise Violation(1002, "of the reserved bits a message's first frame may have the first one only")
        super()._check_first(first & ~_RESERVED, opcode)
        self._is_compressed = bool(reserved)

    def _new_message(self, frame: Frame) -> Message:
        if self._is_compressed:
            return _Compressed(frame.opcode == TEXT, self._limits.message)
        return super()._new_message(frame)

    def _take(self, frame: Frame, clear: bytes) -> None:
        message = self._message
        if frame.opcode >= CLOSE or not isinstance(message, _Compressed):
            super()._take(frame, clear)
            return
        before = len(message.data)
        message.add(clear)
        self._inflated += len(message.data) - before
        if self._inflated > MAX_INFLATED_MESSAGES * self._limits.message:
            raise Violation(1008, "too much compressed data at once")
