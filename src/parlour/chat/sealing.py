"""Seals secrets that the server itself has to know: AES-256-GCM by a key that comes from the secret of the store.

That secret is in the same database: whoever has a whole copy has both, and whoever has a table alone has nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from asyncio import to_thread
from base64 import urlsafe_b64decode, urlsafe_b64encode
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_AEAD = "cryptography.hazmat.primitives.ciphers.aead"

_NONCE_BYTES = 12


class Sealing:
    """Seals and opens secrets of accounts."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"the seal of second factors", hashlib.sha256)

    async def seal(self, account: str, secret: bytes) -> str:
        """A secret of an account as it is stored."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = (await self._cipher()).encrypt(nonce, secret, account.encode())
        return urlsafe_b64encode(nonce + sealed).decode()

    async def opened(self, account: str, sealed: str) -> bytes | None:
        """The secret; None for what was not sealed for this account on this server."""
        cipher = await self._cipher()
        from cryptography.exceptions import InvalidTag

        data = urlsafe_b64decode(sealed)
        try:
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], account.encode())
        except InvalidTag:
            return None

    async def _cipher(self) -> AESGCM:
        if _AEAD not in sys.modules:  # 60 ms, once, and for those alone who use it
            await to_thread(import_module, _AEAD)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)
