"""Values that a client keeps for the server for a while: it can read them, and can make or change none."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

_SEAL_CHARS = 43


class SignedValues:
    """Signs values of one purpose and reads them again; one of another purpose, or of another server, is none."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, f"signed values: {purpose}".encode(), hashlib.sha256)

    def sign(self, value: str, until_ms: int) -> str:
        """The value with its end and its seal, in letters, digits, `-`, `_` and `.`."""
        body = urlsafe_b64encode(f"{until_ms} {value}".encode()).rstrip(b"=").decode()
        return f"{body}.{self._seal(body)}"

    def read(self, signed: str, now_ms: int) -> str | None:
        """The value; None once it has ended, and for what this server has not signed."""
        body, _, seal = signed.partition(".")
        if not signed.isascii() or len(seal) != _SEAL_CHARS or not hmac.compare_digest(seal, self._seal(body)):
            return None
        try:
            until, _, value = urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().partition(" ")
        except (Error, UnicodeDecodeError):
            return None
        return value if int(until) > now_ms else None

    def _seal(self, body: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, body.encode(), hashlib.sha256)).rstrip(b"=").decode()
