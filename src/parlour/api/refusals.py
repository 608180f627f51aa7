"""The header fields that a refusal carries, in whichever form it is shown."""

from __future__ import annotations

import math

from parlour.core.errors import Refusal
from parlour.http.response import field_line

_CHALLENGE = b'Bearer realm="parlour"'
"""No `Basic`, as long as there are no accounts: for that a browser asks for a name and a password, which nobody has,
instead of showing the page."""


def retry_after_s(refusal: Refusal) -> int:
    """After how many whole seconds it may be tried again."""
    return max(1, math.ceil(refusal.retry_after or 1))


def refusal_fields(refusal: Refusal) -> bytes:
    """What its status demands (RFC 9110 §15.5.2, §15.5.6, §15.6.4; RFC 6585 §4)."""
    status = refusal.kind.status
    fields = b""
    if refusal.retry_after is not None or refusal.kind.retry == "after":
        fields += field_line(b"Retry-After", b"%d" % retry_after_s(refusal))
    if status == 405 and refusal.extra is not None:
        fields += field_line(b"Allow", str(refusal.extra["allow"]).encode())
    elif status == 401:
        fields += field_line(b"WWW-Authenticate", _CHALLENGE)
    elif status == 426:
        fields += field_line(b"Upgrade", b"websocket") + field_line(b"Sec-WebSocket-Version", b"13")
    return fields
