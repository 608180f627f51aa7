"""Characters that are right between certain letters only (RFC 5892, Appendix A): joiners, and a few points and dots."""

from __future__ import annotations

JOINERS = frozenset("\u200c\u200d")
"""Zero-width non-joiner and joiner: Persian and Indic scripts cannot be written well without them."""

_POINTS = frozenset("\u00b7\u0375\u05f3\u05f4\u30fb")
"""Middle dot, Greek keraia, geresh, gershayim, katakana middle dot."""


def may_join(text: str, at: int) -> bool:
    """Whether the joiner at this place does something there that can be seen: after a virama, or between two letters
    that would otherwise be joined (rules A.1 and A.2). Anywhere else it would only make two names look alike.
    """
    from idna import core  # tables of 1 MB, for the few names that need them

    try:
        return core.valid_contextj(text, at)
    except ValueError:  # a neighbour that Unicode does not know yet
        return False


def may_stand(text: str, at: int) -> bool:
    """Whether the character at this place is a point of spelling there, as in col·lecció (rules A.3 to A.7)."""
    if text[at] not in _POINTS:
        return False
    from idna import core

    return core.valid_contexto(text, at)
