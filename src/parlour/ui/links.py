"""Finding the web addresses in a text; `static/links.js` is its twin and passes the same cases."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

MAX_ADDRESSES = 50
"""Addresses looked for in one text; those after them stay text. A page of such texts is rendered in some 10 ms."""

MAX_ADDRESS_CHARS = 2000
"""A longer address stays text: hardly anything that is meant to be opened is as long."""


class Piece(NamedTuple):
    """A part of a text, in order. `address` is where a link leads; a picture shows what cannot be seen."""

    text: str
    address: str | None = None
    is_picture: bool = False


# Spaces, controls and what turns or hides text end an address, so that it cannot show one place and lead to another.
# So do quotes, and the punctuation of scripts that write no spaces.
_STOP = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u2800\u3000\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff<>\"`\\"
    r"\xab\xbb\u2018\u201a-\u201f\u2039\u203a\u3001\u3002\u3008-\u3011\uff01\uff0c\uff1a\uff1b\uff1f\uff5c"
)
_MARKS = r"!#$&'()*+,.:;=?@\[\]^{|}\u2019\u2026\uff08\uff09"  # an apostrophe before one of them is a closing quote
_HOST = rf"\[[0-9A-Fa-f:.]+\](?::[0-9]+)?|[^{_STOP}/!#$&'()*+,;=?@\[\]^{{|}}\u2019\u2026\uff08\uff09]+"
_PATH = rf"[/?#](?:[^{_STOP}'\u2019]|['\u2019](?=[^{_STOP}{_MARKS}]))*"
_ADDRESS = re.compile(rf"(?:[hH][tT][tT][pP][sS]?://|[wW]{{3}}\.)(?:{_HOST})(?:{_PATH})?")
_WHOLE = re.compile(
    r"(?:[A-Za-z]+://(?:\[[^\]]+\]|[^:/?#\[]+)|[wW]{3}(?:\.[^.:/?#\[]+){2,})(?::[0-9]{1,5})?(?:[/?#].*)?"
)
_WORD = re.compile(r"[A-Za-z0-9]")
_NAME = re.compile(r"[A-Za-z0-9_./@\\-]")  # before "www." these make it a part of something else
_BRACKETS = re.compile(r"[()\[\]{}\uff08\uff09]")
_OPENING = {")": "(", "]": "[", "}": "{", "\uff09": "\uff08"}
_TRAILING = ".,;:!?*_~'|\u2019\u2026"


def pieces(text: str) -> Iterator[Piece]:
    """Cut a text into addresses and what is between them, in a time that grows with its length.

    An address begins with `http://`, `https://` or `www.` (and leads to `https://www.` then). It has no user name in it
    (`https://bank.example@evil.example` leads to the second). What belongs to the sentence around it is not part of it:
    punctuation at its end, a quote that closes, a bracket that was not opened inside.
    """
    done = looked = 0
    for _ in range(MAX_ADDRESSES):
        match = _ADDRESS.search(text, looked)
        if match is None:
            break
        start, looked = match.span()
        shown = _trim(match[0])
        is_name = shown[0] in "wW"
        before = (_NAME if is_name else _WORD).match(text[start - 1 : start])
        if before or text.startswith("@", looked) or len(shown) > MAX_ADDRESS_CHARS or not _WHOLE.fullmatch(shown):
            continue
        if start > done:
            yield Piece(text[done:start])
        yield Piece(shown, f"https://{shown}" if is_name else shown)
        done = looked = start + len(shown)
    if done < len(text):
        yield Piece(text[done:])


def _trim(address: str) -> str:
    """Leave out what follows an address: from the first bracket that closes what it did not open, and punctuation."""
    opened: Counter[str] = Counter()
    for match in _BRACKETS.finditer(address):
        opening = _OPENING.get(match[0])
        if opening is None:
            opened[match[0]] += 1
        elif opened[opening] == 0:
            address = address[: match.start()]
            break
        else:
            opened[opening] -= 1
    return address.rstrip(_TRAILING)
