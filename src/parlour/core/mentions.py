"""The people that a text is for: names, `@room` and `@here`, and its words, for those who watch for some."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

MAX_NAMES = 50
"""Names in one text that count."""

MAX_WORDS = 20
"""Words that one account watches for."""

MIN_WORD_CHARS, MAX_WORD_CHARS = 2, 40

_BETWEEN = (
    r"\s\x00-,/:-@\[-^`{-\xa9\xab-\xb4\xb6\xb8-\xb9\xbb-\xbf\u060c\u061b\u061f\u0964\u0965\u2010-\u206f\u3000-\u303f"
    r"\uff00-\uff0f\uff1a-\uff20"
)
"""What ends a name or a word: spaces and punctuation. Marks and joiners do not, which are parts of letters."""

_NAME = re.compile(rf"(?<![\w@/.+-])@([^\W_][^{_BETWEEN}]{{0,63}})")
"""Not in an address of mail or of the web: there something stands before the sign."""

_WORD = re.compile(rf"[^{_BETWEEN}.-]{{2,}}")

_RUN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
"""Letters of scripts that are written without spaces: a word is any part of a run of them."""

MAX_RUN_WORD_CHARS = 8
"""Of such a word; that is 7 parts for each letter."""

MAX_RUN_CHARS = 5462
"""Letters of these scripts that are looked at: the greatest text has no more, but where one sign stands for several."""


class Addressed(NamedTuple):
    """The people that a text is for: names as written, in order, each once; everybody in the room; whoever is there."""

    names: tuple[str, ...]
    is_for_room: bool
    is_for_here: bool


def addressed(text: str) -> Addressed:
    """Find the people that a text is for. `@alice.` at the end of a sentence is `alice`, too."""
    names: dict[str, None] = {}
    found = {"room": False, "here": False}
    for match in _NAME.finditer(text):
        name = match[1].rstrip(".-")
        if name.casefold() in found:
            found[name.casefold()] = True
        elif len(names) < MAX_NAMES:
            names[name] = None
    return Addressed(tuple(names), found["room"], found["here"])


def word_of(text: str) -> str | None:
    """A word to watch for, as it is compared; None for what is none, or is too short or too long."""
    word = unicodedata.normalize("NFKC", text).casefold()
    is_word = _WORD.fullmatch(word) and MIN_WORD_CHARS <= len(word) <= MAX_WORD_CHARS
    return word if is_word and not (_RUN.search(word) and len(word) > MAX_RUN_WORD_CHARS) else None


def words_of(text: str) -> frozenset[str]:
    """The words of a text, as they are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words, left = set(_WORD.findall(folded)), MAX_RUN_CHARS
    for match in _RUN.finditer(folded):
        words.update(_parts(match[0][:left]))
        left -= min(left, len(match[0]))
    return frozenset(words)


def _parts(run: str) -> Iterator[str]:
    for start in range(len(run) - 1):
        for end in range(start + MIN_WORD_CHARS, min(start + MAX_RUN_WORD_CHARS, len(run)) + 1):
            yield run[start:end]
