"""Whom a text is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parlour.core.errors import Refusal
from parlour.core.inbox_settings import is_quiet, keywords, quiet_hours
from parlour.core.mentions import MAX_NAMES, MAX_RUN_CHARS, addressed, word_of, words_of


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@alice", ["alice"]),
        ("Ask @alice, (@bob) or @Zoë.", ["alice", "bob", "Zoë"]),
        ("@a.b-c_d. Really", ["a.b-c_d"]),
        ("@alice @alice", ["alice"]),
        ("ann@example.org, https://example.org/@ann, @@ann, a/@b", []),
        ("@ alice @", []),
        ("@नमस्ते @می‌خواهم", ["नमस्ते", "می‌خواهم"]),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert list(addressed(text).names) == names


def test_everybody() -> None:
    assert addressed("@Room @HERE, @roomer") == (("roomer",), True, True)
    assert addressed("the room is here") == ((), False, False)


def test_a_text_has_so_many_names_at_most() -> None:
    assert len(addressed(" ".join(f"@n{number}" for number in range(1000))).names) == MAX_NAMES


@pytest.mark.parametrize(("text", "word"), [("Fire, fire!", "FIRE"), ("Straße", "STRASSE"), ("火事だ!", "火事")])
def test_a_word_is_found_as_people_read_it(text: str, word: str) -> None:
    assert word_of(word) in words_of(text)


def test_a_word_is_a_whole_one() -> None:
    assert word_of("fire") not in words_of("fireplace")
    assert [word_of(text) for text in ("a", "two words", "@ada", "x" * 41, "")] == [None] * 5


def test_words_are_stored_as_they_are_compared() -> None:
    assert keywords(["Fire", " fire ", "Größe"]) == "fire grösse"
    for wrong in (["two words"], [""], ["x"], [f"w{number}" for number in range(21)]):
        with pytest.raises(Refusal):
            keywords(wrong)


def test_quiet_hours_may_go_over_midnight() -> None:
    for case in json.loads(Path(__file__).parents[1].joinpath("fixtures", "quiet_hours.json").read_text()):
        assert [minute for minute in case["quiet"] if not is_quiet(case["hours"], minute)] == [], case["hours"]
        assert [minute for minute in case["loud"] if is_quiet(case["hours"], minute)] == [], case["hours"]
    for wrong in ("22-7", "24:00-07:00", "22:00", "22:00-07:60"):
        with pytest.raises(Refusal):
            quiet_hours(wrong)


def test_what_is_looked_at_is_bounded_where_one_sign_stands_for_several() -> None:
    """U+3300 is read as four letters, each of which begins seven words."""
    last = "\u6f22\u5b57"
    assert last in words_of("\u3300" * (MAX_RUN_CHARS // 4) + last)
    assert last not in words_of("\u3300" * 5461 + last)
