"""Browsers that have signed in before: what strangers do to a name keeps nobody out who asks from one of them."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

DEVICE_CHARS = 26
"""Random letters and digits that name a device; the rest of the cookie shows for which account this server made it."""


class KnownDevices:
    """Makes and reads the value of the cookie that stays on a browser after it has signed in.

    It lets nobody in: a try that comes with it counts for this device alone (`chat/sign_in_throttle.py`).
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"the seal of a device that has signed in", hashlib.sha256)

    def sealed(self, account: str, device: str) -> str:
        """The value of the cookie for a device, on which this account has signed in."""
        return f"{device}.{self._seal(account, device)}"

    def device_of(self, account: str, cookie: str) -> str | None:
        """The device of a cookie that was made for this account; None for any other cookie."""
        device, _, seal = cookie.partition(".")
        if len(device) > DEVICE_CHARS or not cookie.isascii():
            return None
        return device if hmac.compare_digest(seal, self._seal(account, device)) else None

    def _seal(self, account: str, device: str) -> str:
        digest = hmac.digest(self._key, f"{account}\0{device}".encode(), hashlib.sha256)
        return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
