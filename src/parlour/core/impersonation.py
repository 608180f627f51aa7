"""Names that impersonate the server, its staff or a guest without a name: all that are confusable with theirs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from typing import Literal

from parlour.core.skeleton import skeletons

_WORDS = """
    admin administrator administrators admins all everyone here mod moderator moderators mods official operator
    operators owner parlour root server staff support sysadmin sysop system webmaster
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
        if _letters(plain) in _RESERVED or _letters(plain.translate(_SIGNS)) in _RESERVED:
            return "staff"
        if plain[0:1] == "g" and _GUEST.fullmatch("".join(map(_dash, plain))):
            return "guest"
    return None


def _letters(text: str) -> str:
    return text if text.isalnum() else "".join(filter(str.isalnum, text))


def _dash(char: str) -> str:
    if char.isspace():
        return ""
    return "-" if char in _MORE_DASHES or unicodedata.category(char) == "Pd" else char
