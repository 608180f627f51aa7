"""The cookie by which a browser stays the same guest: a token, and a seal that shows that this server made it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

from parlour.core.actor import guest


class GuestCookies:
    """Seals the tokens of guests, and reads what browsers send."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is that of the store."""
        self._key = hmac.digest(secret, b"the seal of a guest's cookie", hashlib.sha256)

    def sealed(self, token: str) -> str:
        """The value of a guest's cookie: the token, a dot, and the seal."""
        return f"{token}.{self._seal(token)}"

    def token_of(self, cookie: str) -> str | None:
        """The token of a cookie that this server has sealed; None for one that somebody made up.

        It stands for a guest and nothing more: no account is ever known by it.
        """
        token, _, seal = cookie.partition(".")
        return token if cookie.isascii() and hmac.compare_digest(seal, self._seal(token)) else None

    def guest_id(self, cookie: str | None, address: str) -> str | None:
        """The `Actor.id` of a guest who asks with a cookie alone; None without one of this server."""
        token = None if cookie is None else self.token_of(cookie)
        return None if token is None else guest(token, address).id

    def _seal(self, token: str) -> str:
        digest = hmac.digest(self._key, token.encode(), hashlib.sha256)
        return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()  # 128 bits
