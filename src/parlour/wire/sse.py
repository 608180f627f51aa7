"""Server-sent events: the encoder of the streams (WHATWG HTML §9.2)."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\r\n\0]")

COMMENT = b":\n"
"""A heartbeat that no client shows. A line, and not a block of its own: see `retry`."""


def event(data: bytes, *, id: str = "", name: str = "", retry_ms: int | None = None) -> bytes:  # noqa: A002 - the field's name
    """Encode one event; `retry_ms` is how long the client shall wait before it reconnects.

    `data` is one line; what would end a line early is our own bug, hence a ValueError.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of an event is one line")
    if _UNSAFE.search(id) or _UNSAFE.search(name):
        raise ValueError("an id or a name is one line without NUL")
    head = f"event: {name}\n" if name else ""
    if id:
        head += f"id: {id}\n"
    if retry_ms is not None:
        head += f"retry: {retry_ms}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)


def retry(ms: int) -> bytes:
    """Tell the client to wait `ms` milliseconds before it reconnects.

    A line to stand before an event: of a block without data some clients make an event without data.
    """
    return b"retry: %d\n" % ms
