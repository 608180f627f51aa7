"""How many columns of a terminal a character takes, as far as anybody can know."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"


def columns(text: str) -> int:
    """Columns of a text without line breaks: 2 for wide East Asian characters and emoji, 0 for marks, 1 otherwise.

    Source: Unicode Standard Annex 11 and general categories. Terminals disagree about joined emoji.
    """
    if text.isascii():
        return len(text)
    return sum([_char_columns(char) for char in text])


def _char_columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def last_cluster(text: str) -> int:
    """The length, in code points, of what Backspace should erase: the last letter with its marks, or a whole emoji."""
    at = len(text) - 1
    while at > 0 and (_belongs(text[at]) or text[at - 1] == _JOINER or _splits_flag(text, at)):
        at -= 1
    return len(text) - max(at, 0)


def _belongs(char: str) -> bool:
    """Whether a character is a part of the one before it: a mark, a joiner, a skin tone."""
    return _char_columns(char) == 0 or unicodedata.category(char) == "Mc" or "\U0001f3fb" <= char <= "\U0001f3ff"


def _splits_flag(text: str, at: int) -> bool:
    """Whether a flag goes on here: the letters of flags come in pairs (Unicode Standard Annex 29, GB12)."""
    begin = at
    while begin > 0 and _is_flag_letter(text[begin - 1]):
        begin -= 1
    return _is_flag_letter(text[at]) and (at - begin) % 2 == 1


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def first_cluster(text: str) -> int:
    """The length, in code points, of the first letter with its marks, or of a joined emoji."""
    at = 1
    while at < len(text) and (_belongs(text[at]) or text[at - 1] == _JOINER or _splits_flag(text, at)):
        at += 1
    return min(at, len(text))


def fitting_end(text: str, room: int) -> str:
    """The longest end of the text that fits into `room` columns, not beginning with a mark."""
    at, used = len(text), 0
    while at > 0 and used + _char_columns(text[at - 1]) <= room:
        at -= 1
        used += _char_columns(text[at])
    while 0 < at < len(text) and _char_columns(text[at]) == 0:
        at += 1
    return text[at:]


def fitting_start(text: str, room: int) -> str:
    """The longest beginning of the text that fits into `room` columns."""
    used = 0
    for at, char in enumerate(text):
        used += _char_columns(char)
        if used > room:
            return text[:at]
    return text
