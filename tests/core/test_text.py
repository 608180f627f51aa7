"""Texts are bounded and storable; shown on a terminal they can neither act nor lie."""

from __future__ import annotations

import re
import sys
import unicodedata
from time import thread_time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.core.text import check_text, decode_text, shown, text_line, visible

AT = "2026-11-22T06:41:23.123Z"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "hello\nworld\n",
        "\x1b[2J",
        "\tdef f():",
        "👩\u200d👩\u200d👧",
        "می\u200cخواهم",
        "a" * 16384,
        "é" * 8000,
        "語" * 5461,
        "\n".join("x" * 400),
        "\n".join("x" * 400) + "\n",
        "\r\n".join("x" * 400),
        "\u2800.",
    ],
)
def test_an_acceptable_text_is_given_back_unchanged(text: str) -> None:
    assert check_text(text) == text


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("", "blank_text", "blank"),
        (" \t\r\n\v\f", "blank_text", "blank"),
        ("\u3000\u00a0\u2003", "blank_text", "blank"),
        ("\u200b\u200d\ufeff\u2060", "blank_text", "blank"),
        ("\u3164\u115f\u2800", "blank_text", "blank"),
        ("\x01\x07\x1b", "blank_text", "blank"),
        ("a\0b", "bad_text", "U+0000"),
        ("\0", "bad_text", "U+0000"),
        ("a\ud800", "bad_text", "surrogate"),
        ("\udc00b", "bad_text", "surrogate"),
        ("a" * 16385, "text_too_long", "16384"),
        ("a" * 10_000_000, "text_too_long", "16384"),
        ("語" * 5462, "text_too_long", "16384"),
        ("🙂" * 4097, "text_too_long", "16384"),
        ("\n".join("x" * 401), "text_too_long", "400"),
        ("\r".join("x" * 401), "text_too_long", "400"),
        ("\u2028".join("x" * 401), "text_too_long", "400"),
        ("\v".join("x" * 401), "text_too_long", "400"),
    ],
)
def test_an_unacceptable_text_is_refused_by_its_reason(text: str, code: str, told: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_text(text)
    assert refused.value.code == code
    assert refused.value.field == "text"
    assert told in refused.value.detail


def test_raw_bytes_are_decoded_without_repair() -> None:
    assert decode_text("grüße".encode()) == "grüße"
    assert decode_text(b"\xef\xbb\xbfa") == "\ufeffa"
    for bad in (
        b"\xff",
        b"a\x80",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        "é".encode()[:1],
        "é".encode("latin-1"),
    ):
        with pytest.raises(Refusal) as refused:
            decode_text(bad)
        assert refused.value.code == "bad_utf8"


SHOWN = [
    ("plain", "plain"),
    ("grüße, 会議 שלום", "grüße, 会議 שלום"),
    ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
    ("\x1b]0;title\x07", "␛]0;title␇"),
    ("a\rb\nc\td\bx", "a␍b␊c␉d␈x"),
    ("\0\x1f\x7f", "␀␟␡"),
    ("\x80\x9b31m\x85", "<U+0080><U+009B>31m<U+0085>"),
    ("\u202eevil\u202c", "<U+202E>evil<U+202C>"),
    ("\u2066x\u2069", "<U+2066>x<U+2069>"),
    ("\u200e\u200f\u061c", "<U+200E><U+200F><U+061C>"),
    ("a\u2028b\u2029c", "a<U+2028>b<U+2029>c"),
    ("a\u200bb\u2060c\ufeffd\u00ade", "a<U+200B>b<U+2060>c<U+FEFF>d<U+00AD>e"),
    ("a\u200cb\u200dc", "a<U+200C>b<U+200D>c"),
    ("\u3164\uffa0", "<U+3164><U+FFA0>"),
    ("\U000e0041\U000e0042", "<U+E0041><U+E0042>"),
    ("\ud800", "<U+D800>"),
    ("\ufff9\ufffb\uffff", "<U+FFF9><U+FFFB><U+FFFF>"),
    ("\ufffd\ufffc", "\ufffd\ufffc"),
    # kept, because the writing needs them
    ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ("❤\ufe0f\u200d🔥 👍🏽 1\ufe0f\u20e3", "❤\ufe0f\u200d🔥 👍🏽 1\ufe0f\u20e3"),
    ("🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"),
    ("👩🏽\u200d🚀", "👩🏽\u200d🚀"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("क्\u200dष क्\u200cष", "क्\u200dष क्\u200cष"),
    (
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ),
    ("\u0600\u06dd", "\u0600\u06dd"),
    ("བསྒྲུབས ห้อง क्षि", "བསྒྲུབས ห้อง क्षि"),
    # a pile of marks is counted from the fifth on, whatever joins it
    ("z" + "\u0337" * 4, "z" + "\u0337" * 4),
    ("z" + "\u0337" * 5 + "a", "z" + "\u0337" * 4 + "<+1 mark>a"),
    ("z" + "\u0337" * 3000 + "a\u0301", "z" + "\u0337" * 4 + "<+2996 marks>a\u0301"),
    ("\u0301\u20dd" * 500, "\u0301\u20dd" * 2 + "<+996 marks>"),
    ("क" + "\u0951\u200d" * 6 + "ष", "क" + "\u0951\u200d" * 4 + "<+2 marks>ष"),
    ("a" + "\u034f\u0301" * 4, "a" + "\u034f\u0301" * 2 + "<+4 marks>"),
    ("❤" + "\ufe0f" * 7, "❤" + "\ufe0f" * 4 + "<+3 marks>"),
    ("葛" + "\U000e0100" * 6, "葛" + "\U000e0100" * 4 + "<+2 marks>"),
    ("\U0001e900" * 9 + "\U0001e944" * 6 + "\U0001e901", "\U0001e900" * 9 + "\U0001e944" * 4 + "<+2 marks>\U0001e901"),
    ("𝒻𝒶𝓃𝒸𝓎𝓉𝑒𝓍𝓉", "𝒻𝒶𝓃𝒸𝓎𝓉𝑒𝓍𝓉"),
    # but not where they are only hidden
    ("👩\u200d\u200d👧", "👩<U+200D><U+200D>👧"),
    ("می\u200c\u200c\u200cخ", "می\u200c<U+200C><U+200C>خ"),
    ("x\U000e0067\U000e007f", "x<U+E0067><U+E007F>"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_what_would_act_or_lie_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(visible(text)) == visible(text)


def test_no_mark_is_missed() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char)[0] == "M" and visible(char) == char:
            assert visible("z" + char * 9) == "z" + char * 4 + "<+5 marks>", f"U+{code:04X}"


_PARTS = [
    "a",
    "\n",
    "\u0301",
    "\u0951",
    "क",
    "\u200d",
    "\u200c",
    "\u202e",
    "\x1b",
    "❤",
    "\ufe0f",
    "\U000101fd",
    "\U0001d400",
    "👩",
]


@given(st.lists(st.sampled_from(_PARTS), max_size=30).map("".join))
def test_a_letter_carries_four_marks_at_most_and_a_second_look_changes_nothing(text: str) -> None:
    once = visible(text)
    assert visible(once) == once
    marks = 0
    for char in once:
        if char not in "\u200c\u200d":
            marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        assert marks <= 4


@given(st.lists(st.sampled_from(["🏴", "\U000e0067", "\U000e007f", "\t", *_PARTS])).map("".join) | st.text())
def test_a_page_shows_what_a_line_of_text_shows_but_for_marks(text: str) -> None:
    parts = list(shown(text))
    assert all(part.text for part in parts)
    lines = "".join(part.text for part in parts).split("\n")
    assume(visible("".join(filter(lambda char: char not in "\n\t", text))).find("mark") < 0)
    assert [visible(line) for line in text.split("\n")] == [line.replace("\t", "␉") for line in lines]
    for part in parts:
        assert part.is_picture or part.text in text


def test_texts_that_are_made_to_be_slow_are_shown_in_linear_time() -> None:
    start = thread_time()  # of CPU: what others do meanwhile does not count
    for text in (
        "\u0301" * 8000,
        "z\u0301\u0301\u0301" * 2000,
        "\U0001d400" * 4000,
        "क\u200d" * 2000,
        "\u0301\u200d" * 3000,
    ):
        for _ in range(10):
            text_line(AT, "alice", text)
            list(shown(text))
    assert thread_time() - start < 2


@given(st.text())
def test_nothing_visible_acts_on_a_terminal(text: str) -> None:
    shown = visible(text)
    for char in shown:
        assert unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs")
        assert char not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    shown.encode()


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("alice", "Hello", "2026-11-22T06:41:23Z alice: Hello"),
        ("alice", "one\ntwo\r\nthree", "2026-11-22T06:41:23Z alice: one\n  two\n  three"),
        ("alice", "ends\n", "2026-11-22T06:41:23Z alice: ends\n  "),
        ("alice", "a\n\nb", "2026-11-22T06:41:23Z alice: a\n  \n  b"),
        ("alice", "x\n2026-11-22T06:41:23Z bob: y", "2026-11-22T06:41:23Z alice: x\n  2026-11-22T06:41:23Z bob: y"),
        ("alice", "x\r2026-11-22T06:41:23Z bob: y", "2026-11-22T06:41:23Z alice: x␍2026-11-22T06:41:23Z bob: y"),
        ("alice", "x\x1b[1Gbob", "2026-11-22T06:41:23Z alice: x␛[1Gbob"),
        ("alice", "\tif x:\n\t\ty", "2026-11-22T06:41:23Z alice:     if x:\n          y"),
        ("a\nb", "x", "2026-11-22T06:41:23Z a␊b: x"),
        ("a\x1b[2Jb", "x", "2026-11-22T06:41:23Z a␛[2Jb: x"),
        ("alice", "z" + "\u0301" * 6 + "\n!", "2026-11-22T06:41:23Z alice: z\u0301\u0301\u0301\u0301<+2 marks>\n  !"),
        ("山田", "会議", "2026-11-22T06:41:23Z 山田: 会議"),
    ],
)
def test_a_message_is_a_line_of_text(name: str, text: str, line: str) -> None:
    assert text_line(AT, name, text) == line


@given(st.text(), st.text())
def test_no_message_can_pass_for_two(name: str, text: str) -> None:
    shown = text_line(AT, name, text)
    assert not any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in shown.replace("\n", ""))
    first, *further = shown.split("\n")
    assert first.startswith("2026-11-22T06:41:23Z ")
    assert all(line.startswith("  ") for line in further)
    assert not any(re.match(r"[0-9]{4}-", line) for line in further)
    assert len(further) == text.replace("\r\n", "\n").count("\n")


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "Zs"])))
def test_clean_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert text_line(AT, "alice", text) == f"2026-11-22T06:41:23Z alice: {text}"
