"""Who an anonymous sender is: stable for a browser session or a client address, and never anybody's secret."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from functools import lru_cache

from parlour.core.event import Author
from parlour.core.names import display_name

_LETTERS = "abcdefghjkmnpqrstuvwxyz"
"""For made-up names: no letter that reads like another."""


class Guests:
    """Derives authors from a server secret: the same seat and name give the same author, also after a restart.

    A seat is what a guest cannot easily change and others cannot guess or share: a session cookie, else an address. The
    name is part of the identity, so that two people behind one address are two authors once they say who they are.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.author = lru_cache(maxsize=4096)(self._author)

    def newcomer(self, seat: str) -> Author:
        """The author of a seat that has just been made up: not remembered, or visitors would push out regulars."""
        return self._author(seat, None)

    def _author(self, seat: str, name: str | None) -> Author:
        """The author for a seat, with a chosen display name or a made-up one. Raises Refusal("bad_name")."""
        chosen = None if name is None else display_name(name)
        digest = hmac.digest(self._secret, f"{seat}\0{chosen or ''}".encode(), hashlib.sha256)
        if chosen is None:
            chosen = "guest-" + "".join([_LETTERS[byte % len(_LETTERS)] for byte in digest[16:20]])
        return Author("g_" + b32encode(digest[:10]).decode().lower(), chosen, "guest")
