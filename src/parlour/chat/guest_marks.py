"""By what a guest is known to whom a room is closed: digests of the cookie and the address, never themselves."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Mapping
from functools import lru_cache

from parlour.chat.guests import guest_author
from parlour.core.actor import Actor, came_ms
from parlour.core.errors import Refusal
from parlour.core.policy import Restriction

SEEN = 20_000
"""Authors of whom it is remembered who they are: those that have written last, on this node."""


class GuestMarks:
    """Tells whether a guest is the one that a restriction means. `saw` and `latest` are for the event loop alone.

    The name is part of the id of a guest as an author, so that id does not say who they are under another name. What
    they ask with does: it is remembered for those who have written last, and a restriction keeps a digest of it. While
    nobody remembers them, the names that the restriction knows are tried.
    """

    def __init__(self, secret: bytes) -> None:
        """`secret` is that of the store, from which the ids of authors come."""
        self._secret = secret
        self._key = hmac.digest(secret, b"the marks of restricted guests", hashlib.sha256)
        self._seen: dict[str, Actor] = {}
        self.latest: Mapping[str, Actor] = self._seen
        """The guests that have posted last, by the id of the author of their messages. Every post reads it directly."""
        self.of = lru_cache(maxsize=8192)(self._of)
        self.own = lru_cache(maxsize=8192)(self._own)
        """The mark of a guest in all rooms, which no log has, of the id by which they ask without a pass."""
        self._is_author = lru_cache(maxsize=8192)(self._is_author_of)

    def saw(self, author: str, actor: Actor) -> None:
        """Remember as whom a guest has written."""
        seen = self._seen
        if seen.get(author) is actor:
            return
        seen.pop(author, None)
        seen[author] = actor
        if len(seen) > SEEN:
            del seen[next(iter(seen))]

    def marks_of_writer(self, salt: str, guest: Actor) -> tuple[str, str | None]:
        """The digests by which a guest is known who has written: with a pass, those of the browser without it."""
        return self.of(salt, guest.browser or self.own(guest.id), guest.address)

    def means(self, restriction: Restriction, author: str, salt: str, actor: Actor) -> bool:
        """Whether the restriction of a guest, by its id as an author, holds an actor; `salt` is that of the room."""
        mark, address = self.of(salt, self.own(actor.id), actor.address)
        if restriction.mark is None:
            if self._is_author(author, restriction.name, actor.id):
                return True
        elif restriction.mark == mark:
            return True
        if restriction.address is None or restriction.address != address:
            return False
        came = came_ms(actor)
        return came is None or came > (restriction.since_ms or 0)

    def _own(self, id_: str) -> str:
        return self._digest(f"guest\0{id_}")

    def _of(self, salt: str, own: str, address: str | None) -> tuple[str, str | None]:
        """The digests of what a guest is known by, and of where from, in a room."""
        return self._digest(f"{salt}\0{own}"), None if address is None else self._digest(f"{salt}\0from {address}")

    def _digest(self, text: str) -> str:
        return b32encode(hmac.digest(self._key, text.encode(), hashlib.sha256)[:10]).decode().lower()

    def _is_author_of(self, author: str, name: str, actor_id: str) -> bool:
        try:
            return author in {guest_author(self._secret, actor_id, each).id for each in (None, name)}
        except Refusal:  # a name that nobody can have any more
            return False

    def __len__(self) -> int:
        return len(self._seen)
