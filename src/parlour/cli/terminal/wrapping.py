"""Long lines on a terminal: broken at spaces, not where the edge happens to be."""

from __future__ import annotations

import re

from wcwidth import iter_graphemes
from wcwidth import width as columns_of

INDENT = "  "
"""Before what goes on: as before the further lines of a message, which can so be told from another message."""

_WORD = re.compile(" *[^ ]+")
_COLOUR = re.compile(r"\x1b\[\d*m")


def wrap(text: str, width: int) -> str:
    """Break lines that are longer than `width` columns; each break stands in place of one or more spaces.

    A word that fits on no row, such as an address, stays where it is and whole, for copying: the terminal breaks it.
    Colours take no column.
    """
    return "\n".join(_wrap_line(line, width) for line in text.split("\n"))


def _wrap_line(line: str, width: int) -> str:
    if columns(line) <= width:
        return line
    rows: list[str] = []
    used = 0
    for part in _WORD.findall(line.rstrip(" ")):
        word = part.lstrip(" ")
        if used and used + columns(part) > width and len(INDENT) + columns(word) <= width:
            rows.append(f"\n{INDENT}{word}")
            used = len(INDENT) + columns(word)
        else:
            rows.append(part)
            used = _end(used, part, width)
    return "".join(rows)


def columns(text: str) -> int:
    """Columns of a text: 2 for wide characters and whole emoji, 0 for marks and colours, 1 for others."""
    text = _COLOUR.sub("", text)
    if text.isascii():
        return len(text)
    return sum(map(columns_of, iter_graphemes(text)))  # of a whole text, it takes the square of the flags in it


def _end(used: int, text: str, width: int) -> int:
    """The columns used of the last row when the terminal has written the text after `used` columns."""
    for character in iter_graphemes(_COLOUR.sub("", text)):
        size = columns_of(character)
        used = size if used + size > width else used + size
    return used
