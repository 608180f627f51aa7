"""Content codings: in which compression a client would have an answer (RFC 9110 §12.5.3)."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from parlour.http.negotiate import CACHED_BYTES, quality

CODINGS = ("br", "gzip")
"""The codings of answers, the best first: if a client likes two equally, the first wins."""

_ALIASES = {b"x-gzip": b"gzip"}
"""RFC 9110 §8.4.1.3."""


def choose_coding(accept_encoding: bytes | None, offers: Collection[str] = CODINGS) -> str | None:
    """The coding among `offers` that an Accept-Encoding value likes best, or None to send the answer as it is.

    A client that says nothing gets the answer as it is, and so does one that accepts nothing that there is: RFC 9110
    §12.5 lets a server disregard that rather than answer 406, and readable bytes are of more use. A malformed member
    of the list is ignored.
    """
    if not accept_encoding:
        return None
    wishes = (_cached if len(accept_encoding) <= CACHED_BYTES else _wishes)(accept_encoding)
    for coding in wishes:
        if coding is None or coding in offers:
            return coding
    return None


def _wishes(accept_encoding: bytes) -> tuple[str | None, ...]:
    """The codings of ours that are acceptable, most wanted first; None stands for no coding, and ends the list."""
    told: dict[bytes, float] = {}
    for member in accept_encoding.lower().split(b","):
        coding, *parameters = (piece.strip() for piece in member.split(b";"))
        weight = quality(parameters)
        if coding and weight is not None:
            told[_ALIASES.get(coding, coding)] = weight
    others = told.get(b"*", 0.0)
    as_it_is = told.get(b"identity", 0.0)  # acceptable without being named, but then nobody asked for it
    wanted = {coding: told.get(coding.encode(), others) for coding in CODINGS}
    better = [coding for coding in CODINGS if wanted[coding] > 0.0 and wanted[coding] >= as_it_is]
    return (*sorted(better, key=lambda coding: -wanted[coding]), None)


_cached = lru_cache(maxsize=512)(_wishes)
