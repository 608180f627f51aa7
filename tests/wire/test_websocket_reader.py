"""The frame reader accepts what RFC 6455 §5 to §8 and the limits allow, and names the close code for all else.

Every case is fed whole, byte by byte and with bytes behind it; the `websockets` library is the second opinion.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.protocol import SERVER, Protocol

from parlour.core.limits import Limits
from parlour.wire.websocket import (
    NO_STATUS,
    Binary,
    Closed,
    Failed,
    FrameReader,
    Ping,
    Pong,
    Received,
    Text,
    close_frame,
)
from tests.support.many import many

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = b"\x37\xfa\x21\x3d",
    size: int | None = None,
) -> bytes:
    """A client's frame; `size` is the number of bytes in which the length is written (1, 2 or 8)."""
    length = len(payload)
    size = size or (1 if length < 126 else 2 if length < 65536 else 8)
    field = (
        bytes([0x80 | length]) if size == 1 else bytes([0x80 | {2: 126, 8: 127}[size]]) + length.to_bytes(size, "big")
    )
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([fin << 7 | rsv << 4 | opcode]) + field + mask + masked


class Case(NamedTuple):
    """Bytes in; values and answers out."""

    name: str
    data: bytes
    received: list[Received]
    out: bytes = b""


def failing(code: int, reason: str, *before: Received) -> tuple[list[Received], bytes]:
    return [*before, Failed(code, reason)], close_frame(code, reason)


MASKED = "a client's frames are masked"
RESERVED_BITS = "no extension was negotiated: the reserved bits are 0"
OPCODE = "a reserved opcode"
NOT_MINIMAL = "the payload length is not minimal"
NOT_UTF8 = "not valid UTF-8"
NOT_A_CODE = "not a close code"
LONG_CONTROL = "a control frame carries at most 125 bytes"
CUT_CONTROL = "control frames are not fragmented"
NOT_ENDED = "the message before has not ended"
NOTHING = "nothing to continue"
KAPPA = "κόσμε".encode()

CASES = [
    Case("nothing", b"", []),
    Case("the example of §5.7", bytes.fromhex("818537fa213d7f9f4d5158"), [Text("Hello")]),
    Case("empty", frame(TEXT), [Text("")]),
    *(
        Case(f"{size} bytes", frame(TEXT, b"x" * size), [Text("x" * size)])
        for size in (1, 125, 126, 127, 128, 4096, 65535, 65536)
    ),
    Case("unmasked by zero", frame(TEXT, b"abc", mask=bytes(4)), [Text("abc")]),
    Case("non-ASCII", frame(TEXT, KAPPA), [Text("κόσμε")]),
    Case("NUL and controls", frame(TEXT, b"\0\x1b\x7f"), [Text("\0\x1b\x7f")]),
    Case("two messages", frame(TEXT, b"a") + frame(TEXT, b"b"), [Text("a"), Text("b")]),
    Case("two fragments", frame(TEXT, b"a", fin=False) + frame(CONT, b"b"), [Text("ab")]),
    Case("empty fragments", frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT), [Text("")]),
    Case(
        "fragments between characters' bytes",
        b"".join([frame(TEXT, KAPPA[:1], fin=False), frame(CONT, KAPPA[1:4], fin=False), frame(CONT, KAPPA[4:])]),
        [Text("κόσμε")],
    ),
    Case(
        "sixteen fragments",
        frame(TEXT, b"x", fin=False) + frame(CONT, b"x", fin=False) * 14 + frame(CONT),
        [Text("x" * 15)],
    ),
    Case("a ping", frame(PING, b"abc"), [Ping(b"abc")]),
    Case("a longest ping", frame(PING, b"x" * 125), [Ping(b"x" * 125)]),
    Case("a pong", frame(PONG, b"abc"), [Pong(b"abc")]),
    Case(
        "a ping between fragments",
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONT, b"b"),
        [Ping(b"p"), Text("ab")],
    ),
    Case(
        "a ping when the message is nearly full",
        frame(TEXT, b"x" * 65535, fin=False) + frame(PING, b"p" * 100) + frame(CONT, b"x"),
        [Ping(b"p" * 100), Text("x" * 65536)],
    ),
    Case("ten pings", frame(PING, b"x") * 10, [Ping(b"x")] * 10),
    # closing
    Case("a close", frame(CLOSE, b"\x03\xe8"), [Closed(1000, "")], close_frame(1000)),
    Case(
        "a close with a reason", frame(CLOSE, b"\x03\xe9going \xc3\xa0"), [Closed(1001, "going à")], close_frame(1001)
    ),
    Case("a close without a code", frame(CLOSE), [Closed(NO_STATUS, "")], close_frame()),
    Case(
        "a close with the longest reason",
        frame(CLOSE, b"\x0f\xa0" + b"x" * 123),
        [Closed(4000, "x" * 123)],
        close_frame(4000),
    ),
    *(
        Case(f"a close with {code}", frame(CLOSE, code.to_bytes(2, "big")), [Closed(code, "")], close_frame(code))
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
    ),
    Case("data after a close", frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"late"), [Closed(1000, "")], close_frame(1000)),
    Case("a second close", frame(CLOSE, b"\x03\xe8") * 2, [Closed(1000, "")], close_frame(1000)),
    Case(
        "a message, then a close", frame(TEXT, b"a") + frame(CLOSE), [Text("a"), Closed(NO_STATUS, "")], close_frame()
    ),
    Case(
        "a close inside a message",
        frame(TEXT, b"a", fin=False) + frame(CLOSE, b"\x03\xe8"),
        [Closed(1000, "")],
        close_frame(1000),
    ),
    # broken rules
    Case("not masked", b"\x81\x05Hello", *failing(1002, MASKED)),
    Case("a ping not masked", b"\x89\x00", *failing(1002, MASKED)),
    *(
        Case(f"reserved bits {rsv}, opcode {opcode}", frame(opcode, rsv=rsv), *failing(1002, RESERVED_BITS))
        for rsv in range(1, 8)
        for opcode in (TEXT, CONT, PING, CLOSE)
    ),
    *(
        Case(f"opcode {opcode}", frame(opcode), *failing(1002, OPCODE))
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    ),
    Case("binary", frame(BINARY, b"x"), *failing(1003, "messages are text")),
    Case("a continuation of nothing", frame(CONT, b"x"), *failing(1002, NOTHING)),
    Case(
        "a continuation after the end",
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + frame(CONT, b"c"),
        *failing(1002, NOTHING, Text("ab")),
    ),
    Case("a text inside a message", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), *failing(1002, NOT_ENDED)),
    Case("a binary inside a message", frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), *failing(1002, NOT_ENDED)),
    *(
        Case(f"{opcode} in fragments", frame(opcode, b"x", fin=False), *failing(1002, CUT_CONTROL))
        for opcode in (CLOSE, PING, PONG)
    ),
    *(
        Case(f"{opcode} too long", frame(opcode, b"x" * 126), *failing(1002, LONG_CONTROL))
        for opcode in (CLOSE, PING, PONG)
    ),
    Case("length 5 in 2 bytes", frame(TEXT, b"x" * 5, size=2), *failing(1002, NOT_MINIMAL)),
    Case("length 125 in 2 bytes", frame(TEXT, b"x" * 125, size=2), *failing(1002, NOT_MINIMAL)),
    Case("length 126 in 8 bytes", frame(TEXT, b"x" * 126, size=8), *failing(1002, NOT_MINIMAL)),
    Case("length 65535 in 8 bytes", frame(TEXT, b"x" * 65535, size=8), *failing(1002, NOT_MINIMAL)),
    Case("a length with the top bit", b"\x81\xff\x80" + bytes(7) + bytes(4), *failing(1002, NOT_MINIMAL)),
    Case("a close of one byte", frame(CLOSE, b"\x03"), *failing(1002, NOT_A_CODE)),
    *(
        Case(f"a close with {code}", frame(CLOSE, code.to_bytes(2, "big")), *failing(1002, NOT_A_CODE))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    ),
    Case("a close whose reason is not UTF-8", frame(CLOSE, b"\x03\xe8\xff"), *failing(1007, NOT_UTF8)),
    *(
        Case(f"not UTF-8: {bad.hex()}", frame(TEXT, b"ok" + bad), *failing(1007, NOT_UTF8))
        for bad in (
            b"\xff",
            b"\x80",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            b"\xce",
            b"\xf0\x9f\x99",
        )
    ),
    Case(
        "a character cut by the end of the message",
        frame(TEXT, KAPPA[:1], fin=False) + frame(CONT),
        *failing(1007, NOT_UTF8),
    ),
    Case(
        "a character cut by a fragment and not continued",
        frame(TEXT, KAPPA[:1], fin=False) + frame(CONT, b"a"),
        *failing(1007, NOT_UTF8),
    ),
    # limits
    Case("a frame too large", frame(TEXT, b"x" * 65537), *failing(1009, "a frame carries at most 65536 bytes")),
    Case(
        "a frame of 2^62 bytes",
        b"\x81\xff\x40" + bytes(7) + bytes(4),
        *failing(1009, "a frame carries at most 65536 bytes"),
    ),
    Case(
        "a message too large",
        frame(TEXT, b"x" * 65536, fin=False) + frame(CONT, b"x"),
        *failing(1009, "a message has at most 65536 bytes"),
    ),
    Case(
        "seventeen fragments",
        frame(TEXT, fin=False) + frame(CONT, fin=False) * 16,
        *failing(1008, "a message has at most 16 fragments"),
    ),
    Case("a good message before a broken one", frame(TEXT, b"a") + frame(3), *failing(1002, OPCODE, Text("a"))),
    Case(
        "a ping before a broken frame",
        frame(PING, b"p") + frame(3),
        *failing(1002, OPCODE, Ping(b"p")),
    ),
]


def feed_in_pieces(reader: FrameReader, data: bytes, cuts: list[int]) -> tuple[list[Received], bytes]:
    received: list[Received] = []
    out = b""
    for start, stop in pairwise([0, *cuts, len(data)]):
        received += reader.feed(data[start:stop])
        out += reader.outgoing()
    return received, out


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_frames_are_read_alike_however_they_are_cut(case: Case) -> None:
    reader = FrameReader()
    assert reader.feed(case.data) == case.received
    assert reader.outgoing() == case.out
    assert reader.outgoing() == b"", "answers are given once"

    # Cuts at every byte where that shows anything: the heads and the ends.
    cuts = [cut for cut in range(1, len(case.data)) if cut < 300 or len(case.data) - cut < 300 or cut % 1009 == 0]
    assert feed_in_pieces(FrameReader(), case.data, cuts) == (case.received, case.out)
    for cut in cuts if len(case.data) < 300 else cuts[:20]:
        assert feed_in_pieces(FrameReader(), case.data, [cut]) == (case.received, case.out)

    ended = bool(case.received) and isinstance(case.received[-1], Closed | Failed)
    assert reader.is_closed == ended
    trailing = FrameReader()
    assert trailing.feed(case.data + frame(TEXT, b"behind")) == [*case.received, *([] if ended else [Text("behind")])]
    assert reader.feed(frame(TEXT, b"later")) == ([] if ended else [Text("later")])


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (frame(TEXT, b"x" * 65537), 14),  # the limit is known with the head
        (frame(PING, b"x" * 126), 2),
        (frame(TEXT, b"x", rsv=4), 1),
        (frame(3, b"x"), 1),
        (b"\x81\x05Hello", 2),
        (frame(TEXT, b"ok\xffmore"), 6 + 3),  # the first byte that cannot be UTF-8
        (frame(TEXT, b"\xed\xa0\x80more"), 6 + 3),  # Python's decoder sees a surrogate at its last byte
        (frame(TEXT, b"\xf4\x90\x80\x80more"), 6 + 2),
    ],
)
def test_a_broken_rule_is_answered_at_the_first_byte_that_shows_it(data: bytes, early: int) -> None:
    reader = FrameReader()
    assert reader.feed(data[: early - 1]) == []
    assert isinstance(reader.feed(data[early - 1 : early])[0], Failed)
    assert reader.is_closed


MANY = Limits(websocket_controls_per_s=1000, websocket_fragments=1000)
TOO_MANY = Failed(1008, "too many control frames or fragments")


def test_a_flood_of_control_frames_is_cut_off_within_one_feed() -> None:
    for opcode in (PING, PONG):
        reader = FrameReader()
        received = reader.feed((frame(opcode, b"x") + frame(TEXT, b"y")) * 50_000)
        assert len(received) == 21
        assert received[-1] == TOO_MANY
        assert len(reader.outgoing()) < 100
    assert len(FrameReader(MANY).feed(frame(PING) * 1000)) == 1000


def test_a_flood_of_fragments_is_cut_off_within_one_feed() -> None:
    two = frame(TEXT, fin=False) + frame(CONT)
    assert FrameReader().feed((two + frame(TEXT, b"y")) * 32) == [Text(""), Text("y")] * 32
    assert FrameReader().feed(two * 50_000) == [Text("")] * 32 + [TOO_MANY]


def test_limits_and_binary_are_what_the_owner_chose() -> None:
    small = Limits(websocket_frame_bytes=4, websocket_message_bytes=6, websocket_fragments=2)
    reader = FrameReader(small, allows_binary=True)
    assert reader.feed(frame(TEXT, b"abcd")) == [Text("abcd")]
    assert reader.feed(frame(BINARY, b"\xff\x00")) == [Binary(b"\xff\x00")]
    assert reader.feed(frame(BINARY, b"\xff", fin=False) + frame(CONT, b"\xfe")) == [Binary(b"\xff\xfe")]
    assert reader.feed(frame(TEXT, b"abc", fin=False) + frame(CONT, b"def")) == [Text("abcdef")]
    assert reader.feed(frame(TEXT, b"abcd", fin=False) + frame(CONT, b"efg"))[0][0] == 1009
    assert FrameReader(small).feed(frame(TEXT, b"abcde"))[0][0] == 1009


def test_a_reader_is_idle_only_between_messages_and_then_holds_nothing() -> None:
    reader = FrameReader()
    fresh = held(reader)
    assert reader.is_idle
    whole = frame(TEXT, b"x" * 1000)
    for cut in (1, 2, 5, 8, 9, 500, len(whole) - 1):
        reader.feed(whole[:cut])
        assert not reader.is_idle, cut
        assert reader.feed(whole[cut:]) == [Text("x" * 1000)]
        assert reader.is_idle
    reader.feed(frame(TEXT, b"a", fin=False))
    assert not reader.is_idle
    reader.feed(frame(PING))
    assert not reader.is_idle
    reader.feed(frame(CONT))
    assert reader.is_idle
    assert held(reader) == fresh
    assert fresh < 200


def held(reader: FrameReader) -> int:
    """Bytes that a reader holds for itself alone; the empty bytes and the limits are shared."""
    shared = (b"", None, False, reader._limits)
    own = [value for name in FrameReader.__slots__ if (value := getattr(reader, name)) not in shared]
    return sys.getsizeof(reader) + sum(map(sys.getsizeof, own))


MASKS = st.binary(min_size=4, max_size=4)
GOOD_TEXTS = st.builds(lambda text, mask: frame(TEXT, text.encode(), mask=mask), st.text(max_size=200), MASKS)
ANY_FRAMES = st.builds(
    lambda opcode, payload, fin, rsv, mask: frame(opcode, payload.encode(), fin=fin, rsv=rsv, mask=mask),
    st.sampled_from([TEXT, TEXT, CONT, CONT, PING, PONG, CLOSE, BINARY, 3, 11]),
    st.text(max_size=40),
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 2, 4]),
    MASKS,
)


@given(st.lists(GOOD_TEXTS | ANY_FRAMES, max_size=12).map(b"".join), st.data())
def test_any_frames_in_any_pieces_mean_the_same(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=20)))
    whole = FrameReader(MANY)
    received = whole.feed(data)
    assert feed_in_pieces(FrameReader(MANY), data, cuts) == (received, whole.outgoing())


@given(st.binary(max_size=300), st.data())
def test_any_bytes_in_any_pieces_mean_the_same(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=20)))
    whole = FrameReader(MANY)
    received = whole.feed(data)
    assert feed_in_pieces(FrameReader(MANY), data, cuts) == (received, whole.outgoing())


def second_opinion(data: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    """The messages that `websockets` reads, as opcode and data, and the code of the close frame that it answers."""
    protocol = Protocol(SERVER, max_size=65536)
    protocol.receive_data(data)
    messages: list[tuple[int, bytes]] = []
    opcode, payload = 0, b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (TEXT, BINARY):
            opcode, payload = int(event.opcode), b""
        if event.opcode in (PING, PONG):
            messages.append((int(event.opcode), bytes(event.data)))
        elif event.opcode != CLOSE:
            payload += bytes(event.data)
            if event.fin:
                messages.append((opcode, payload))
    return messages, None if protocol.close_sent is None else int(protocol.close_sent.code)


def our_opinion(data: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    messages: list[tuple[int, bytes]] = []
    code = None
    for item in FrameReader(MANY, allows_binary=True).feed(data):
        match item:
            case Text(text):
                messages.append((TEXT, text.encode()))
            case Binary(payload):
                messages.append((BINARY, payload))
            case Ping(payload):
                messages.append((PING, payload))
            case Pong(payload):
                messages.append((PONG, payload))
            case Closed(given, _) | Failed(given, _):
                code = given
    return messages, code


CLOSES = st.builds(
    lambda code, mask: frame(CLOSE, code.to_bytes(2, "big"), mask=mask),
    st.integers(990, 1020) | st.integers(0, 65535),
    MASKS,
)
CLOSE_FREE = ANY_FRAMES.filter(lambda data: data[0] & 0x0F != CLOSE)


@settings(max_examples=many(300))
@given(st.lists(GOOD_TEXTS | CLOSE_FREE, max_size=12), CLOSES | st.just(frame(CLOSE)) | st.just(b""))
def test_another_implementation_reads_the_same(frames: list[bytes], last: bytes) -> None:
    """Except that a close inside a fragmented message is an error to `websockets`, and a close to us (§5.4)."""
    ours, our_code = our_opinion(b"".join(frames) + last)
    theirs, their_code = second_opinion(b"".join(frames) + last)
    assert ours == theirs
    if our_code != their_code:
        assert their_code == 1002
        reader = FrameReader(MANY, allows_binary=True)
        reader.feed(b"".join(frames))
        assert not reader.is_idle
