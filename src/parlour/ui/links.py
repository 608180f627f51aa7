"""Finding the web addresses in a text; `static/links.js` is its twin and passes the same cases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

MAX_ADDRESSES = 50
"""Addresses looked for in one text; those after them stay text. A page of such texts is rendered in some 10 ms."""

MAX_ADDRESS_CHARS = 2000
"""A longer address stays text: hardly anything that is meant to be opened is as long."""


class Piece(NamedTuple):
    """A part of a text, in order; the pieces of a text joined are the text. `is_link`: it is an http(s) address."""

    text: str
    is_link: bool


# Spaces, controls and what turns or hides text end an address, so that it cannot show one place and lead to another.
_STOP = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff<>\"'`{}|\\^"
)
_ADDRESS = re.compile(rf"[hH][tT][tT][pP][sS]?://[^{_STOP}/?#@\[\]]+(?:[/?#][^{_STOP}]*)?")
_WHOLE = re.compile(r"[A-Za-z]+://[^:/?#]+(?::[0-9]{1,5})?(?:[/?#].*)?")
_WORD = re.compile(r"[A-Za-z0-9]")
_TRAILING = ".,;:!?*_~"
_MAX_TRAILING = 64
_PAIRS = {")": "(", "]": "["}


def pieces(text: str) -> Iterator[Piece]:
    """Cut a text into addresses and what is between them, in linear time.

    An address has no user name in it (`https://bank.example@evil.example` poses), and punctuation that ends the
    sentence around it is not part of it.
    """
    done = 0
    for match in islice(_ADDRESS.finditer(text), MAX_ADDRESSES):
        start, end = match.span()
        if end - start > MAX_ADDRESS_CHARS:
            continue
        address = _trim(match[0])
        poses = text.startswith("@", end)
        if poses or _WORD.match(text[start - 1 : start]) or not _WHOLE.fullmatch(address):
            continue
        if start > done:
            yield Piece(text[done:start], False)
        yield Piece(address, True)
        done = start + len(address)
    if done < len(text):
        yield Piece(text[done:], False)


def _trim(address: str) -> str:
    """Leave out the punctuation that follows an address; a closing bracket stays if it was opened inside."""
    balance = {close: address.count(close) - address.count(opening) for close, opening in _PAIRS.items()}
    shortest = max(0, len(address) - _MAX_TRAILING)
    end = len(address)
    while end > shortest:
        last = address[end - 1]
        if last not in _TRAILING:
            if balance.get(last, 0) <= 0:
                break
            balance[last] -= 1
        end -= 1
    return address[:end]
