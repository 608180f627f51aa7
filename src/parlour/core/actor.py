"""Who asks: an `Actor` is made here from every credential, and handed to every verb, session and subscription."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from parlour.core.event import AuthorKind

Credential = Literal["cookie", "address", "program"]
"""With what somebody asks: the cookie of a guest, nothing but an address, or as the program that embeds the server."""


class Actor(NamedTuple):
    """Who asks, with what, and from where.

    `id` is what the ids of authors are derived from: nobody else can have it, and it is shown to nobody (that of a
    guest with a cookie contains the secret of the cookie). Rates count by `address`; None has none.
    """

    kind: AuthorKind
    id: str
    credential: Credential
    address: str | None


@lru_cache(maxsize=4096)
def guest(token: str | None, address: str) -> Actor:
    """A guest: known by the token of a cookie where there is one, else by the address."""
    if token is None:
        return Actor("guest", f"address:{address}", "address", address)
    return Actor("guest", f"session:{token}", "cookie", address)


PROGRAM = Actor("guest", "process", "program", None)
"""The program that embeds the server; it posts as a guest under the names that it gives."""
