"""What we accept, h11 and llhttp accept too, and in it they see the same requests end at the same bytes.

The other way round does not hold, on purpose: `STRICTER` says where we refuse what others accept, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import h11
import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.errors import ERRORS
from tests.conformance.http1_case import PLAIN
from tests.conformance.http1_cases import CASES
from tests.conformance.test_http1_codec import decode, whole
from tests.wire.test_http1_properties import damaged, hostile, requests


@dataclass
class Seen:
    """The complete requests a reader found, method and body, and what it did with the bytes after them."""

    requests: list[tuple[str, bytes]] = field(default_factory=list)
    stopped: bool = False
    """It refuses what follows, or does not read it because this was the last request (h11: always so in HTTP/1.0)."""
    left: bool = False
    """The last request asks for another protocol, and the reader leaves all that follows its head to that."""


def seen_by_us(data: bytes) -> Seen:
    accepted, end = decode(whole(data))
    return Seen([(request.method, request.body) for request in accepted], end in ERRORS)


def seen_by_h11(data: bytes) -> Seen:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    seen = Seen()
    method, body = "", b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                method, body = event.method.decode(), b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                seen.requests.append((method, body))
                connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE or connection.their_state is h11.MUST_CLOSE:
                    seen.stopped = True
                    return seen
                connection.start_next_cycle()
            else:
                return seen
    except h11.RemoteProtocolError:
        seen.stopped = True
        return seen


class _Collector:
    """The callbacks of llhttp."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.body = b""
        self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.seen.requests.append((self.parser.get_method().decode(), self.body))


def seen_by_llhttp(data: bytes) -> Seen:
    collector = _Collector()
    try:
        collector.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        collector.seen.left = True
    except httptools.HttpParserError:
        collector.seen.stopped = True
    return collector.seen


READERS: dict[str, Callable[[bytes], Seen]] = {"h11": seen_by_h11, "llhttp": seen_by_llhttp}

KNOWN = {
    ("h11", "an empty line first"): "h11 does not skip it, though RFC 9112 §2.2 asks for it",
    ("h11", "an empty line between"): "the same",
    ("h11", "an empty line before each"): "the same",
    ("llhttp", "coding with white space around"): "llhttp refuses a tab after the coding; RFC 9112 §5.1 says ignore it",
    (
        "llhttp",
        "upgrade to HTTP/2 offered with a message",
    ): "llhttp stops to let its user upgrade; we never take h2c up",
}
"""Rows that we accept and another reader does not frame alike, with the reason why that does no harm."""

STRICTER = {
    "an unknown method has no framing we could trust": ("method unknown", "target authority of CONNECT"),
    "a version we do not speak": ("version 1.2", "HTTP/2 preface"),
    "a line feed alone is a line end to some only": ("line feeds alone everywhere", "field with a line feed alone"),
    "others route it elsewhere": ("target absolute of another host", "target with a fragment", "target relative"),
    "a Host that others read differently": ("host list", "host with user", "host with a path", "host empty"),
    "a folded line is one field or two": ("field folded with a space", "coding folded", "length folded"),
    "control characters": ("field value with control character 0x1b", "field value with control character 0x07"),
    "two of what can be only one": ("Cookie twice", "length twice the same", "length list of the same"),
    "limits": ("field one byte too long", "one field too many", "chunks, too many small ones"),
    "an expectation we cannot meet": ("Expect something else",),
    "bytes that may belong to another protocol": ("upgrade with a length", "upgrade with chunks"),
    "a leading zero is octal to some": ("length with a leading zero", "length double zero"),
    "HTTP/1.0 has no codings": ("coding from HTTP/1.0",),
    "two framings at once": ("both length and coding, length first", "both length and coding, coding first"),
    "names that gateways confuse": ("coding with an underscore", "length and again with an underscore"),
    "parts of chunks that nobody needs": ("chunks, extension", "chunks, trailer", "chunks, size with a space after"),
}
"""Rows that h11 accepts and we refuse, by reason."""


@pytest.mark.parametrize("reader", READERS)
def test_what_we_accept_of_the_table_others_frame_alike(reader: str) -> None:
    wrong = []
    for case in CASES:
        ours, theirs = seen_by_us(case.data), READERS[reader](case.data)
        alike = theirs.requests[: len(ours.requests)] == ours.requests
        if alike == ((reader, case.name) in KNOWN):
            wrong.append((case.name, ours, theirs))
    assert wrong == []


@pytest.mark.parametrize("reader", READERS)
@given(data=st.one_of(damaged(), hostile, requests().map(lambda pair: pair[0])))
def test_what_we_accept_of_anything_others_frame_alike_or_refuse(reader: str, data: bytes) -> None:
    for sent in (data, data + PLAIN):
        ours, theirs = seen_by_us(sent), READERS[reader](sent)
        found = theirs.requests[:-1] if theirs.left else theirs.requests
        count = len(found) if theirs.stopped or theirs.left else len(ours.requests)
        assert found[: len(ours.requests)] == ours.requests[:count]


def test_where_we_are_stricter_is_known() -> None:
    cases = {case.name: case for case in CASES}
    for reason, names in STRICTER.items():
        for name in names:
            ours, theirs = seen_by_us(cases[name].data), seen_by_h11(cases[name].data)
            assert ours.stopped, (reason, name)
            assert len(theirs.requests) > len(ours.requests), (reason, name)
