"""WebSocket (RFC 6455) on the server's side: the handshake, frames out as ready bytes, frames in as values.

No subprotocol and no extension is ever negotiated. The reader is ours rather than the `websockets` library's (which the
tests hold against it): docs/decisions/0004-websocket-codec.md.
"""

from __future__ import annotations

import binascii
import codecs
from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple

from websockets.utils import accept_key

from parlour.core.errors import Refusal
from parlour.core.limits import Limits

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without a wheel: the same in Python
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN = 0x80
_WHOLE_TEXT = _FIN | TEXT
_MAX_CONTROL_BYTES = 125
_MAX_REASON_BYTES = _MAX_CONTROL_BYTES - 2
_DEFAULT_LIMITS = Limits()

NO_STATUS = 1005
"""Stands for a close frame without a code; never sent (RFC 6455 §7.4.1)."""


def handshake(get: Callable[[bytes], bytes | None]) -> bytes:
    """Give the whole 101 response to an opening handshake (RFC 6455 §4.2); the caller has checked method and version.

    `get` finds a header field by its lower-case name. Raises Refusal("upgrade_required") for another WebSocket version
    (its `extra` names the header field to answer with), ("bad_upgrade") for everything else that is wrong.
    """
    if b"websocket" not in _tokens(get(b"upgrade")):
        raise Refusal("bad_upgrade", "The Upgrade header does not ask for websocket.")
    if b"upgrade" not in _tokens(get(b"connection")):
        raise Refusal("bad_upgrade", "The Connection header does not contain Upgrade.")
    version = get(b"sec-websocket-version")
    if version is None:
        raise Refusal("bad_upgrade", "The Sec-WebSocket-Version header is missing.")
    if version.strip(b" \t") != b"13":
        raise Refusal("upgrade_required", extra={"Sec-WebSocket-Version": "13"})
    key = (get(b"sec-websocket-key") or b"").strip(b" \t")
    try:
        nonce = b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16 or len(key) != 24:
        raise Refusal("bad_upgrade", "The Sec-WebSocket-Key header is not 16 bytes in base64.")
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n"
        b"\r\n" % accept_key(key.decode()).encode()
    )


def _tokens(value: bytes | None) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in (value or b"").split(b",")]


def text_frame(payload: bytes) -> bytes:
    """Frame a whole text message; `payload` is UTF-8."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


def ping_frame(payload: bytes = b"") -> bytes:
    """Ask for a pong that carries the same bytes, at most 125."""
    return b"\x89%c%b" % (len(payload), payload)


def pong_frame(payload: bytes = b"") -> bytes:
    """Answer a ping with its own bytes, at most 125."""
    return b"\x8a%c%b" % (len(payload), payload)


def close_frame(code: int = NO_STATUS, reason: str = "") -> bytes:
    """Begin or answer the closing handshake; a reason over 123 bytes is cut at a character."""
    if code == NO_STATUS:
        return b"\x88\x00"
    text = reason.encode()[:_MAX_REASON_BYTES].decode("utf-8", "ignore").encode()
    return b"\x88%c%b%b" % (len(text) + 2, code.to_bytes(2, "big"), text)


class Text(NamedTuple):
    """A whole text message."""

    text: str


class Binary(NamedTuple):
    """A whole binary message; only from a reader that allows it."""

    data: bytes


class Ping(NamedTuple):
    """A ping; `pong_frame(payload)` answers it, before what was sent behind it is answered."""

    payload: bytes


class Pong(NamedTuple):
    """A pong, asked for or not."""

    payload: bytes


class Closed(NamedTuple):
    """The peer's close frame; its answer is in `FrameReader.outgoing`. Without a code it is NO_STATUS."""

    code: int
    reason: str


class Failed(NamedTuple):
    """The peer broke a rule; the close frame that says so is in `FrameReader.outgoing`."""

    code: int
    reason: str


Received = Text | Binary | Ping | Pong | Closed | Failed


class _Violation(Exception):
    """A rule was broken: the close code to send, and the reason."""


class _Message:
    """A data message of which some bytes are still to come; `size` is the payload that its heads have announced."""

    __slots__ = ("data", "fragments", "is_text", "size", "validator")

    def __init__(self, is_text: bool) -> None:
        self.is_text = is_text
        self.data = bytearray()
        self.fragments = 1
        self.size = 0
        self.validator = codecs.getincrementaldecoder("utf-8")("strict") if is_text else None

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the payload. Raises UnicodeDecodeError."""
        self.data += piece
        if self.validator is not None:
            self.validator.decode(piece)  # fails on the first byte that cannot be UTF-8 (RFC 6455 §8.1)

    def finish(self) -> Received:
        """The message, all of whose bytes have come. Raises UnicodeDecodeError."""
        return Text(self.data.decode("utf-8")) if self.is_text else Binary(bytes(self.data))


class _Frame:
    """A frame whose head has been read and whose payload has not ended."""

    __slots__ = ("is_final", "mask", "opcode", "payload", "remaining")

    def __init__(self, opcode: int, is_final: bool, mask: bytes, remaining: int) -> None:
        self.opcode = opcode
        self.is_final = is_final
        self.mask = mask
        self.remaining = remaining
        self.payload = b""  # of a control frame; data goes to the message

    def unmask(self, piece: bytes) -> bytes:
        """Unmask the next bytes of the payload (RFC 6455 §5.3)."""
        clear = apply_mask(piece, self.mask)
        turn = len(piece) & 3
        self.mask = self.mask[turn:] + self.mask[:turn]
        self.remaining -= len(piece)
        return clear


class FrameReader:
    """Reads a client's frames, fed in pieces of any size, and writes the close frame that ends them.

    Everything of RFC 6455 §5 to §8 is enforced as early as the bytes allow, and more strictly where the RFC leaves room
    (docs/decisions/0004-websocket-codec.md): no binary messages, and the limits. An idle reader holds no buffer.

    One call of `feed` takes as many pings and pongs as may come in a second, and four times as many fragments as a
    message may have. How many pings come in a second is for the owner to count, who sees each `Ping` and `Pong`.
    """

    __slots__ = ("_allows_binary", "_frame", "_head", "_limits", "_message", "_out", "is_closed")

    def __init__(self, limits: Limits = _DEFAULT_LIMITS, *, allows_binary: bool = False) -> None:
        self._limits = limits
        self._allows_binary = allows_binary
        self._head = b""  # the bytes of a frame's head that have come
        self._frame: _Frame | None = None
        self._message: _Message | None = None
        self._out = b""
        self.is_closed = False
        """After `Closed` or `Failed`: whatever comes is ignored (RFC 6455 §1.4, §7.1.7)."""

    @property
    def is_idle(self) -> bool:
        """Whether the reader stands between two messages, so that a new one could take its place."""
        return self._frame is None and self._message is None and not self._head and not self._out

    def outgoing(self) -> bytes:
        """Give the close frame that answers `Closed` or `Failed`, once; an owner that has sent one itself does not."""
        out, self._out = self._out, b""
        return out

    def feed(self, data: bytes) -> list[Received]:
        """Take the next bytes; gives what they complete, in order. Never raises: a broken rule is a last `Failed`."""
        received: list[Received] = []
        if self.is_closed:
            return received
        try:
            self._read(data, received)
        except _Violation as broken:
            code, reason = broken.args
            self._fail(code, reason, received)
        except UnicodeDecodeError:
            self._fail(1007, "not valid UTF-8", received)
        return received

    def _read_whole_texts(self, data: bytes, position: int, received: list[Received]) -> int:
        """The common case, fast: unfragmented text frames that are there as a whole. Stops before anything else."""
        end = len(data)
        limit = min(self._limits.websocket_frame_bytes, self._limits.websocket_message_bytes)
        while end - position >= 6 and data[position] == _WHOLE_TEXT:
            size = data[position + 1] - 128
            start = position + 2
            if size == 126:
                size = data[start] << 8 | data[start + 1]
                if size < 126:
                    break
                start += 2
            elif size < 0 or size == 127:
                break
            stop = start + 4 + size
            if stop > end or size > limit:
                break
            try:
                text = apply_mask(data[start + 4 : stop], data[start : start + 4]).decode()
            except UnicodeDecodeError:
                break
            received.append(Text(text))
            position = stop
        return position

    def _fail(self, code: int, reason: str, received: list[Received]) -> None:
        self._out = close_frame(code, reason)
        self._finish()
        received.append(Failed(code, reason))

    def _finish(self) -> None:
        self.is_closed = True
        self._head, self._frame, self._message = b"", None, None

    def _read(self, data: bytes, received: list[Received]) -> None:
        position = controls = fragments = 0
        while not self.is_closed:
            if self._frame is None and self._message is None and not self._head:
                position = self._read_whole_texts(data, position, received)
                if position == len(data):
                    return
            # The general case: any frame, in any pieces; costly, so that no read of the socket may have many of them.
            if self._frame is None:
                position = self._read_head(data, position)
                if self._frame is None:
                    return
                if self._frame.opcode >= CLOSE:
                    controls += 1
                elif not self._frame.is_final or self._frame.opcode == CONTINUATION:
                    fragments += 1
                limits = self._limits
                if controls > limits.websocket_controls_per_s or fragments > 4 * limits.websocket_fragments:
                    raise _Violation(1008, "too many control frames or fragments")
            frame = self._frame
            piece = data[position : position + frame.remaining]
            position += len(piece)
            if piece and frame.opcode >= CLOSE:
                frame.payload += frame.unmask(piece)
            elif piece and self._message is not None:
                self._message.add(frame.unmask(piece))
            if frame.remaining:
                return
            self._frame = None
            self._end_frame(frame, received)

    def _read_head(self, data: bytes, position: int) -> int:
        """Read a frame's head (RFC 6455 §5.2), checking each byte as it comes; gives the position behind it."""
        while True:
            missing = self._head_size() - len(self._head)
            if missing <= 0:
                break
            piece = data[position : position + missing]
            if not piece:
                return position
            self._head += piece
            position += len(piece)
        head, self._head = self._head, b""
        self._frame = _Frame(head[0] & 0x0F, head[0] >= _FIN, head[-4:], _payload_size(head))
        self._begin_frame(self._frame)
        return position

    def _head_size(self) -> int:
        """How long the head is, as far as its bytes so far can tell."""
        head = self._head
        if not head:
            return 1
        opcode = head[0] & 0x0F
        if len(head) == 1:
            self._check_first(head[0], opcode)
            return 2
        size = head[1] & 0x7F
        if head[1] < _FIN:
            raise _Violation(1002, "a client's frames are masked")
        if opcode >= CLOSE and size > _MAX_CONTROL_BYTES:
            raise _Violation(1002, "a control frame carries at most 125 bytes")
        return {126: 8, 127: 14}.get(size, 6)

    def _check_first(self, first: int, opcode: int) -> None:
        if first & 0x70:
            raise _Violation(1002, "no extension was negotiated: the reserved bits are 0")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise _Violation(1002, "a reserved opcode")
            if first < _FIN:
                raise _Violation(1002, "control frames are not fragmented")
        elif opcode == CONTINUATION:
            if self._message is None:
                raise _Violation(1002, "nothing to continue")
        elif opcode > BINARY:
            raise _Violation(1002, "a reserved opcode")
        elif self._message is not None:
            raise _Violation(1002, "the message before has not ended")
        elif opcode == BINARY and not self._allows_binary:
            raise _Violation(1003, "messages are text")

    def _begin_frame(self, frame: _Frame) -> None:
        """Check a whole head against the limits, before any of the payload is kept."""
        if frame.opcode >= CLOSE:
            return
        limits = self._limits
        if frame.remaining > limits.websocket_frame_bytes:
            raise _Violation(1009, f"a frame carries at most {limits.websocket_frame_bytes} bytes")
        message = self._message
        if message is None:
            message = self._message = _Message(frame.opcode == TEXT)
        else:
            message.fragments += 1
        message.size += frame.remaining
        if message.size > limits.websocket_message_bytes:
            raise _Violation(1009, f"a message has at most {limits.websocket_message_bytes} bytes")
        if message.fragments > limits.websocket_fragments:
            raise _Violation(1008, f"a message has at most {limits.websocket_fragments} fragments")

    def _end_frame(self, frame: _Frame, received: list[Received]) -> None:
        if frame.opcode == PING:
            received.append(Ping(frame.payload))
        elif frame.opcode == PONG:
            received.append(Pong(frame.payload))
        elif frame.opcode == CLOSE:
            closed = _parse_close(frame.payload)
            self._out = close_frame(closed.code)
            self._finish()
            received.append(closed)
        elif frame.is_final and self._message is not None:
            message, self._message = self._message, None
            received.append(message.finish())


def _payload_size(head: bytes) -> int:
    """The length of the payload, which is written in the fewest bytes (RFC 6455 §5.2)."""
    size = int.from_bytes(head[2:-4], "big")
    if len(head) == 6:
        return head[1] & 0x7F
    if size < (126 if len(head) == 8 else 65536) or size >= 1 << 63:
        raise _Violation(1002, "the payload length is not minimal")
    return size


def _parse_close(payload: bytes) -> Closed:
    """Read a close frame (RFC 6455 §5.5.1, §7.4). A reason that is not UTF-8 raises UnicodeDecodeError."""
    if not payload:
        return Closed(NO_STATUS, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
        raise _Violation(1002, "not a close code")
    return Closed(code, payload[2:].decode("utf-8"))


_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
"""Those that may be sent (IANA WebSocket Close Code Number Registry)."""
