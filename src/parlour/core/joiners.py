"""Characters that are right in certain places only: joiners in words and in emoji, and a few points and dots."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: Persian and Indic scripts cannot be written well without them."""

_VIRAMAS = frozenset("\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1b44\ua8c4\ua9c0")
"""Signs that make one shape of the consonants around them. (Others, as in Thai and Burmese, only silence a vowel.)"""

_VIRAMA_CLASS = 9
"""What Unicode calls the combining class of all signs of that kind."""

_EMOJI = re.compile("[\U0001f000-\U0001fbff\u2190-\u27ff\u2900-\u2bff\ufe0f]")

_NUKTAS = "\u093c\u09bc\u0a3c\u0abc\u0b3c\u0c3c\u0cbc\u1b34\ua9b3"
"""Dots that make another consonant of one; they stand between it and the virama."""

_FEW = {"\u0a4d": re.compile(".[\u0a2f\u0a30\u0a35\u0a39]"), "\u0bcd": re.compile("\u0b95\u0bb7")}
"""The only pairs of consonants that Gurmukhi and Tamil join."""

_CONSONANT = re.compile(r".* LETTER (?:.* )?[B-DF-HJ-NP-TV-Z]\w*A(?: WITH .*)?")
"""Unicode's names of consonants: they have the vowel with them, as in `DEVANAGARI LETTER KA`."""

_POINTS = frozenset("\u00b7\u0375\u05f3\u05f4\u30fb")
"""Middle dot, Greek keraia, geresh, gershayim, katakana middle dot."""


def is_emoji_part(char: str) -> bool:
    """Whether a character may stand beside a joiner in an emoji: a pictograph, a skin tone or the emoji selector.

    Blocks, not categories: a Python older than the emoji knows it as unassigned.
    """
    return _EMOJI.fullmatch(char) is not None


def joins_emoji(text: str, at: int) -> bool:
    """Whether the character at this place joins two emoji to one."""
    return text[at] == JOINERS[1] and is_emoji_part(text[at - 1 : at]) and is_emoji_part(text[at + 1 : at + 2])


def may_stay(text: str, at: int) -> bool:
    """Whether the joiner at this place of a message is shown as it is: in an emoji, or in a script that needs joiners.

    `static/hidden.js` has the same rule.
    """
    before = text[at - 1 : at]
    # Scripts whose spelling needs joiners and non-joiners: Arabic and Indic ones and their neighbours.
    if "\u0600" <= before <= "\u18af" and (before <= "\u0dff" or "\u0f00" <= before <= "\u109f" or before >= "\u1780"):
        return True
    if "\ufb50" <= before <= "\ufdff" or "\ufe70" <= before <= "\ufefc":
        return True
    return joins_emoji(text, at)


def may_join(text: str, at: int) -> bool:
    """Whether the joiner at this place of a name does something that can be seen.

    It does between consonants that a virama joins, and between two letters that would otherwise be joined: RFC 5892,
    rules A.1 and A.2, but both letters must be there and of one script. Anywhere else two names would look alike.
    """
    before, behind = text[at - 1 : at], text[at + 1 : at + 2]
    if not behind.isalpha() or _script(before) != _script(behind):
        return False
    if before in _VIRAMAS:
        return _is_joined(text[max(0, at - 3) : at - 1].rstrip(_NUKTAS)[-1:] + behind, before)
    if unicodedata.combining(before) == _VIRAMA_CLASS:
        return False
    from idna import core  # tables of 1 MB, for the few names that need them

    try:
        return core.valid_contextj(text, at)
    except ValueError:  # a neighbour that Unicode does not know yet
        return False


def _is_joined(pair: str, virama: str) -> bool:
    """Whether a virama between two consonants makes one shape of them."""
    few = _FEW.get(virama)
    if few is not None and not few.fullmatch(pair):
        return False
    return len(pair) == 2 and _script(pair[0]) == _script(virama) and all(map(_is_consonant, pair))


def _is_consonant(char: str) -> bool:
    return _CONSONANT.fullmatch(unicodedata.name(char, "")) is not None


def _script(char: str) -> str:
    """The first word of a letter's or sign's name, which names its script in all scripts that have joiners."""
    return unicodedata.name(char, "").partition(" ")[0] if char else ""


def may_stand(text: str, at: int) -> bool:
    """Whether the character at this place of a name is a point of spelling, as in col·lecció (RFC 5892, A.3 to A.7)."""
    if text[at] not in _POINTS:
        return False
    from idna import core

    return core.valid_contexto(text, at)
