"""permessage-deflate is agreed to, written and read as RFC 7692 says, and a compressed message costs no more than one
that is not: by the examples of the RFC, by zlib, and by the `websockets` library.
"""

from __future__ import annotations

import random
import tracemalloc
import zlib
from contextlib import suppress
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension
from websockets.protocol import CLIENT, Protocol

from parlour.core.errors import Refusal
from parlour.wire import deflate
from parlour.wire.deflate import (
    MAX_INFLATED_MESSAGES,
    MIN_BYTES,
    SMALL_WINDOW_BITS,
    WINDOW_BITS,
    Agreed,
    DeflateReader,
    agree,
    compressed_frame,
    deflated_frame,
)
from parlour.wire.websocket import Binary, Failed, FrameReader, Ping, Received, Text, text_frame
from tests.wire.test_websocket_reader import BINARY, CASES, CLOSE, CONT, PING, PONG, RESERVED_BITS, TEXT, Case, frame
from tests.wire.test_websocket_reader import feed_in_pieces as feed

LIMIT = 64 * 1024
COMPRESSED = 4
"""The first of the reserved bits, as the number that the three are."""

NONE = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
WITH_12, WITH_9 = NONE + b"; server_max_window_bits=12", NONE + b"; server_max_window_bits=9"


# --- offers ---


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        (None, None),
        (b"", None),
        (b" , ,", None),
        (b"permessage-deflate", NONE),
        (b"permessage-deflate; client_max_window_bits", NONE),  # Chromium
        (b"permessage-deflate;client_max_window_bits;server_no_context_takeover", NONE),
        (b"permessage-deflate ; client_no_context_takeover ;\tserver_no_context_takeover", NONE),
        (b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", WITH_12),  # websockets
        *((b"permessage-deflate; server_max_window_bits=%d" % bits, WITH_12) for bits in (12, 13, 14, 15)),
        *((b"permessage-deflate; server_max_window_bits=%d" % bits, WITH_9) for bits in (9, 10, 11)),
        *((b"permessage-deflate; client_max_window_bits=%d" % bits, NONE) for bits in range(8, 16)),
        (b'permessage-deflate; server_max_window_bits="10"', WITH_9),
        (b'permessage-deflate; server_max_window_bits="1\\0"', WITH_9),
        # not to be kept, unknown, repeated or malformed
        (b"permessage-deflate; server_max_window_bits=8", None),
        (b"permessage-deflate; server_max_window_bits", None),
        *(
            (b"permessage-deflate; %b_max_window_bits=%b" % (side, bits), None)
            for side in (b"server", b"client")
            for bits in (b"0", b"7", b"16", b"08", b"012", b"1_0", b"+9", b"-9", b"x", b"9999999999")
        ),
        (b"permessage-deflate; server_no_context_takeover=1", None),
        (b"permessage-deflate; client_no_context_takeover=true", None),
        (b"permessage-deflate; client_max_window_bits; client_max_window_bits=9", None),
        (b"permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        (b"permessage-deflate; level=9", None),
        (b"permessage-deflate; Client_Max_Window_Bits", None),
        # others, and several
        (b"permessage-bzip2", None),
        (b"x-webkit-deflate-frame", None),
        (b"PerMessage-Deflate", None),
        (b"permessage-foo; a=1; b, permessage-deflate", NONE),
        (b'foo; quoted="permessage-deflate"', None),
        (b"permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10", WITH_9),
        (b"permessage-deflate; strange, permessage-deflate", NONE),
        (b"permessage-deflate; server_max_window_bits=9, permessage-deflate", WITH_9),
        (b", permessage-deflate; server_max_window_bits=8 ,\t, permessage-deflate,", NONE),
    ],
)
def test_the_first_offer_that_can_be_kept_is_taken(offers: bytes | None, answer: bytes | None) -> None:
    agreed = agree(offers)
    assert (None if agreed is None else agreed.answer) == answer
    if agreed is not None and offers is not None:
        assert agreed.bits == (SMALL_WINDOW_BITS if answer == WITH_9 else WINDOW_BITS)
        assert is_accepted_by_the_client(agreed, offers)


def is_accepted_by_the_client(agreed: Agreed, offers: bytes) -> bool:
    """Whether a client that asked for a window, or not, takes the answer for one to an offer of its own."""
    asked = b"server_max_window_bits" in agreed.answer
    factory = ClientPerMessageDeflateFactory(server_max_window_bits=agreed.bits if asked else None)
    ((name, parameters),) = parse_extension(agreed.answer.decode())
    extension = factory.process_response_params(parameters, [])
    return name == factory.name and extension.remote_no_context_takeover and extension.local_no_context_takeover


@pytest.mark.parametrize(
    "offers",
    [
        b"permessage-deflate;",
        b"permessage-deflate; ; client_max_window_bits",
        b"permessage-deflate; client_max_window_bits=",
        b"permessage-deflate; client_max_window_bits=1 0",
        b'permessage-deflate; client_max_window_bits="',
        b'permessage-deflate; client_max_window_bits=""',
        b'permessage-deflate; client_max_window_bits="1, 2"',
        b"permessage-deflate client_max_window_bits",
        b"permessage-deflate; =9",
        b"; client_max_window_bits",
        b"permessage-deflate, permessage-deflate; =9",
        b"permessage-deflate\xe9",
        b"x; y=\xff, permessage-deflate",
        b"(comment)",
    ],
)
def test_what_is_no_list_of_extensions_is_refused(offers: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        agree(offers)
    assert refusal.value.code == "bad_upgrade"


@given(st.lists(st.sampled_from([b"permessage-deflate", b"x", b";", b",", b"=", b'"', b"\\", b" ", b"9", b"\xff"])))
def test_any_offer_is_declined_accepted_or_refused(pieces: list[bytes]) -> None:
    with suppress(Refusal):
        assert agree(b"".join(pieces)) in (None, Agreed(NONE, WINDOW_BITS))


# --- frames out ---


def read_by_another(data: bytes, bits: int) -> list[Frame]:
    """The frames as the `websockets` client reads them that has agreed to a window."""
    client = Protocol(CLIENT, max_size=None)
    client.extensions = [PerMessageDeflate(True, True, bits, 15)]
    client.receive_data(data)
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    assert client.parser_exc is None
    return frames


SHORT_AND_LONG = st.text(max_size=50) | st.builds(
    lambda text, times: text * times, st.text(min_size=1), st.integers(1, 400)
)


@given(st.lists(SHORT_AND_LONG, max_size=5), st.sampled_from([SMALL_WINDOW_BITS, WINDOW_BITS]))
def test_messages_are_read_by_others_as_they_were(texts: list[str], bits: int) -> None:
    for write in (deflated_frame, compressed_frame):
        data = b"".join([write(text.encode(), bits) for text in texts])
        assert read_by_another(data, bits) == [Frame(Opcode.TEXT, text.encode()) for text in texts]


@pytest.mark.parametrize("bits", [SMALL_WINDOW_BITS, WINDOW_BITS])
def test_messages_are_compressed_from_a_kibibyte_on_and_where_it_helps(bits: int) -> None:
    short, long = b"x" * (MIN_BYTES - 1), b"x" * MIN_BYTES
    assert deflated_frame(short, bits) == text_frame(short)
    assert deflated_frame(long, bits) == compressed_frame(long, bits)
    assert len(deflated_frame(long, bits)) < 40
    assert deflated_frame(long, bits)[0] == 0xC1
    chance = random.Random(1).randbytes(4 * MIN_BYTES)
    assert deflated_frame(chance, bits) == text_frame(chance), "no gain"


def test_a_window_is_not_exceeded() -> None:
    block = random.Random(2).randbytes(1500)
    assert len(compressed_frame(block * 2, WINDOW_BITS)) < 1700
    assert len(compressed_frame(block * 2, SMALL_WINDOW_BITS)) > 3000
    inflate = zlib.decompressobj(-SMALL_WINDOW_BITS)
    assert inflate.decompress(compressed_frame(block[:400] * 9, SMALL_WINDOW_BITS)[4:]) == block[:400] * 9


def test_a_message_is_compressed_once_for_all() -> None:
    text = b"once for all " * 200
    assert deflated_frame(text, WINDOW_BITS) is deflated_frame(bytes(bytearray(text)), WINDOW_BITS)
    assert deflated_frame(text, WINDOW_BITS) != deflated_frame(text, SMALL_WINDOW_BITS)


# --- messages in ---


def squeezed(data: bytes, bits: int = 15, level: int = 6) -> bytes:
    """A message's payload, as a client compresses it."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -bits)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compressed(data: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """A first frame whose payload is already compressed."""
    return frame(opcode, data, fin=fin, rsv=COMPRESSED)


HELLO = bytes.fromhex("f248cdc9c90700")
NOT_DEFLATE, NOT_WHOLE = "not compressed data", "the compressed data is not whole"
BITS = "of the reserved bits a message's first frame may have the first one only"
TOO_LARGE = f"a message has at most {LIMIT} bytes"
BOMB = squeezed(bytes(LIMIT * 1000), level=9)[:LIMIT]

GOOD = {
    # RFC 7692 §7.2.3
    "one block": (compressed(HELLO), ["Hello"]),
    "one block in two frames": (compressed(HELLO[:3], fin=False) + frame(CONT, HELLO[3:]), ["Hello"]),
    "a block that is stored": (compressed(bytes.fromhex("000500faff48656c6c6f00")), ["Hello"]),
    "a final block": (compressed(bytes.fromhex("f348cdc9c9070000")), ["Hello"]),
    "a final block without what is left of another": (compressed(bytes.fromhex("f348cdc9c90700")), ["Hello"]),
    "two blocks": (compressed(bytes.fromhex("f248050000 00ffffcac9c90700")), ["Hello"]),
    "an empty message": (compressed(b"\0"), [""]),
    # and more
    "one message after the other": (compressed(HELLO) * 3, ["Hello"] * 3),
    "not compressed": (frame(TEXT, b"Hello"), ["Hello"]),
    "now and then": (frame(TEXT, b"a") + compressed(HELLO) + frame(TEXT, b"b"), ["a", "Hello", "b"]),
    "empty fragments": (compressed(b"", fin=False) + frame(CONT, HELLO, fin=False) + frame(CONT), ["Hello"]),
    "a character cut by fragments": (
        compressed(squeezed(b"\xce")[:-1] + b"\0\0\0\xff\xff", fin=False) + frame(CONT, squeezed(b"\xba")),
        ["κ"],
    ),
    "as long as may be": (compressed(squeezed(b"x" * LIMIT)), ["x" * LIMIT]),
    "with the smallest window": (compressed(squeezed(b"abc" * 5000, 9)), ["abc" * 5000]),
}
BAD = {
    "a window that was kept": (compressed(HELLO) + compressed(bytes.fromhex("f200110000")), 1007, NOT_DEFLATE),
    "no deflate data": (compressed(b"\xff" * 20), 1007, NOT_DEFLATE),
    "nothing at all": (compressed(b""), 1007, NOT_DEFLATE),
    "something behind a final block": (
        compressed(bytes.fromhex("f348cdc9c9070000") + HELLO),
        1007,
        "something follows the end of the compressed data",
    ),
    "two final blocks": (
        compressed(bytes.fromhex("f348cdc9c90700") * 2),
        1007,
        "something follows the end of the compressed data",
    ),
    "a stored block that ends early": (compressed(b"\x00\x50\x00\xaf\xff" + b"x" * 20), 1007, NOT_WHOLE),
    "not UTF-8": (compressed(squeezed(b"ok\xff")), 1007, "not valid UTF-8"),
    "a character without its end": (compressed(squeezed(b"ok\xce")), 1007, "not valid UTF-8"),
    "one byte too many": (compressed(squeezed(b"x" * (LIMIT + 1))), 1009, TOO_LARGE),
    "a bomb": (compressed(BOMB), 1009, TOO_LARGE),
    "a bomb in fragments": (
        compressed(BOMB[:30], fin=False) + frame(CONT, BOMB[30:60], fin=False) + frame(CONT, BOMB[60:2000]),
        1009,
        TOO_LARGE,
    ),
    "too many fragments": (
        compressed(HELLO, fin=False) + frame(CONT, fin=False) * 16,
        1008,
        "a message has at most 16 fragments",
    ),
    "binary": (compressed(HELLO, BINARY), 1003, "messages are text"),
    "a continuation that says it is compressed": (
        compressed(HELLO[:3], fin=False) + frame(CONT, HELLO[3:], rsv=COMPRESSED),
        1002,
        BITS,
    ),
    "a continuation of what is not compressed": (
        frame(TEXT, b"a", fin=False) + frame(CONT, HELLO, rsv=COMPRESSED),
        1002,
        BITS,
    ),
    **{
        f"reserved bits {rsv}, opcode {opcode}": (frame(opcode, b"", rsv=rsv), 1002, BITS)
        for rsv, opcode in product(range(1, 8), (TEXT, BINARY, CONT, PING, PONG, CLOSE))
        if (rsv, opcode) not in ((COMPRESSED, TEXT), (COMPRESSED, BINARY))
    },
}


def every_cut(data: bytes) -> list[int]:
    return [cut for cut in range(1, len(data)) if cut < 300 or len(data) - cut < 300]


@pytest.mark.parametrize("case", GOOD)
def test_compressed_messages_are_read_alike_however_they_are_cut(case: str) -> None:
    data, texts = GOOD[case]
    expected: list[Received] = [Text(text) for text in texts]
    reader = DeflateReader()
    assert reader.feed(data) == expected
    assert reader.is_idle
    assert feed(DeflateReader(), data, every_cut(data)) == (expected, b"")
    for cut in every_cut(data)[:60]:
        assert feed(DeflateReader(), data, [cut]) == (expected, b"")
    assert DeflateReader().feed(data + frame(PING)) == [*expected, Ping(b"")]


@pytest.mark.parametrize("case", BAD)
def test_what_breaks_a_rule_is_named_however_it_is_cut(case: str) -> None:
    data, code, reason = BAD[case]
    for cuts in ([], every_cut(data)):
        received, out = feed(DeflateReader(), data, cuts)
        assert received[-1] == Failed(code, reason)
        assert out[2:4] == code.to_bytes(2, "big")
    assert DeflateReader().feed(data + compressed(HELLO))[-1] == Failed(code, reason)


@pytest.mark.parametrize(
    "case", [case for case in CASES if RESERVED_BITS not in str(case.received)], ids=lambda case: case.name
)
def test_what_is_not_compressed_is_read_as_without_the_extension(case: Case) -> None:
    reader = DeflateReader()
    assert reader.feed(case.data) == case.received
    assert reader.outgoing() == case.out


def test_nobody_may_compress_who_has_not_agreed() -> None:
    assert FrameReader().feed(compressed(HELLO)) == [Failed(1002, RESERVED_BITS)]


@pytest.mark.parametrize(
    "whole", [squeezed(b"Hello, hello, hello"), squeezed("κόσμε ".encode() * 9), squeezed(b"ab" * 50, level=0)]
)
def test_a_message_cut_short_is_never_taken_for_a_whole_one(whole: bytes) -> None:
    for length in range(1, len(whole)):
        (failed,) = DeflateReader().feed(compressed(whole[:length]))
        if whole[:length] == b"\0":
            assert failed == Text("")  # the one beginning that is a message of its own
            continue
        assert isinstance(failed, Failed), length
        assert failed.code == 1007


def held_by(folder: Path) -> int:
    """Bytes that code in a folder has allocated and not given back, whatever other threads of this process do."""
    traces = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, f"{folder}/*")]).traces
    return sum(trace.size for trace in traces)


def cost_of(data: bytes) -> tuple[int, int]:
    """Bytes that a new reader of this much too long message takes at most, and those that it holds afterwards."""
    tracemalloc.start()
    try:
        reader = DeflateReader()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        assert reader.feed(data) == [Failed(1009, TOO_LARGE)]
        return tracemalloc.get_traced_memory()[1] - before, held_by(Path(deflate.__file__).parent)
    finally:
        tracemalloc.stop()


def test_a_bomb_costs_no_more_than_a_message() -> None:
    bomb = compressed(BOMB)[:4096]
    costs = [cost_of(bomb) for _ in range(3)]
    # The peak is that of the whole process: what other threads take meanwhile they do not take each time.
    assert min(peak for peak, _ in costs) < 6 * LIMIT
    assert max(held for _, held in costs) < 4096, "a closed reader holds nothing"


def test_one_read_inflates_to_a_few_messages_only() -> None:
    large = compressed(squeezed(b"x" * LIMIT))
    assert DeflateReader().feed(large * MAX_INFLATED_MESSAGES) == [Text("x" * LIMIT)] * MAX_INFLATED_MESSAGES
    received = DeflateReader().feed(large * 1000)
    assert received[MAX_INFLATED_MESSAGES:] == [Failed(1008, "too much compressed data at once")]
    reader = DeflateReader()
    for _ in range(100):
        assert reader.feed(large) == [Text("x" * LIMIT)], "the next read counts anew"


def test_whole_messages_are_no_fragments() -> None:
    assert DeflateReader().feed(compressed(HELLO) * 500) == [Text("Hello")] * 500
    two = compressed(HELLO, fin=False) + frame(CONT)
    assert DeflateReader().feed(two * 1000)[32:] == [Failed(1008, "too many control frames or fragments")]


def test_an_idle_reader_holds_nothing_of_the_message_before() -> None:
    reader = DeflateReader()
    whole = compressed(squeezed(b"x" * 1000))
    for cut in range(1, len(whole)):
        reader.feed(whole[:cut])
        assert not reader.is_idle, cut
        assert reader.feed(whole[cut:]) == [Text("x" * 1000)]
        assert reader.is_idle
        assert reader._message is None


def test_binary_messages_may_be_compressed_where_they_are_allowed() -> None:
    reader = DeflateReader(allows_binary=True)
    assert reader.feed(compressed(squeezed(b"\xff\0"), BINARY)) == [Binary(b"\xff\0")]


def fragmented(payload: bytes, cuts: list[int]) -> bytes:
    """A compressed message in several frames."""
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    pieces = [payload[start:stop] for start, stop in pairwise(edges)]
    last = len(pieces) - 1
    return b"".join(
        frame(CONT if at else TEXT, piece, fin=at == last, rsv=0 if at else COMPRESSED)
        for at, piece in enumerate(pieces)
    )


MESSAGES = st.builds(
    lambda text, level, bits, cuts: (text, fragmented(squeezed(text.encode(), bits, level), cuts)),
    SHORT_AND_LONG,
    st.integers(0, 9),
    st.integers(9, 15),
    st.lists(st.integers(0, 5000), max_size=4),
)


@given(st.lists(MESSAGES, max_size=4), st.data())
def test_any_messages_in_any_pieces_are_read(messages: list[tuple[str, bytes]], draw: st.DataObject) -> None:
    data = b"".join(sent for _, sent in messages)
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=10)))
    reader = DeflateReader(max_frame=1 << 20, max_message=1 << 20)
    assert feed(reader, data, cuts) == ([Text(text) for text, _ in messages], b"")


@given(st.lists(SHORT_AND_LONG, min_size=1, max_size=4))
def test_messages_of_the_library_are_read(texts: list[str]) -> None:
    client = Protocol(CLIENT)
    client.extensions = [PerMessageDeflate(True, True, 15, 12)]
    for text in texts:
        client.send_text(text.encode())
    reader = DeflateReader(max_frame=1 << 20, max_message=1 << 20)
    assert reader.feed(b"".join(client.data_to_send())) == [Text(text) for text in texts]


@given(st.binary(max_size=200), st.booleans(), st.data())
def test_any_bytes_in_any_pieces_mean_the_same(data: bytes, is_framed: bool, draw: st.DataObject) -> None:
    data = compressed(data) if is_framed else data
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=20)))
    whole = DeflateReader(max_controls=1000).feed(data)
    received, _ = feed(DeflateReader(max_controls=1000), data, cuts)
    assert codes(received) == codes(whole)


def codes(received: list[Received]) -> list[Received | int]:
    """What was read, without the reason of a failure: zlib keeps back what it read before an error."""
    return [each.code if isinstance(each, Failed) else each for each in received]
