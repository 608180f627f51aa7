"""The header fields of responses: their names, and the one place that writes them into a head."""

from __future__ import annotations

import re
from enum import Enum


class FieldName(bytes, Enum):
    """The name of a response header field. `Date`, `Connection` and the framing fields are `http/response.py`'s own."""

    ALLOW = b"Allow"
    CACHE_CONTROL = b"Cache-Control"
    CONTENT_ENCODING = b"Content-Encoding"
    CONTENT_SECURITY_POLICY = b"Content-Security-Policy"
    CONTENT_TYPE = b"Content-Type"
    CONTENT_DISPOSITION = b"Content-Disposition"
    ETAG = b"ETag"
    IDEMPOTENT_REPLAY = b"Idempotent-Replay"
    LINK = b"Link"
    LOCATION = b"Location"
    RETRY_AFTER = b"Retry-After"
    SEC_WEBSOCKET_VERSION = b"Sec-WebSocket-Version"
    SET_COOKIE = b"Set-Cookie"
    STRICT_TRANSPORT_SECURITY = b"Strict-Transport-Security"
    UPGRADE = b"Upgrade"
    VARY = b"Vary"
    WWW_AUTHENTICATE = b"WWW-Authenticate"


Fields = tuple[tuple[FieldName, bytes], ...]
"""Names and values, in the order in which they are sent; a name may come twice."""

_find_unsafe = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


def encode_fields(fields: Fields) -> bytes:
    """The lines of a head (RFC 9110 §5.5). Raises ValueError for a control character, which could end a line early."""
    lines = b""
    for name, value in fields:
        if _find_unsafe(value):
            raise ValueError(f"control character in the value of {name.value!r}: {value!r}")
        lines += b"%b: %b\r\n" % (name, value)
    return lines
