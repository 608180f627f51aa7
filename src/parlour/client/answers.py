"""What an HTTP answer says about the request: done, refused, busy, or anybody's guess (docs/protocol.md#sending)."""

from __future__ import annotations

import msgspec

from parlour.client.errors import Busy, OutcomeUnknown, Refused
from parlour.core.text import visible

MAX_RETRY_AFTER_S = 600.0
"""A longer `Retry-After` is taken for a fault of some proxy."""

_PASSING = frozenset({408, 425, 429})
"""Refusals that the same request may not meet again (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4)."""


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""
    stored: bool | None = None


_decode_problem = msgspec.json.Decoder(_Problem).decode


def failure(
    status: int, retry_after: str | None, location: str | None, body: bytes, *, through: str = ""
) -> Refused | OutcomeUnknown:
    """Judge an answer that is not the one hoped for; `through` is added where a proxy may have answered itself.

    3xx, 4xx, and 5xx that say `"stored":false`, stored nothing. Any other answer, a 2xx without a receipt included (a
    hotel's login page), leaves the outcome open.
    """
    try:
        problem = _decode_problem(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    wait_s = _seconds(retry_after)
    detail = visible(problem.detail) or f"The server answered {status}{through}."
    code = visible(problem.code) or f"http_{status}"
    if 300 <= status < 400:
        return Refused(
            "redirected", f"The room is elsewhere: {visible(location or 'the server does not say where')}", status
        )
    if 400 <= status < 500:
        return Busy(code, detail, status, wait_s) if status in _PASSING else Refused(code, detail, status)
    if status >= 500 and problem.stored is False:
        return Refused(code, detail, status) if status in (501, 505) else Busy(code, detail, status, wait_s)
    return OutcomeUnknown(detail, retry_after_s=wait_s)


def _seconds(retry_after: str | None) -> float:
    """`Retry-After` as seconds (RFC 9110 §10.2.3); a date counts as none, since clocks differ."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10):
        return 0.0
    return min(float(retry_after), MAX_RETRY_AFTER_S)
