"""In which form a client wants an answer: media type, compression, or not at all (RFC 9110 §12.5, §13.1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
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

CODINGS = ("br", "gzip")
"""The codings of answers, the best first: if a client likes two equally, the first wins."""

_ALIASES = {b"x-gzip": b"gzip"}
"""RFC 9110 §8.4.1.3."""

# RFC 9110 §12.4.2 has a digit and at most three decimals; `.2` and more decimals are in use; what float() reads is not.
_QUALITY = re.compile(rb"0(?:\.[0-9]*)?|\.[0-9]+|1(?:\.0*)?")

_TAG = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')

_PAGE_BROWSERS = re.compile(rb"Links \(|ELinks/")
"""Browsers whose Accept is `*/*`, which is what programs send."""


def accepted(head: RequestHead) -> bytes | None:
    """The Accept value of a request, with text/html in it where a browser says `*/*` and means pages."""
    accept = head.get(b"accept")
    if accept == b"*/*" and _PAGE_BROWSERS.match(head.get(b"user-agent") or b""):
        return b"text/html, */*"
    return accept


@lru_cache(maxsize=256)
def choose(accept: bytes | None, offers: tuple[str, ...] = tuple(FORMATS)) -> str | None:
    """The offer that an Accept value prefers, or None when it refuses them all. A missing Accept takes the first.

    A malformed member of the list is ignored, as if it had not been sent.
    """
    ranges = [(media, weight) for media, weight in _weighted(accept or b"") if media.count(b"/") == 1]
    if not ranges:
        return offers[0]
    # A browser that names text/html at q=1 also sends */*; between equal q the more exact range is meant.
    ranks = {offer: _rank(FORMATS[offer], ranges) for offer in offers}
    best = max(offers, key=lambda offer: ranks[offer])
    weight, specificity = ranks[best]
    if best == "text" and specificity == 3 and ranks.get("html") == ranks["text"]:
        best = "html"  # who names both shows pages (lynx): text is what is left of one
    return best if weight > 0.0 else None


def wants_json(accept: bytes | None) -> bool:
    """Whether errors and receipts should be JSON: the client named a JSON type and likes nothing better."""
    if accept is None or b"json" not in accept:
        return False
    return b"application/problem+json" in accept or choose(accept, ("text", "html", "json")) == "json"


@lru_cache(maxsize=256)
def choose_coding(accept_encoding: bytes | None, offers: tuple[str, ...] = CODINGS) -> str | None:
    """The coding among `offers` that an Accept-Encoding value likes best, or None to send the answer as it is.

    A client that says nothing gets the answer as it is, and so does one that accepts nothing that there is: RFC 9110
    §12.5 lets a server disregard that rather than answer 406, and readable bytes are of more use. A malformed member
    of the list is ignored.
    """
    weights = {_ALIASES.get(coding, coding): weight for coding, weight in _weighted(accept_encoding or b"")}
    others = weights.get(b"*", 0.0)
    wanted = {coding: weights.get(coding.encode(), others) for coding in CODINGS if coding in offers}
    best = max(wanted, key=lambda coding: wanted[coding])
    as_it_is = weights.get(b"identity", 0.0)  # acceptable without being named, but then nobody asked for it
    return best if wanted[best] > 0.0 and wanted[best] >= as_it_is else None


def weak(etag: bytes) -> bytes:
    """The tag of another coding of the same content: equal in meaning, not in bytes (RFC 9110 §8.8.1)."""
    return etag if etag.startswith(b"W/") else b"W/" + etag


def is_known(if_none_match: bytes | None, etag: bytes) -> bool:
    """Whether an If-None-Match value has this tag, by weak comparison, or is `*` (RFC 9110 §13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == b"*" or etag.removeprefix(b"W/") in _TAG.findall(if_none_match)


def _weighted(value: bytes) -> list[tuple[bytes, float]]:
    """The well-formed members of a list in lower case, each with its weight, 1.0 without one (RFC 9110 §12.4.2)."""
    found = []
    for member in value.lower().split(b","):
        name, *parameters = (piece.strip() for piece in member.split(b";"))
        weight = b"1"
        for parameter in parameters:
            parameter_name, _, parameter_value = parameter.partition(b"=")
            if parameter_name.strip() == b"q":
                weight = parameter_value.strip()
        if name and _QUALITY.fullmatch(weight):
            found.append((name, float(weight)))
    return found


def _rank(offer: bytes, ranges: list[tuple[bytes, float]]) -> tuple[float, int]:
    """The quality of the most specific range that covers an offer, and that specificity (3 exact, 2 type/*, 1 */*)."""
    wildcard = offer.partition(b"/")[0] + b"/*"
    found = (0.0, 0)
    for media, weight in ranges:
        specificity = 3 if media == offer else 2 if media == wildcard else 1 if media == b"*/*" else 0
        if specificity > found[1]:
            found = (weight, specificity)
    return found
