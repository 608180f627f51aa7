"""The meaning of an HTTP answer for the request: done, refused, busy, or unknown (docs/protocol.md#sending)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from parlour.client.errors import Busy, OutcomeUnknown, Refused, SignedOut
from parlour.core.text import visible

MAX_RETRY_AFTER_S = 600.0
"""A longer `Retry-After` is taken for a fault of some proxy."""

_PASSING = frozenset({408, 425, 429})
"""Refusals that the same request may not meet again (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4)."""

_FINAL = frozenset({501, 505})
"""Refusals of a server that will not change its mind."""

SIGNED_OUT = frozenset({"bad_credentials", "login_required"})
"""Codes that tell a client with a token that it is signed in no more: no server asks it to sign in otherwise."""


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""
    stored: bool | None = None


_decode_problem = msgspec.json.Decoder(_Problem).decode


def failure(
    status: int, headers: Mapping[str, str], body: bytes, *, through: str = "", signed_in_to: str = ""
) -> Refused | OutcomeUnknown:
    """Judge an answer that is not the one hoped for; `through` is added where a proxy may have answered itself.

    `signed_in_to` is the server, where a token was sent to it.

    3xx, 4xx, and 5xx that say `"stored":false`, stored nothing. Any other answer, a 2xx without a receipt included (a
    hotel's login page), leaves the outcome open.
    """
    try:
        problem = _decode_problem(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    wait_s = _seconds(headers.get("retry-after", ""))
    detail = visible(problem.detail) or f"The server answered {status}{through}."
    code = visible(problem.code) or f"http_{status}"
    if 300 <= status < 400:
        place = visible(headers.get("location", "the server does not say where"))
        return Refused("redirected", f"The room is elsewhere: {place}", status)
    if status in _PASSING or (status >= 500 and problem.stored is False and status not in _FINAL):
        return Busy(code, detail, status, wait_s)
    if status == 401 and signed_in_to and code in SIGNED_OUT:
        return SignedOut(code, detail, status, signed_in_to)
    if 400 <= status < 500 or (status in _FINAL and problem.stored is False):
        return Refused(code, detail, status)
    return OutcomeUnknown(detail, retry_after_s=wait_s)


def _seconds(retry_after: str) -> float:
    """`Retry-After` as seconds (RFC 9110 §10.2.3); a date counts as none, since clocks differ."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:
        return min(float(retry_after), MAX_RETRY_AFTER_S)
    return 0.0
