"""Texts that are refused in a room: words that its owners have listed, and links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from parlour.core.errors import Refusal
from parlour.core.impersonation import skeletons, text_skeletons
from parlour.core.payloads import LinkRule

MAX_WORDS, MAX_WORD_CHARS = 200, 64

_WORD = re.compile(r"\w+")
_LINK = re.compile(r"(?:https?://|www\.)[^\s]", re.IGNORECASE)


def check_words(words: Sequence[str]) -> tuple[str, ...]:
    """A list of words as it is kept: in small letters, each once, in order. Raises Refusal("bad_parameter")."""
    found = dict.fromkeys(word.strip().casefold() for word in words if word.strip())
    if len(found) > MAX_WORDS:
        raise Refusal("bad_parameter", f"A room has at most {MAX_WORDS} words that are refused.", field="words")
    for word in found:
        if not _WORD.fullmatch(word) or len(word) > MAX_WORD_CHARS:
            detail = f"One word a line, of letters and digits, with at most {MAX_WORD_CHARS} of them."
            raise Refusal("bad_parameter", detail, field="words")
    return tuple(found)


def refused_text(text: str, words: tuple[str, ...], links: LinkRule, *, is_guest: bool) -> Refusal | None:
    """Why a text may not be written under these rules: Refusal("refused_text"), or None.

    Words are compared whole, by what they look like (UTS #39 §4), so `ＢＡＤ` and `b\u0430d` are `bad`.
    """
    if links != "all" and (links == "nobody" or is_guest) and _LINK.search(text):
        who = "Only people with an account" if links == "members" else "Only moderators"
        return Refusal("refused_text", f"{who} write links in this room.", field="text")
    if words:
        wanted = _readings(words)
        for reading in text_skeletons(text) | text_skeletons(text.casefold()):
            if not wanted.isdisjoint(_WORD.findall(reading)):
                return Refusal("refused_text", "A word in this is not allowed in this room.", field="text")
    return None


@lru_cache(maxsize=256)
def _readings(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(reading for word in words for reading in skeletons(word))
