"""The `Actor` that asks: made here from every credential, and handed to every verb, session and subscription."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from parlour.core.accounts import Account, Scope
from parlour.core.event import AuthorKind
from parlour.core.guest_links import EndedPass, GuestPass

Credential = Literal[
    "cookie", "address", "program", "operator", "session", "token", "password", "ticket", "proxy", "pass"
]
"""With what somebody asks: the cookie of a guest, nothing but an address, as the program that embeds the server,
through the operator's socket; or, signed in, with a session, an API token, a password, or a ticket made by these; or
with the pass of a guest who came by a link; or by the word of a trusted proxy, which has asked who they are."""


class Actor(NamedTuple):
    """Somebody who asks: with what credential, and from where.

    `id` is what the ids of authors are derived from: nobody else can have it, and it is shown to nobody (that of a
    guest with a cookie contains the secret of the cookie). Rates count by `address`; None has none. Who is signed in
    has an `account`; `sign_in` is the id of the session or token (of a ticket: that
    it was made with), `scopes` what a token is
    for (None: everything), and `rooms` where (None: everywhere).
    """

    kind: AuthorKind
    id: str
    credential: Credential
    address: str | None
    account: Account | None = None
    sign_in: str | None = None
    scopes: frozenset[Scope] | None = None
    rooms: frozenset[str] | None = None
    authenticated_ms: int = 0
    """Of a session: when the password was given last, in milliseconds since 1970."""
    guest_pass: GuestPass | None = None
    """Of a guest who came by a link; its id is that of the author of what they say."""
    browser: str | None = None
    """Of a guest with a pass: by what the browser is known without it (`GuestMarks.own`), if it is or was known."""
    ended_pass: EndedPass | None = None
    """Of a guest like any other whose browser was here by a link that has ended: they may be told so."""
    removed_pass: GuestPass | None = None
    """Of a guest like any other whose browser was removed by the host of a link: its rooms stay closed to them."""


@lru_cache(maxsize=4096)
def guest(token: str | None, address: str) -> Actor:
    """A guest: known by the token of a cookie where there is one, else by the address."""
    if token is None:
        return Actor("guest", f"address:{address}", "address", address)
    return Actor("guest", f"{_COOKIE}{token}", "cookie", address)


_COOKIE = "session:"
_TOKEN_CHARS, _TIME_DIGITS = 22, 11


def guest_token(token: str, now_ms: int) -> str:
    """The token of a new guest's cookie: a secret of 128 bits, and when it was made, in hexadecimal."""
    return f"{token}{now_ms:0{_TIME_DIGITS}x}"


def came_ms(actor: Actor) -> int | None:
    """When the cookie of a guest was made, in milliseconds since 1970; None for a guest without one.

    0 for a cookie of an older version, which does not say.
    """
    if actor.credential != "cookie":
        return None
    token = actor.id.removeprefix(_COOKIE)
    return int(token[_TOKEN_CHARS:], 16) if len(token) == _TOKEN_CHARS + _TIME_DIGITS else 0


PROGRAM = Actor("guest", "process", "program", None)
"""The program that embeds the server, where it posts: as a guest, under the names that it gives."""

OWNER = Actor("system", "system", "program", None)
"""The program that embeds the server, where it sets who may use a room."""

OPERATOR = Actor("system", "system", "operator", None)
"""Whoever connects through the operator's socket."""
