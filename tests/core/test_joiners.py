"""Joiners and points of spelling are taken in names where they can be seen, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from parlour.core.errors import Refusal
from parlour.core.names import display_name, room_name


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cخواهم",  # Persian: I want
        "نامه\u200cای",
        "क्\u200dष",  # Devanagari: a half form
        "ക്\u200dഷ",
        "ශ්\u200dරී",  # Sinhala: Sri
        "क्\u200cष",
        "क़्\u200cष",
        "র্\u200dয",  # Bengali: a ra that keeps its form
        "ক্\u200cৰ",  # Assamese
        "அக்\u200cஷய்",  # Tamil: the one pair that is joined
        "ਪ੍\u200cਰ",
        "ક્\u200cષ",
        "କ୍\u200cଷ",
        "క్\u200cష",
        "ಅರ್\u200dಕಾ",
        "ꦏ꧀\u200cꦏ",  # Javanese
        "col·lecció",
        "צה״ל",
        "ロック・バンド",
    ],
)
def test_joiners_and_points_stand_where_they_belong(name: str) -> None:
    assert room_name(name) == name
    assert room_name(room_name(name)) == room_name(name)
    assert display_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "ad\u200cmin",
        "ad\u200dmin",
        "a\u200c",
        "\u200ca",
        "می\u200c\u200cخواهم",
        "می\u200c",
        "\u200cمی",
        "د\u200cر",  # these two are not joined anyway
        "क\u200dष",
        "क्\u200d\u200dष",
        "中\u200c文",
    ],
)
def test_joiners_that_nobody_would_see_are_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        room_name(name)
    assert caught.value.kind.code == "bad_room_name"
    with pytest.raises(Refusal) as caught:
        display_name(name)
    assert caught.value.kind.code in ("bad_name", "reserved_name")


_NO_JOINT = [
    "முருகன்{}",
    "முருகன்{}-1",
    "முருகன்{}.a",
    "राम्{}",
    "রাম্{}",
    "അവന്{}",
    "ශ්{}",
    "राम्{}1",
    "राम्{}१",
    "राम्{}a",
    "राम्{}ক",  # Bengali behind Devanagari
    "क्{}ि",  # a mark
    "क्{}अ",  # no consonant
    "क्{}ऋ",
    "ශ්{}අ",
    "a्{}क",
    "ક्{}क",  # Gujarati before Devanagari
    "அன்{}பு",  # Tamil joins no others
    "ਕ੍{}ਕ",
    "กฺ{}ก",  # Thai, Burmese and Tibetan: these signs join nothing
    "က်{}က",
    "ཀ྄{}ཀ",
    "ب{}\u064eب",  # a joint stands behind the marks of a letter
    "ب{}ܒ",  # Syriac behind Arabic
]


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_that_joins_no_two_letters_is_refused(joiner: str) -> None:
    assert [
        pattern for pattern in _NO_JOINT for take in (room_name, display_name) if _takes(take, pattern, joiner)
    ] == []


def _takes(take: Callable[[str], str], pattern: str, joiner: str) -> bool:
    take(pattern.format(""))
    try:
        take(pattern.format(joiner))
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("name", ["a·b", "·", "a״b", "a・b", "l·"])
def test_points_of_spelling_are_none_elsewhere(name: str) -> None:
    with pytest.raises(Refusal):
        room_name(name)


def test_joiner_makes_nobody_a_guest_without_a_name() -> None:
    for name in ("guest\u094d\u200c-abcd", "ad\u094d\u200dmin"):
        with pytest.raises(Refusal):
            display_name(name)
