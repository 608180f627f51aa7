"""Entity tags: whether a client has already what it asks for (RFC 9110 §8.8.3, §13.1.2)."""

from __future__ import annotations

import re

_TAG = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def weak(etag: bytes) -> bytes:
    """The tag of another coding of the same content: equal in meaning, not in bytes (RFC 9110 §8.8.1)."""
    return etag if etag.startswith(b"W/") else b"W/" + etag


def is_known(if_none_match: bytes | None, etag: bytes) -> bool:
    """Whether an If-None-Match value has this tag, by weak comparison, or is `*`."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == b"*" or etag.removeprefix(b"W/") in _TAG.findall(if_none_match)
