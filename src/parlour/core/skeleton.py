"""What a text is taken for by the eye: the skeleton of UTS #39 §4, here in small ASCII letters."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

_ASCII = str.maketrans({"1": "l", "|": "l", "0": "o", "m": "rn", "w": "vv"})
"""What Unicode's data say of small letters and signs of ASCII, and `w`. (A capital `I`: see `_fold`.)"""

_VARIETY = re.compile(r".*\b(?:LATIN|SYMBOL)\b.* LETTER(?: [A-Z-]{2,})* ([A-Z])(?: WITH .+)?")


def skeletons(text: str) -> frozenset[str]:
    """What a text can be read as; of two texts that look alike, these have one in common.

    Marks and what cannot be seen do not count. A character counts as what Unicode's data have for it, or for its other
    case, or as the Latin letter that it is called a variety of (`ᴀ`, `ɛ`, `🅰`). Where data and name differ, or a
    letter looks different when it is small, either may be meant. What is like no ASCII character stays.
    """
    if text.isascii():
        return frozenset((_fold(text),))
    shown = unicodedata.normalize("NFKC", text)
    shapes = (shown, unicodedata.normalize("NFKC", shown.casefold()))
    apart = (map(_readings, unicodedata.normalize("NFD", shape)) for shape in shapes)
    return frozenset(_fold("".join(letters)) for readings in apart for letters in zip(*readings, strict=True))


def _fold(text: str) -> str:
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char)[0] not in "MC")
    if not text.isupper():  # among small letters it looks like `l`; in ALI it is an `i`
        text = text.replace("I", "l")
    return text.casefold().translate(_ASCII)


@lru_cache(maxsize=4096)
def _readings(char: str) -> tuple[str, str]:
    """What a character looks like and what it is called, if either is known."""
    if char.isascii():
        return char, char
    table = _table()
    like = table.get(char) or table.get(char.upper()) or table.get(char.lower())
    called = _VARIETY.fullmatch(unicodedata.name(char, ""))
    variety = None if called is None else called[1]
    return like or variety or char, variety or like or char


@cache
def _table() -> dict[str, str]:
    """The prototype of each character. Made for the first text that is not ASCII."""
    from parlour.core.confusables import TABLE

    table = {}
    for entry in TABLE.split(";"):
        prototype, *sources = entry.split()
        seen = "".join(chr(int(code, 16)) for code in prototype.split("+"))
        table.update(dict.fromkeys((chr(int(code, 16)) for code in sources), seen))
    return table
