"""Content negotiation: which representation a client asked for (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from parlour.wire.http1 import RequestHead

FORMATS: Mapping[str, bytes] = {
    "text": b"text/plain",
    "html": b"text/html",
    "json": b"application/json",
    "ndjson": b"application/x-ndjson",
    "sse": b"text/event-stream",
}
"""The formats a room can be read in, by the name that `format=` takes; earlier ones win a tie, so `*/*` means text."""

# RFC 9110 §12.4.2 has a digit and at most three decimals; `.2` and more decimals are in use; what float() reads is not.
_QUALITY = re.compile(rb"0(?:\.[0-9]*)?|\.[0-9]+|1(?:\.0*)?")

_PAGE = ("text", "html", 3)

_PAGE_BROWSERS = re.compile(rb"Links \(|ELinks/")
"""Browsers whose Accept is `*/*`, which is what programs send."""

CACHED_BYTES = 256
"""Longer values are parsed each time: strangers choose them."""


def accepted(head: RequestHead) -> bytes | None:
    """The Accept value of a request, with text/html in it where a browser says `*/*` and means pages."""
    accept = head.get(b"accept")
    if accept == b"*/*" and _PAGE_BROWSERS.match(head.get(b"user-agent") or b""):
        return b"text/html, */*"
    return accept


def choose(accept: bytes | None, offers: tuple[str, ...] = tuple(FORMATS)) -> str | None:
    """The offer that an Accept value prefers, or None when it refuses them all. A missing Accept takes the first.

    A malformed member of the list is ignored, as if it had not been sent.
    """
    if accept is None:
        return offers[0]
    return (_cached if len(accept) <= CACHED_BYTES else _choose)(accept, offers)


def _choose(accept: bytes, offers: tuple[str, ...]) -> str | None:
    ranges = [parsed for part in accept.lower().split(b",") if (parsed := _media_range(part)) is not None]
    if not ranges:
        return offers[0]
    best: str | None = None
    best_rank = (0.0, 0)
    for offer in offers:
        weight, specificity = _quality(FORMATS[offer], ranges)
        # A browser that names text/html at q=1 also sends */*; between equal q the more exact range is meant. And who
        # names text/html beside text/plain shows pages (lynx): text is what is left of one.
        rank = (weight, specificity)
        if weight > 0 and (rank > best_rank or (rank == best_rank and (best, offer, specificity) == _PAGE)):
            best, best_rank = offer, rank
    return best


_cached = lru_cache(maxsize=512)(_choose)


def wants_json(accept: bytes | None) -> bool:
    """Whether errors and receipts should be JSON: the client named a JSON type and likes nothing better."""
    if accept is None or b"json" not in accept:
        return False
    return b"application/problem+json" in accept or choose(accept, ("text", "html", "json")) == "json"


def _media_range(part: bytes) -> tuple[bytes, float] | None:
    media, *parameters = (piece.strip() for piece in part.split(b";"))
    if media.count(b"/") != 1:
        return None
    weight = quality(parameters)
    return None if weight is None else (media, weight)


def quality(parameters: Iterable[bytes]) -> float | None:
    """The weight among the parameters of a list's member, in lower case; 1.0 without one, None if it is malformed."""
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            if not _QUALITY.fullmatch(value.strip()):
                return None
            weight = float(value)
    return weight


def _quality(offer: bytes, ranges: list[tuple[bytes, float]]) -> tuple[float, int]:
    """The quality of the most specific range that covers an offer, and that specificity (3 exact, 2 type/*, 1 */*)."""
    wildcard = offer.partition(b"/")[0] + b"/*"
    found = (0.0, 0)
    for media, weight in ranges:
        specificity = 3 if media == offer else 2 if media == wildcard else 1 if media == b"*/*" else 0
        if specificity > found[1]:
            found = (weight, specificity)
    return found
