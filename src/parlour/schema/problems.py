"""A refusal as its reader needs it: a problem document for programs, one line for people (docs/protocol.md#errors)."""

from __future__ import annotations

import math

import msgspec

from parlour.core.errors import Refusal
from parlour.core.text import visible

_encode = msgspec.json.Encoder().encode


def problem(refusal: Refusal, instance: str | None = None) -> bytes:
    """Encode a problem document (RFC 9457): `type`, `title`, `status`, `code`, `detail` and what else applies.

    `stored` is false when nothing was stored for certain and absent when that is unknown, `retry_after` is in seconds,
    `instance` is the path of the request.
    """
    kind = refusal.kind
    members: dict[str, object] = {
        "type": f"/help#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "detail": refusal.detail,
    }
    if kind.stored is not None:
        members["stored"] = kind.stored
    if refusal.field is not None:
        members["field"] = refusal.field
    if refusal.retry_after is not None:
        members["retry_after"] = math.ceil(refusal.retry_after * 1000) / 1000
    if instance is not None:
        members["instance"] = instance
    if refusal.extra is not None:
        members = refusal.extra | members
    return _encode(members)


def error_line(refusal: Refusal) -> str:
    """Say it in one line, without a line break: `error: The text is empty or blank. (blank_text: text)`."""
    place = refusal.code if refusal.field is None else f"{refusal.code}: {refusal.field}"
    return f"error: {visible(refusal.detail)} ({visible(place)})"
