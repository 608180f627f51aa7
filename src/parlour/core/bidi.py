"""The Bidi Rule (RFC 5893 §2): a name that follows it shows its characters in one order only.

Without it `a\u05d01` and `a1\u05d0` look the same, because a digit is shown on the side that its surroundings have.
"""

from __future__ import annotations

import unicodedata

_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_IN_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"))


def has_one_order(name: str) -> bool:
    """Whether a name follows the rule; one without letters that are written from right to left always does."""
    if name.isascii():
        return True
    kinds = [unicodedata.bidirectional(char) for char in name]
    if _RIGHT_TO_LEFT.isdisjoint(kinds):
        return True
    if kinds[0] not in ("R", "AL") or not _IN_RIGHT_TO_LEFT.issuperset(kinds) or {"EN", "AN"}.issubset(kinds):
        return False
    last = next(kind for kind in reversed(kinds) if kind != "NSM")
    return last in ("R", "AL", "EN", "AN")
