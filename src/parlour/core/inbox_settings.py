"""Settings of an account for all its rooms: words to watch for, and hours in which nothing disturbs it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from parlour.core.errors import Refusal
from parlour.core.mentions import MAX_WORD_CHARS, MAX_WORDS, MIN_WORD_CHARS, word_of

InboxSetting = Literal["keywords", "quiet_hours"]

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def keywords(words: Sequence[str]) -> str:
    """Words to watch for, as they are stored: each once, with spaces between. Raises Refusal("bad_parameter")."""
    found: dict[str, None] = {}
    for text in words:
        word = word_of(text.strip())
        if word is None:
            what = f"A word to watch for is one word, of {MIN_WORD_CHARS} to {MAX_WORD_CHARS} letters or digits."
            raise Refusal("bad_parameter", what, field="keywords")
        found[word] = None
    if len(found) > MAX_WORDS:
        raise Refusal("bad_parameter", f"There can be {MAX_WORDS} words to watch for.", field="keywords")
    return " ".join(found)


def quiet_hours(text: str) -> str:
    """Hours such as `22:00-07:00`, as they are stored; empty for none. Raises Refusal("bad_parameter")."""
    hours = text.strip()
    if hours and not _HOURS.fullmatch(hours):
        raise Refusal("bad_parameter", "Quiet hours are written 22:00-07:00, or left empty.", field="quiet_hours")
    return hours


def is_quiet(hours: str, minute: int) -> bool:
    """Whether a minute of the day (0 to 1439) is in hours that were checked; they may go over midnight."""
    match = _HOURS.fullmatch(hours)
    if match is None:
        return False
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    return begin <= minute < end if begin <= end else minute >= begin or minute < end
