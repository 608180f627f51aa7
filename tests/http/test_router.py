"""From a path to a row of the table, before the body has come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.http.router import Router


def router(*patterns: str) -> Router[str]:
    """One whose rows are the patterns themselves."""
    rows = [pattern.split(" ") for pattern in patterns]
    return Router([(method, path, f"{method} {path}") for method, path in rows])


def refusal(found: Router[str], path: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        found.match(path)
    return caught.value.code


def test_literal_segment_wins_over_a_parameter_whatever_the_order() -> None:
    table = ["GET /{room}", "GET /{room}/{item}", "GET /api/v1", "GET /help", "GET /api/{x}"]
    for patterns in (table, table[::-1]):
        found = router(*patterns)
        assert found.match(b"/help").params == {}
        assert found.match(b"/api/v1").params == {}
        assert found.match(b"/api/v2").params == {"x": "v2"}
        assert found.match(b"/lobby/v1").params == {"room": "lobby", "item": "v1"}


def test_parameters_are_decoded_once_and_never_split() -> None:
    found = router("GET /{room}", "GET /{room}/{item}")
    assert found.match(b"/a%2Fb").params == {"room": "a/b"}
    assert found.match(b"/a%252Fb/%C3%A4").params == {"room": "a%2Fb", "item": "ä"}
    assert found.match(b"/a+b").params == {"room": "a+b"}
    assert found.match(b"/%2e%2e/x").params == {"room": "..", "item": "x"}


@pytest.mark.parametrize("path", [b"//", b"//a", b"/a/b/c", b"/a//"])
def test_path_that_is_no_row_is_not_found(path: bytes) -> None:
    assert refusal(router("GET /{room}", "GET /{room}/{item}"), path) == "not_found"


@pytest.mark.parametrize("path", [b"/%ff", b"/%ed%a0%80", b"/%c0%af"])
def test_path_that_is_not_utf_8_is_refused(path: bytes) -> None:
    assert refusal(router("GET /{room}"), path) == "bad_request"


def test_methods_are_listed_for_those_who_ask_for_another() -> None:
    match = router("GET /{room}", "POST /{room}").match(b"/lobby")
    assert match.row("HEAD") == "GET /{room}"
    assert match.allow == "GET, HEAD, OPTIONS, POST"
    with pytest.raises(Refusal) as caught:
        match.row("DELETE")
    assert (caught.value.code, caught.value.extra) == ("method_not_allowed", {"allow": match.allow})
    assert router("POST /x").match(b"/x").allow == "OPTIONS, POST"


def test_a_handshake_gets_the_row_that_answers_it_and_is_a_plain_get_elsewhere() -> None:
    found = router("GET /{room}", "WEBSOCKET /{room}", "GET /help")
    assert found.match(b"/lobby").row("GET", is_handshake=True) == "WEBSOCKET /{room}"
    assert found.match(b"/lobby").row("GET") == "GET /{room}"
    assert found.match(b"/help").row("GET", is_handshake=True) == "GET /help"
    assert found.match(b"/lobby").allow == "GET, HEAD, OPTIONS"


def test_row_that_stands_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        router("GET /a", "GET /a")


@given(st.binary(max_size=100))
def test_any_path_matches_or_is_refused(path: bytes) -> None:
    code = None
    try:
        router("GET /{room}", "GET /{room}/{item}").match(b"/" + path)
    except Refusal as refused:
        code = refused.code
    assert code in (None, "not_found", "bad_request")
