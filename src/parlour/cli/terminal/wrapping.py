"""Long lines on a terminal: broken at spaces, not where the edge happens to be."""

from __future__ import annotations

import re

from parlour.cli.terminal.columns import characters, columns

_INDENT = "  "
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
    if _columns(line) <= width:
        return line
    rows: list[str] = []
    used = 0
    for part in _WORD.findall(line):
        word = part.lstrip(" ")
        if used and used + _columns(part) > width and len(_INDENT) + _columns(word) <= width:
            rows.append(f"\n{_INDENT}{word}")
            used = len(_INDENT) + _columns(word)
        else:
            rows.append(part)
            used = _end(used, part, width)
    return "".join(rows)


def _columns(text: str) -> int:
    return columns(_COLOUR.sub("", text))


def _end(used: int, text: str, width: int) -> int:
    """The columns used of the last row when the terminal has written the text after `used` columns."""
    for character in characters(_COLOUR.sub("", text)):
        size = columns(character)
        used = size if used + size > width else used + size
    return used
