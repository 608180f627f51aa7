"""A request as handlers see it: query, cookies, media type, origin."""

from __future__ import annotations

import pytest

from parlour.core.errors import Refusal
from parlour.http.request import Admission, Peer, Request
from parlour.http.response import Response
from parlour.wire.http1 import RequestDecoder

PEER = Peer("127.0.0.1", "127.0.0.1", "https")


def request(target: str = "/lobby", *fields: str) -> Request:
    lines = [f"GET {target} HTTP/1.1", "Host: Chat.test:8443", *fields]
    decoder = RequestDecoder()
    decoder.feed("".join([line + "\r\n" for line in lines]).encode("latin-1") + b"\r\n")
    head = decoder.next_head()
    assert head is not None
    return Request(head, Admission(lambda _: Response(), {}, 0, None), b"", PEER)


def test_query_keeps_order_and_parameter_takes_one_value_only() -> None:
    asked = request("/lobby?a=1&b=%C3%A4+x&a=2&c")
    assert asked.query == {"a": ["1", "2"], "b": ["ä x"], "c": [""]}
    assert asked.parameter("b") == "ä x"
    assert asked.parameter("d") is None
    with pytest.raises(Refusal) as caught:
        asked.parameter("a")
    assert (caught.value.code, caught.value.field) == ("bad_parameter", "a")
    assert request().query == {}


def test_first_of_equal_cookies_wins_and_broken_ones_are_passed_over() -> None:
    """RFC 6265 §5.4: the one with the longest path comes first."""
    asked = request("/", "Cookie: a=1; b=x=y; broken; a=2;c=")
    assert [asked.cookie(name) for name in ("a", "b", "c", "broken")] == ["1", "x=y", "", None]
    assert request().cookie("a") is None


def test_media_type_has_no_parameters_and_one_spelling() -> None:
    assert request("/", "Content-Type: Text/HTML ; charset=utf-8").media_type == b"text/html"
    assert request().media_type == b""


def test_origin_is_what_the_client_addressed() -> None:
    assert request().origin == "https://chat.test:8443"
