"""Secrets that people and programs carry: sessions, API tokens, invitations. The server keeps their SHA-256 only."""

from __future__ import annotations

import re
import zlib
from hashlib import sha256

TOKEN_PREFIX = "parlour_"  # noqa: S105 (no secret)
"""By which scanners of source code know an API token."""

SESSION_COOKIE = "parlour_session"
"""The end of the name of the cookie that a session is in."""

PASS_COOKIE = "parlour_pass"  # noqa: S105 (no secret)
"""The same of the cookie that the pass of a guest is in."""

SECRET_PATHS = ("/join/", "/reset/", "/account/email/", "/account/digest/")
"""After which a secret stands in an address."""

_TOKEN = re.compile(rf"{TOKEN_PREFIX}([A-Za-z0-9_-]{{43}})([0-9a-z]{{7}})", re.ASCII)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def digest(secret: str) -> str:
    """The digest by which the database knows a secret, in hex: 256 random bits need no slow hash."""
    return sha256(secret.encode()).hexdigest()


def api_token(secret: str) -> str:
    """The token made of 43 characters of base64url: with a prefix, and a CRC-32 by which typing errors are found."""
    return f"{TOKEN_PREFIX}{secret}{_tail(secret)}"


def is_api_token(text: str) -> bool:
    """Whether a text has the form of a token, its checksum included; says nothing of whether there is one."""
    return secret_in(text) is not None


def secret_in(token: str) -> str | None:
    """The 43 characters that a token was made of; None for what has not the form of one."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match is not None and _tail(match[1]) == match[2] else None


def _tail(secret: str) -> str:
    crc, digits = zlib.crc32(secret.encode()), ""
    for _ in range(7):
        crc, digit = divmod(crc, 36)
        digits = _DIGITS[digit] + digits
    return digits
