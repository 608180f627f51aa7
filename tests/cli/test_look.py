"""How messages look, and that nothing in them can act on a terminal."""

from __future__ import annotations

import json
import re
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.cli.tail import harmless_json
from parlour.cli.terminal.look import Look, wants_colour
from parlour.core.event import Author
from parlour.schema.events import Event

AT = "2026-11-22T06:41:23.123Z"
HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\r\x08\x7f\u2028"


def event(text: str = "Hello", name: str = "alice", at: str = AT) -> Event:
    return Event("lobby", 1, "message", at, Author("g_1", name, "guest"), text)


def test_message_in_a_pipe_is_what_curl_shows() -> None:
    assert Look().message(event("one\ntwo")) == "2026-11-22T06:41:23Z alice: one\n  two"


def test_message_on_a_terminal_is_short_and_its_name_coloured() -> None:
    assert Look(short=True, zone=UTC).message(event()) == "06:41 alice: Hello"
    assert re.fullmatch(
        "06:41 \x1b\\[3[1-6]malice:\x1b\\[0m Hello", Look(short=True, colour=True, zone=UTC).message(event())
    )
    assert Look(colour=True).remark("back") == "\x1b[2m— back\x1b[0m"


@pytest.mark.parametrize("look", [Look(), Look(short=True)])
@given(text=st.text() | st.just(HOSTILE), name=st.text(max_size=20) | st.just(HOSTILE), at=st.text(max_size=30))
def test_nothing_in_a_message_acts_on_the_terminal(look: Look, text: str, name: str, at: str) -> None:
    for shown in (look.message(event(text, name, at)), look.message(event(HOSTILE + text)), look.remark(text)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", shown)


def test_message_of_many_lines_cannot_pass_for_another_message() -> None:
    shown = Look(short=True, zone=UTC).message(event("x\n06:41 bob: I agree"))
    assert shown.split("\n")[1] == "  06:41 bob: I agree"


@pytest.mark.parametrize(
    ("is_terminal", "environment", "wanted"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    is_terminal: bool, environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(is_terminal) is wanted


@given(st.text())
def test_json_for_a_terminal_says_the_same_and_acts_no_more(text: str) -> None:
    raw = json.dumps({"text": text + HOSTILE}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if "\\ud" in raw.decode("utf-8", "backslashreplace"):
        return  # the server stores no lone surrogates
    shown = harmless_json(raw).decode()
    assert json.loads(shown) == {"text": text + HOSTILE}
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202e\u2066]", shown)
