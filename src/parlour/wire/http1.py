"""HTTP/1.1 requests out of bytes: RFC 9112 read strictly, and then stricter (docs/decisions/0002-http1-decoder.md).

The decoder is sans-I/O: bytes go in with `feed`, requests come out one at a time with `next_head` and `next_body`.
How the bytes were cut on their way never changes the answer, and the work is linear in their number.
"""

from __future__ import annotations

from collections.abc import Callable

from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.wire.chunked import ChunkedDecoder
from parlour.wire.http1_head import (
    CACHED_BYTES,
    RequestHead,
    RequestLine,
    SecretHead,
    head_parser,
    parse_fields,
    parse_request_line,
    refuse_forbidden,
)

__all__ = ["RequestDecoder", "RequestHead"]

_DEFAULT_LIMITS = Limits()


class RequestDecoder:
    """The receiving half of one connection.

    Every Refusal is final: answer it and close, for where the next request starts is unknown. So is a head without
    `keep_alive`: do not ask for another after it (RFC 9112 §9.6). The caller bounds what it feeds by `buffered`.
    """

    __slots__ = (
        "_at", "_blank_line", "_buffer", "_chunks", "_fresh", "_head",
        "_limits", "_line", "_line_end", "_parse_head", "_searched", "_short",
    )  # fmt: skip

    def __init__(
        self, limits: Limits = _DEFAULT_LIMITS, parse_head: Callable[[bytes], RequestHead] | None = None
    ) -> None:
        """`parse_head` is a `head_parser` of these limits; connections of one server share theirs."""
        self._limits = limits
        self._short = min(CACHED_BYTES, limits.header_bytes)
        self._parse_head = parse_head or head_parser(limits)
        self._fresh: bytes | None = None  # came while nothing was held; read where it is, from `_at` on
        self._at = 0
        self._buffer = bytearray()
        self._searched = 0  # so many bytes of an incomplete head have been looked at
        self._blank_line = False  # an empty line before the request has been skipped
        self._line: RequestLine | None = None
        self._line_end = 0
        self._head: RequestHead | None = None  # given out, its body not yet
        self._chunks: ChunkedDecoder | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if not self._buffer and self._fresh is None and self._head is None:
            self._fresh = data  # most often a whole request, and nothing else
        else:
            self._hold()
            self._buffer += data

    def _hold(self) -> None:
        """Put what came last to the rest: it is no whole request with a short head, or something follows."""
        if self._fresh is not None:
            self._buffer += self._fresh[self._at :] if self._at else self._fresh
            self._fresh = None
            self._at = 0

    def next_head(self) -> RequestHead | None:
        """The head of the next request, or None: more bytes are needed. Call `next_body` before the next call.

        Raises Refusal as early as the bytes allow: bad_framing, bad_host, bad_request, uri_too_long,
        headers_too_large, http_version, not_implemented, expectation_failed.
        """
        assert self._head is None, "the body has not been read"
        fresh = self._fresh
        if fresh is not None:
            end = fresh.find(b"\r\n\r\n", 0, self._short)
            if end > 0 and fresh[0] != 0x0D:
                try:
                    head = self._parse_head(fresh[: end + 2])
                except SecretHead as secret:
                    head = secret.head
                self._head = head
                self._at = end + 4
                self._blank_line = False
                return head
            self._hold()
        buffer = self._buffer
        if not buffer or (buffer[0] == 0x0D and not self._skip_blank_line()):
            return None
        line = self._line or self._read_line()
        if line is None:
            return None
        start = self._line_end + 2
        searched = self._searched
        end = buffer.find(b"\r\n\r\n", searched - 3 if searched > start else start - 2, self._limits.header_bytes)
        if end < 0:
            self._check_unfinished(start)
            return None
        head = parse_fields(line, buffer[start : end + 2], self._limits)
        del buffer[: end + 4]
        self._searched = 0
        self._blank_line = False
        self._line = None
        self._head = head
        return head

    def next_body(self, limit: int) -> bytes | None:
        """The whole body of the request whose head was given out, or None: more bytes are needed.

        Raises Refusal("too_large") as soon as the body is announced to be, or is, longer than `limit` bytes, and
        Refusal("bad_framing").
        """
        head = self._head
        assert head is not None, "there is no request"
        fresh = self._fresh
        if fresh is not None:
            at = self._at
            end = at + (head.content_length or 0)
            if end == len(fresh) and not head.chunked and end - at <= limit:
                self._fresh = self._head = None
                self._at = 0
                return fresh[at:]
            self._hold()
        buffer = self._buffer
        if head.chunked:
            if self._chunks is None:
                self._chunks = ChunkedDecoder()
            body = self._chunks.read(buffer, limit)
            if body is None:
                return None
            self._chunks = None
        elif size := head.content_length:
            if size > limit:
                raise Refusal("too_large", f"The body is larger than {limit} bytes.")
            if len(buffer) < size:
                return None
            body = bytes(buffer if len(buffer) == size else buffer[:size])
            del buffer[:size]
        else:
            body = b""
        self._head = None
        return body

    @property
    def buffered(self) -> int:
        """Bytes held: not yet given out, parsed or not."""
        held = len(self._buffer) if self._fresh is None else len(self._fresh) - self._at
        return held + (self._chunks.buffered if self._chunks is not None else 0)

    @property
    def is_between(self) -> bool:
        """Whether the peer may stop here: the last request is complete and nothing of another has come."""
        return self._head is None and not self._buffer and self._fresh is None

    def rest(self) -> bytes:
        """Hand over what came after an upgrade request; the decoder is of no further use."""
        self._hold()
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _skip_blank_line(self) -> bool:
        """Skip one empty line before a request (RFC 9112 §2.2); False: nothing is left, more bytes are needed."""
        buffer = self._buffer
        if self._blank_line or not b"\r\n".startswith(buffer[:2]):
            raise Refusal("bad_framing", "A request starts with a method such as GET.")
        if len(buffer) == 1:
            return False
        del buffer[:2]
        self._blank_line = True
        if buffer[:1] == b"\r":
            raise Refusal("bad_framing", "A request starts with a method such as GET.")
        return bool(buffer)

    def _read_line(self) -> RequestLine | None:
        """Read the first line if it is complete, and judge it before the fields come."""
        buffer, limit, searched = self._buffer, self._limits.request_line_bytes, self._searched
        start = searched - 1 if searched else 0
        end = buffer.find(b"\r\n", start, limit + 2)
        if end < 0:
            refuse_forbidden(buffer, start, limit + 2)
            if len(buffer) >= limit + 2:
                raise Refusal("uri_too_long", f"The first line is longer than {limit} bytes.")
            self._searched = len(buffer)
            return None
        self._line_end = end
        self._line = parse_request_line(buffer, end)
        return self._line

    def _check_unfinished(self, start: int) -> None:
        """Refuse an incomplete head that cannot become acceptable, so that the peer need not wait for a timeout."""
        buffer, limit = self._buffer, self._limits.header_bytes
        refuse_forbidden(buffer, max(self._searched - 1, start), limit)
        if len(buffer) >= limit:
            raise Refusal("headers_too_large", f"The head is longer than {limit} bytes.")
        self._searched = len(buffer)
