"""Characters that are right between certain letters only (RFC 5892, Appendix A): joiners, and a few points and dots."""

from __future__ import annotations

import re
import unicodedata

JOINERS = frozenset("\u200c\u200d")
"""Zero-width non-joiner and joiner: Persian and Indic scripts cannot be written well without them."""

_VIRAMAS = frozenset("\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1b44\ua8c4\ua9c0")
"""Signs that make one shape of the consonants around them. (Others, as in Thai and Burmese, only silence a vowel.)"""

_VIRAMA_CLASS = 9
"""What Unicode calls the combining class of all signs of that kind."""

_NUKTAS = "\u093c\u09bc\u0a3c\u0abc\u0b3c\u0c3c\u0cbc\u1b34\ua9b3"
"""Dots that make another consonant of one; they stand between it and the virama."""

_FEW = {"\u0a4d": re.compile(".[\u0a2f\u0a30\u0a35\u0a39]"), "\u0bcd": re.compile("\u0b95\u0bb7")}
"""The only pairs of consonants that Gurmukhi and Tamil join."""

_CONSONANT = re.compile(r".* LETTER (?:.* )?[B-DF-HJ-NP-TV-Z]\w*A(?: WITH .*)?")
"""Unicode's names of consonants: they have the vowel with them, as in `DEVANAGARI LETTER KA`."""

_POINTS = frozenset("\u00b7\u0375\u05f3\u05f4\u30fb")
"""Middle dot, Greek keraia, geresh, gershayim, katakana middle dot."""


def may_join(text: str, at: int) -> bool:
    """Whether the joiner at this place does something there that can be seen: between consonants that a virama joins,
    or between two letters that would otherwise be joined. Anywhere else it would only make two names look alike.

    Rules A.1 and A.2, but both letters must be there and of one script: behind a last virama nobody sees a joiner.
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
    """Whether the character at this place is a point of spelling there, as in col·lecció (rules A.3 to A.7)."""
    if text[at] not in _POINTS:
        return False
    from idna import core

    return core.valid_contexto(text, at)
