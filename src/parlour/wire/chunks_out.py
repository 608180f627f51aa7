"""The chunked transfer coding on the way out, for answers whose length is not known when they begin (RFC 9112 §7.1)."""

from __future__ import annotations

LAST_CHUNK = b"0\r\n\r\n"
"""Ends the body; no trailer fields."""


def chunk(data: bytes) -> bytes:
    """Frame `data` as one chunk; nothing for no data, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
