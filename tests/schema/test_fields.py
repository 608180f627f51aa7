"""What the schemas of values forbid is refused, and what they allow in ASCII is accepted: one rule, said twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from parlour.core.cursor import MAX_SEQ, parse_cursor
from parlour.core.errors import Refusal
from parlour.core.names import check_key, display_name, room_name
from parlour.core.text import check_text
from parlour.schema.fields import CursorText, DisplayName, Key, RoomName, Text

RULES: dict[str, tuple[Any, Callable[[str], object]]] = {
    "room": (RoomName, room_name),
    "name": (DisplayName, display_name),
    "key": (Key, check_key),
    "text": (Text, check_text),
    "cursor": (CursorText, parse_cursor),
}
WORDS_DECIDE = {"reserved_name"}
"""Names are compared folded and with look-alikes in mind; a schema lists words."""

VALIDATORS = {kind: Draft202012Validator(msgspec.json.schema(type_)) for kind, (type_, _) in RULES.items()}
"""They read patterns as ECMA-262 has them, as JSON Schema asks: `$` is the end, not a last line break."""


def is_accepted(check: Callable[[str], object], value: str) -> str | None:
    """None, or the code of the refusal."""
    try:
        check(value)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("kind", RULES)
@given(value=st.text(max_size=70) | st.text("aZ09-_.: \n\t\0\x1b,/@[^`{~\u200b\xa0é", max_size=70))
def test_what_the_schema_forbids_is_refused(kind: str, value: str) -> None:
    check = RULES[kind][1]
    if not VALIDATORS[kind].is_valid(value):
        # Names are measured after folding, so spaces and composed letters may save one that is written too long.
        assert is_accepted(check, value) or len(value) > 64


@pytest.mark.parametrize("kind", RULES)
@given(value=st.text(st.characters(max_codepoint=127), max_size=70) | st.from_regex(r"[a-z0-9]{1,5}[._-]?[0-9]{1,10}"))
def test_what_the_schema_allows_in_ascii_is_accepted(kind: str, value: str) -> None:
    check = RULES[kind][1]
    if value.isascii() and VALIDATORS[kind].is_valid(value):
        code = is_accepted(check, value)
        assert code is None or code in WORDS_DECIDE or _is_beyond_all_logs(kind, value), value


def _is_beyond_all_logs(kind: str, value: str) -> bool:
    """A schema has no word for how large a number in a string may be."""
    return kind == "cursor" and int(value.rpartition(".")[2]) > MAX_SEQ


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("room", ["a", "A" * 64, "0._-", "ünïcödé", "हिन्दी"], ["", "a" * 65, "-a", ".a", "a b", "a/b", "api", "a\n"]),
        ("name", ["a", "a b", "Ана", "!"], ["", " ", "a:b", "a\n", "\x7f", "a" * 65]),
        ("key", ["a" * 8, "A-z_0123" * 8], ["a" * 7, "a" * 65, "a b c d e", "ä" * 8, "a" * 8 + "\n"]),
        ("text", ["a", " \n.", "x" * 16384], ["", " \n\t", "\u200b", "a\0", "x" * 16385]),
        ("cursor", ["0", "42", "k3f9.42"], ["", "-1", "042", "k3f9.", "K.1", "1 ", "1\n", "a" * 17 + ".1"]),
    ],
)
def test_examples_are_judged_alike_by_both(kind: str, good: list[str], bad: list[str]) -> None:
    check, validator = RULES[kind][1], VALIDATORS[kind]
    assert [(value, validator.is_valid(value), is_accepted(check, value)) for value in good] == [
        (value, True, None) for value in good
    ]
    assert [(value, validator.is_valid(value), is_accepted(check, value) is None) for value in bad] == [
        (value, False, False) for value in bad
    ]


def test_the_largest_number_is_that_of_core() -> None:
    assert parse_cursor(str(MAX_SEQ)).seq == MAX_SEQ
    assert is_accepted(parse_cursor, str(MAX_SEQ + 1)) == "bad_cursor"
