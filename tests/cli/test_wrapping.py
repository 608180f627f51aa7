"""Long lines are broken at spaces, and nothing of them is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.cli.terminal.wrapping import columns, wrap

WORDS = st.lists(st.text(st.sampled_from("abc日本é\u0301👩-"), min_size=1, max_size=12), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("one two three", 13, ["one two three"]),
        ("one two three", 12, ["one two", "  three"]),
        ("one two three four", 9, ["one two", "  three", "  four"]),
        ("日本 日本 日本", 10, ["日本 日本", "  日本"]),
        ("e\u0301e\u0301 e\u0301e\u0301 e\u0301", 5, ["e\u0301e\u0301 e\u0301e\u0301", "  e\u0301"]),
        ("\x1b[36mann:\x1b[0m one two", 8, ["\x1b[36mann:\x1b[0m one", "  two"]),
        ("    code stays indented", 14, ["    code stays", "  indented"]),
        ("ann: https://example.org/long next", 14, ["ann: https://example.org/long next"]),
        ("ann: https://example.org/longer next", 14, ["ann: https://example.org/longer next"]),
        ("ann: https://example.org/the-longest-one next", 14, ["ann: https://example.org/the-longest-one", "  next"]),
        ("ann: 日本日本日本日本 nex", 12, ["ann: 日本日本日本日本", "  nex"]),
        ("ann: 日本日本日本日本", 12, ["ann: 日本日本日本日本"]),
        ("one two\nthree four", 8, ["one two", "three", "  four"]),
        ("one\u00a0two three", 10, ["one\u00a0two", "  three"]),
        ("one two      ", 8, ["one two"]),
        ("", 8, [""]),
        ("one two", 1, ["one two"]),
    ],
)
def test_line_is_broken_at_spaces(text: str, width: int, rows: list[str]) -> None:
    assert wrap(text, width).split("\n") == rows


@given(words=WORDS, width=st.integers(1, 40))
def test_every_word_is_whole_and_rows_fit_unless_a_word_does_not(words: list[str], width: int) -> None:
    shown = wrap(" ".join(words), width)
    assert re.split(" +|\n +", shown) == words
    for row in shown.split("\n"):
        assert columns(row) <= width or any(columns(word) > width - 2 for word in row.split())


def test_columns_of_wide_and_combining_characters() -> None:
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "👩", "\u200d", "ｶ")] == [3, 4, 1, 2, 0, 1]
    assert [columns(text) for text in ("👩\u200d🚀", "🇩🇪", "❤\ufe0f")] == [2, 2, 2], "one emoji each"
