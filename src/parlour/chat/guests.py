"""The author that an anonymous sender is: stable for a browser session or a client address, and no secret."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Callable
from functools import lru_cache, partial

from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Author
from parlour.core.guest_links import GuestPass
from parlour.core.names import display_name
from parlour.core.policy import GUEST_ID

_LETTERS = "abcdefghjkmnpqrstuvwxyz"
"""For made-up names: no letter that reads like another."""


@lru_cache(maxsize=4096)
def author_of(account: Account) -> Author:
    """The author of the events of an account."""
    return Author(account.id, account.display, account.kind, account.hue)


@lru_cache(maxsize=4096)
def author_of_pass(guest: GuestPass) -> Author:
    """The author of the messages of a guest who came by a link."""
    return Author(guest.id, guest.name, "guest")


SYSTEM = Author("system", "system", "system")
"""The author of what those who run the server do."""


def guest_author(secret: bytes, actor_id: str, name: str | None) -> Author:
    """The author that a guest is under a chosen name or a made-up one. Raises Refusal("bad_name")."""
    chosen = None if name is None else display_name(name)
    digest = hmac.digest(secret, f"{actor_id}\0{chosen or ''}".encode(), hashlib.sha256)
    if chosen is None:
        chosen = "guest-" + "".join([_LETTERS[byte % len(_LETTERS)] for byte in digest[16:20]])
    return Author(GUEST_ID + b32encode(digest[:10]).decode().lower(), chosen, "guest")


class Guests:
    """Derives authors from a server secret: the same actor and name give the same author, also after a restart.

    The `id` of an actor is what a guest cannot easily change and others cannot guess or share: a session cookie, else
    an address. The name is part of the identity, so that two people behind one address are two authors once they say
    who they are.
    """

    def __init__(self, secret: bytes, is_taken: Callable[[str], bool] = lambda _: False) -> None:
        """`is_taken` says whether a name is, or looks like, that of an account."""
        self._is_taken = is_taken
        self.remembered = lru_cache(maxsize=4096)(partial(guest_author, secret))
        """`guest_author`, by the id of an actor and a name."""

    def author(self, actor: Actor, name: str | None) -> Author:
        """The author an actor posts as, under a chosen display name or a made-up one. Raises Refusal("bad_name")."""
        if actor.kind == "system":
            return SYSTEM if name is None else Author(SYSTEM.id, display_name(name), "system")
        account = actor.account
        if account is not None:
            if name is not None and display_name(name) != account.display:
                raise Refusal("bad_name", f"You are signed in as {account.name}: leave the name out.", field="name")
            return author_of(account)
        if actor.guest_pass is not None:
            if name is not None and display_name(name) != actor.guest_pass.name:
                raise Refusal("bad_name", f"You are here as {actor.guest_pass.name}: leave the name out.", field="name")
            return author_of_pass(actor.guest_pass)
        author = self.remembered(actor.id, name)
        if name is not None and self._is_taken(author.name):
            raise Refusal("reserved_name", "This is the name of a member, or looks like one.", field="name")
        return author
