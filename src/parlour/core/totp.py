"""Codes that an authenticator app shows: TOTP (RFC 6238) with what every app does, SHA-1, 6 digits and 30 seconds."""

from __future__ import annotations

import hmac
from base64 import b32encode
from urllib.parse import quote

STEP_MS = 30_000
"""How long a code is the newest one."""

DIGITS = 6

SECRET_BYTES = 20
"""As many as SHA-1 gives (RFC 4226 §4, R6)."""

DRIFT = 1
"""Steps by which the clock of a phone may be behind or ahead (RFC 6238 §5.2)."""


def code_at(secret: bytes, step: int) -> str:
    """The code of a step, which is the number of 30 seconds since 1970 (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, code: str, now_ms: int) -> int | None:
    """The step whose code this is, now or a step before or after; None for any other code. All are compared."""
    now, found = now_ms // STEP_MS, None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def shown_secret(secret: bytes) -> str:
    """The secret as people type it into an app: base32 in groups of four."""
    text = b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def app_address(secret: bytes, issuer: str, name: str) -> str:
    """The address in the QR code for an app (the Key URI format of Google Authenticator)."""
    label = f"{quote(issuer, safe='')}:{quote(name, safe='')}"
    text = b32encode(secret).decode()
    return f"otpauth://totp/{label}?secret={text}&issuer={quote(issuer, safe='')}&digits={DIGITS}&period=30"
