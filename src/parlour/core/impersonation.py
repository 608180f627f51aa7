"""Names that impersonate the server, its staff or a guest without a name: all that are confusable with theirs.

Names are compared by what they are taken for by the eye: the skeleton of UTS #39 §4, here in small ASCII letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product
from typing import Literal

_ASCII = str.maketrans({"1": "l", "|": "l", "0": "o", "m": "rn", "w": "vv"})
"""What Unicode's data say of small letters and signs of ASCII, and `w`. (A capital `I`: see `_fold`.)"""

_VARIETY = re.compile(r".*\b(?:LATIN|SYMBOL)\b.* LETTER(?: [A-Z-]{2,})* ([A-Z])(?: WITH .+)?")


def skeletons(text: str) -> frozenset[str]:
    """All skeletons of a text; two texts that look alike have one in common.

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


def text_skeletons(text: str) -> frozenset[str]:
    """The skeletons of a long text, as `skeletons`: each of its characters is looked at once."""
    if text.isascii():
        return frozenset((_fold(text),))
    looks = [(ord(char), _looks(char)) for char in set(text)]
    tables: list[dict[int, str]] = [{code: look[way] for code, look in looks} for way in range(4)]
    return frozenset(map(_small, {text.translate(table) for table in tables}))


@lru_cache(maxsize=8192)
def _looks(char: str) -> list[str]:
    """A character as it is and in its other case, each by what it looks like and by what it is called."""
    shown = unicodedata.normalize("NFKC", char)
    shapes = (shown, unicodedata.normalize("NFKC", shown.casefold()))
    apart = (map(_readings, unicodedata.normalize("NFD", shape)) for shape in shapes)
    return [_without_marks("".join(letters)) for readings in apart for letters in zip(*readings, strict=True)]


def _fold(text: str) -> str:
    return _small(_without_marks(text))


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char)[0] not in "MC")


def _small(text: str) -> str:
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
    name = unicodedata.name(char, "")
    called = _VARIETY.fullmatch(name) if " LETTER" in name else None  # the expression is slow for what has none
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


_WORDS = """
    admin administrator administrators admins all everyone here mod moderator moderators mods official operator
    operators owner parlour root server staff support sysadmin sysop system webmaster deletedaccount
"""


def _spellings(word: str) -> Iterator[str]:
    """A word's `i` may be written as whatever looks like `l`; its `l` not as `i`, for Ali is somebody."""
    for skeleton in skeletons(word):
        yield from map("".join, product(*("il" if char == "i" else char for char in skeleton)))


_RESERVED = frozenset(spelling for word in _WORDS.split() for spelling in _spellings(word))

_WRITTEN = str.maketrans({"3": "e", "4": "a", "5": "s", "\u03c0": "n", "\u03c9": "vv"})
_SIGNS = str.maketrans({"@": "a", "$": "s", "!": "l", "\u00a1": "l", "\u20ac": "e"})
"""What people write for a letter though Unicode does not call it confusable. A sign may stand for nothing as well."""

_GUEST = re.compile("guest-+(?:rn|vv|[a-z]){4}")
_MORE_DASHES = "_~\u23af\u30fc"
"""Not dashes for Unicode, but for the eye; other long strokes, such as U+4E00, have the skeleton U+30FC."""


def impersonated(name: str) -> Literal["staff", "guest"] | None:
    """Whom a name reads like: one of the words that only the server and its staff may use, or the names that the server
    makes up, `guest-` and four letters.

    Spaces and punctuation do not count, except for dashes, and signs that stand for a letter (`@dmin`).
    """
    for skeleton in skeletons(name):
        plain = skeleton.translate(_WRITTEN)
        if letters(plain) in _RESERVED or letters(plain.translate(_SIGNS)) in _RESERVED:
            return "staff"
        if plain[0:1] == "g" and _GUEST.fullmatch("".join(map(_dash, plain))):
            return "guest"
    return None


def letters(text: str) -> str:
    """A text without spaces, punctuation and other signs; may be empty."""
    return text if text.isalnum() else "".join(filter(str.isalnum, text))


def _dash(char: str) -> str:
    if char.isspace():
        return ""
    return "-" if char in _MORE_DASHES or unicodedata.category(char) == "Pd" else char
