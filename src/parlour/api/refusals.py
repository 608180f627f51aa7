"""The header fields that a refusal carries, in whichever form it is shown."""

from __future__ import annotations

import math

from parlour.core.errors import Refusal
from parlour.http.response import Field

_CHALLENGE = b'Basic realm="parlour", charset="UTF-8", Bearer realm="parlour"'


def refusal_fields(refusal: Refusal) -> list[Field]:
    """What its status demands (RFC 9110 §15.5.2, §15.5.6, §15.6.4; RFC 6585 §4)."""
    status = refusal.kind.status
    fields: list[Field] = []
    if refusal.retry_after is not None or refusal.kind.retry == "after":
        fields.append((b"Retry-After", str(max(1, math.ceil(refusal.retry_after or 1))).encode()))
    if status == 405 and refusal.extra is not None:
        fields.append((b"Allow", str(refusal.extra["allow"]).encode()))
    elif status == 401:
        fields.append((b"WWW-Authenticate", _CHALLENGE))
    elif status == 426:
        fields += [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")]
    return fields
