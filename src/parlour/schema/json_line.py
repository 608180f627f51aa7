"""The one JSON encoder: what it writes is one line, for every reader."""

from __future__ import annotations

import msgspec

_encode = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """A value as JSON bytes without the end of a line.

    The control characters are escaped in all JSON (RFC 8259 §7). U+0085, U+2028 and U+2029 need not be, but many end a
    line there (Unicode §5.8, `str.splitlines` in Python): with one of them a message could pass for several lines.
    """
    data = _encode(value)
    if data.isascii():
        return data
    if b"\xe2" in data:  # to look for one byte first costs a tenth
        data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    if b"\xc2" in data:
        data = data.replace(b"\xc2\x85", b"\\u0085")
    return data
