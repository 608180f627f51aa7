"""In which character encoding a body says that it is written. There is one that is read, UTF-8."""

from __future__ import annotations

import re

_PARAMETER = re.compile(rb""";[ \t]*([^;="]*)(?:=[ \t]*("(?:[^"\\]|\\.)*+"|[^;]*+))?""", re.DOTALL)
_UTF_8 = frozenset(("", "utf-8", "utf8", "us-ascii", "ascii"))


def is_utf_8(content_type: bytes) -> bool:
    """Whether a Content-Type (RFC 9110 §8.3.2) names UTF-8, its part ASCII, or no encoding. All that it names count."""
    return all(
        is_utf_8_name(value.decode("latin-1"))
        for name, value in _PARAMETER.findall(content_type)
        if name.strip().lower() == b"charset"
    )


def is_utf_8_name(charset: str) -> bool:
    """Whether the value of a parameter `charset`, in quotes or not, is such a name or empty."""
    return charset.strip().strip("\"'").lower() in _UTF_8
