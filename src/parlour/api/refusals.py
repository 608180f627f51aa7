"""The header fields that a refusal carries, in whichever form it is shown."""

from __future__ import annotations

import math

from parlour.core.errors import Refusal
from parlour.http.fields import FieldName, Fields

_CHALLENGE = b'Bearer realm="parlour"'
_CHALLENGE_TO_PROGRAMS = _CHALLENGE + b', Basic realm="parlour", charset="UTF-8"'
"""Browsers that hear of `Basic` ask for a name and a password themselves, and show no page (RFC 9110 §11.6.1)."""


def retry_after_s(refusal: Refusal) -> int:
    """After how many whole seconds it may be tried again."""
    return max(1, math.ceil(refusal.retry_after or 1))


def refusal_fields(refusal: Refusal, *, is_program: bool = False) -> Fields:
    """The fields that its status requires (RFC 9110 §15.5.2, §15.5.6, §15.6.4; RFC 6585 §4).

    `is_program`: it is certainly no browser that asks.
    """
    status = refusal.kind.status
    fields: Fields = ()
    if refusal.retry_after is not None or refusal.kind.retry == "after":
        fields += ((FieldName.RETRY_AFTER, b"%d" % retry_after_s(refusal)),)
    if status == 405 and refusal.extra is not None:
        fields += ((FieldName.ALLOW, str(refusal.extra["allow"]).encode()),)
    elif status == 401:
        fields += ((FieldName.WWW_AUTHENTICATE, _CHALLENGE_TO_PROGRAMS if is_program else _CHALLENGE),)
    elif status == 426:
        fields += ((FieldName.UPGRADE, b"websocket"), (FieldName.SEC_WEBSOCKET_VERSION, b"13"))
    return fields
