"""How many columns of a terminal a text takes, and where its characters begin, as people see them."""

from __future__ import annotations

from collections.abc import Iterator

from wcwidth import grapheme_boundary_before, iter_graphemes, width


def characters(text: str) -> Iterator[str]:
    """The characters of a text as people see them: a letter with its marks, or a whole emoji (UAX #29)."""
    return iter_graphemes(text)


def columns(text: str) -> int:
    """Columns of a text without line breaks: 2 for wide East Asian characters and emoji, 0 for marks, 1 otherwise.

    A joined emoji counts as one, which older terminals draw as several.
    """
    if text.isascii():
        return len(text)
    return sum(map(width, iter_graphemes(text)))  # of a whole text, `width` takes the square of the flags in it


def last_cluster(text: str) -> int:
    """The length, in code points, of what Backspace should erase: the last letter with its marks, or a whole emoji."""
    return len(text) - grapheme_boundary_before(text, len(text))


def first_cluster(text: str) -> int:
    """The length, in code points, of the first letter with its marks, or of a joined emoji."""
    return len(next(iter_graphemes(text), ""))


def fitting_end(text: str, most: int) -> str:
    """The longest end of the text that fits into `most` columns."""
    at = len(text)
    while at > 0:
        begin = grapheme_boundary_before(text, at)
        most -= columns(text[begin:at])
        if most < 0:
            break
        at = begin
    return text[at:]


def fitting_start(text: str, most: int) -> str:
    """The longest beginning of the text that fits into `most` columns."""
    end = 0
    for cluster in iter_graphemes(text):
        most -= columns(cluster)
        if most < 0:
            break
        end += len(cluster)
    return text[:end]
