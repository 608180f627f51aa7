"""What cannot be seen: server and script, in every engine, show the same pictures of the same characters."""

from __future__ import annotations

import functools
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from parlour.core.text import shown, text_line
from tests.support.ui import parse, render_text, text_of
from tests.ui.conftest import Engine

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "fixtures" / "hidden.json").read_text("utf-8"))
PIECES = """async (texts) => {
    const { shown } = await import("./hidden.js");
    return texts.map((text) => shown(text).map(({ text: part, isPicture }) => (isPicture ? `@${part}` : part)));
}"""
BACK = """async (texts) => {
    const { shown, pictured } = await import("./hidden.js");
    const back = (text) => shown(text).map(({ text: part, isPicture }) => (isPicture ? pictured(part) : part)).join("");
    return texts.filter((text) => back(text) !== text);
}"""
TABLE = """async () => {
    const { shown } = await import("./hidden.js");
    const table = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
        const [{ text, isPicture }] = shown(String.fromCodePoint(code));
        if (isPicture) table.push([code, text]);
    }
    return table;
}"""
PARTS = [*"ab \t\n\r\0\x1b\x7f<>␛", "\x85", "\xad", "\u061c", "\u200b", "\u200c", "\u200d", "\u202e", "\u2066",
         "\u2028", "\ufeff", "\ufe0f", "\u17b4", "\u0301", "م", "क", "्", "👩", "👧", "❤", "🏴", "🏽", "🚀",
         "\U000e0067", "\U000e007f", "\U000e0100", "\U0001d173", "\ufffe", "語", "\U0001d400"]  # fmt: skip

MANY = [
    ("\u200b" * 100, ["@" + "<U+200B>" * 100]),
    ("\u200b" * 101, ["@" + "<U+200B>" * 100, "@<+1 hidden character>"]),
    ("a" + "\u200b" * 5000 + "b", ["a", "@" + "<U+200B>" * 100, "b", "@<+4900 hidden characters>"]),
    ("a\x1b" * 2500, ["a", "@␛"] * 100 + ["a" * 2400, "@<+2400 hidden characters>"]),
    ("\u202e" * 101 + "👩\u200d🚀", ["@" + "<U+202E>" * 100, "👩\u200d🚀", "@<+1 hidden character>"]),
]
"""Texts and their pieces: the first hundred have pictures, the others are counted."""


def _pieces(text: str) -> list[str]:
    return [f"@{part.text}" if part.is_picture else part.text for part in shown(text)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_text_when_cut_gives_what_is_shown(case: dict[str, Any]) -> None:
    assert _pieces(case["text"]) == case["pieces"]


def test_text_when_it_hides_thousands_shows_a_hundred_and_counts_the_others(engine: Engine) -> None:
    texts = [text for text, _ in MANY]
    expected = [pieces for _, pieces in MANY]
    assert [_pieces(text) for text in texts] == expected
    assert engine(PIECES, texts) == expected


@pytest.mark.parametrize("text", ["a\x1b" * 2500, "https://example.net/a\u200b " * 640], ids=len)
def test_page_when_texts_hide_thousands_has_a_bounded_number_of_elements(text: str) -> None:
    html = str(render_text(text))
    assert [tag for tag, _ in parse(html)].count("span") <= 101
    assert len(html) < 16 * len(text) + 8000
    assert text_of(html) == "".join(part.text for part in shown(text))


def test_line_for_a_terminal_when_a_text_hides_thousands_shows_a_hundred_and_counts_the_others() -> None:
    for text, pieces in MANY:
        said = "".join(piece.removeprefix("@") for piece in pieces)
        assert text_line("2026-11-22T06:41:23.123Z", "alice", text) == f"2026-11-22T06:41:23Z alice: {said}"
    lines = text_line("2026-11-22T06:41:23.123Z", "alice", "\n".join(["\u200b" * 60] * 5)).split("\n")
    assert [line.count("<U+200B>") for line in lines] == [60, 40, 0, 0, 0]
    assert lines[-1] == "  <+200 hidden characters>"


def test_script_when_it_shows_the_shared_cases_gives_what_is_shown(engine: Engine) -> None:
    found = engine(PIECES, [case["text"] for case in CASES])
    assert {case["about"]: pieces for case, pieces in zip(CASES, found, strict=True)} == {
        case["about"]: case["pieces"] for case in CASES
    }


def test_script_when_it_shows_any_text_shows_what_the_server_shows(engine: Engine) -> None:
    chance = random.Random(17)
    texts = ["".join(chance.choices(PARTS, k=chance.randrange(12))) for _ in range(5000)]
    for text, pieces in zip(texts, engine(PIECES, texts), strict=True):
        assert pieces == _pieces(text), ascii(text)
    assert engine(BACK, texts) == []


@functools.cache
def every_picture() -> list[list[int | str]]:
    """The characters that the server shows as pictures, with what it shows."""
    blocks = [range(start, start + 64) for start in range(0, sys.maxunicode + 1, 64)]
    # Most have none, which is seen at once.
    some = [block for block in blocks if any(part.is_picture for part in shown("\n".join(map(chr, block))))]
    own = [(code, next(shown(chr(code)))) for block in some for code in block]
    return [[code, part.text] for code, part in own if part.is_picture]


def test_script_when_it_shows_any_character_shows_what_the_server_shows(engine: Engine) -> None:
    assert engine(TABLE) == every_picture()


@pytest.mark.parametrize(
    ("text", "seen", "pictures"),
    [
        ("\u202eevil", "<U+202E>evil", 1),
        ("a\u200b\u200bb\x1b[2J", "a<U+200B><U+200B>b␛[2J", 2),
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo␍three\n\tfour", 1),
        ("https://example.net/\u17b4x", "https://example.net/<U+17B4>x", 1),
        ("👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم", 0),
    ],
)
def test_text_when_something_in_it_cannot_be_seen_shows_a_picture(text: str, seen: str, pictures: int) -> None:
    html = str(render_text(text))
    assert text_of(html) == seen
    spans = [attributes for tag, attributes in parse(html) if tag == "span"]
    assert spans == [{"class": "hidden-char", "dir": "ltr"}] * pictures
