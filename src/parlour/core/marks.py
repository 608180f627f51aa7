"""Piles of combining marks: thousands on one letter paint over the lines around it, and stall what must draw them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from parlour.core.joiners import JOINERS

MAX_MARKS = 4
"""Combining marks in a row: a Tibetan stack needs four; more is only used to paint over other lines."""


def is_mark(char: str) -> bool:
    """Whether a character is drawn over, under or around the one before it (Unicode general category M)."""
    return unicodedata.category(char)[0] == "M"


def limit_marks(text: str) -> str:
    """Keep the first four marks of a pile and count the others: `<+2996 marks>`. Joiners among them do not count."""
    return _piles().sub(_limit, text)


@cache
def _piles() -> re.Pattern[str]:
    """Marks, and beyond U+FFFF a range with all others in it; made when first needed: it takes some milliseconds."""
    blocks = (range(0x0300, 0x3100), range(0xA600, 0xAC00), range(0xFB00, 0xFE30))
    marks = "".join(chr(code) for block in blocks for code in block if is_mark(chr(code)))
    marks += "\U000101f0-\U0001e9ff\U000e0100-\U000e01ef"
    return re.compile(f"[{marks}][{marks}{JOINERS}]{{{MAX_MARKS},}}+")


def _limit(match: re.Match[str]) -> str:
    kept: list[str] = []
    count = 0
    for char in match[0]:
        if is_mark(char):
            count += 1
        elif char not in JOINERS:
            kept.append(_surplus(count))
            count = 0
        if count <= MAX_MARKS:
            kept.append(char)
    kept.append(_surplus(count))
    return "".join(kept)


def _surplus(count: int) -> str:
    surplus = count - MAX_MARKS
    return "" if surplus <= 0 else f"<+{surplus} mark{'s' if surplus > 1 else ''}>"
