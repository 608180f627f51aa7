"""What a client is given by its Accept field (RFC 9110 §12.5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.http.negotiate import FORMATS, choose, wants_json

FIREFOX = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "text"),
        (b"*/*", "text"),
        (b"", "text"),
        (FIREFOX, "html"),
        (b"text/html", "html"),
        (b"TEXT/HTML", "html"),
        (b"application/json", "json"),
        (b"application/json, text/html;q=0.9", "json"),
        (b"text/html;q=0.5, application/json;q=0.6", "json"),
        (b"application/x-ndjson", "ndjson"),
        (b"text/event-stream", "sse"),
        (b"text/*", "text"),
        (b"text/*;q=0.5, text/html;q=0.4, application/json;q=0.1", "text"),
        (b"text/plain;q=0, */*", "html"),
        (b"application/pdf", None),
        (b"text/html;q=0", None),
        (b"*/*;q=0", None),
        (b"text/html, text/plain, */*;q=0.01", "html"),  # lynx
        (b"text/plain, text/html", "html"),
        (b"text/plain, text/html;q=0.9", "text"),
        (b"text/plain, text/*", "text"),
        (b"text/plain, */*", "text"),
        (b"application/json, text/html, text/plain;q=0.9", "html"),
        (b"text/html;q=.2, application/json;q=0.1999", "html"),  # more than the grammar has, but in use
        (b"text/html ; level=1 ; q=0.2 , application/json;q=0.1", "html"),
    ],
)
def test_choice_is_what_the_client_likes_best(accept: bytes | None, chosen: str | None) -> None:
    assert choose(accept) == chosen


@pytest.mark.parametrize("quality", [b"2", b"-1", b"nan", b"inf", b"1e-1", b"0_1", b"0x1", b".", b"", b"1.1", b"one"])
def test_malformed_quality_makes_its_range_count_for_nothing(quality: bytes) -> None:
    """RFC 9110 §12.4.2; Python would read some of these as numbers."""
    assert choose(b"application/json, text/html;q=" + quality) == "json"
    assert choose(b"text/html;q=" + quality) == "text"  # as if nothing had been asked for


def test_json_is_wanted_only_by_those_who_like_nothing_better() -> None:
    assert wants_json(b"application/json")
    assert wants_json(b"application/problem+json")
    assert wants_json(b"application/json, text/plain;q=0.9, */*;q=0.1")
    assert not wants_json(None)
    assert not wants_json(b"*/*")
    assert not wants_json(FIREFOX)
    assert not wants_json(b"application/json;q=0.1, text/html")


@given(st.one_of(st.binary(max_size=200), st.text("atex/hml*;q=0.159, json", max_size=80).map(str.encode)))
def test_any_value_gives_an_offer_or_none(accept: bytes) -> None:
    assert choose(accept) in (*FORMATS, None)
    wants_json(accept)
