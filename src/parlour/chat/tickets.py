"""Tickets: secrets in addresses, each of which opens one stream, for clients that can send no header field."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.identities import Identities
from parlour.chat.ports import Clock, Ids
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.payloads import AccountChanged, Payload, SignInChanged
from parlour.core.secret import digest

TICKET_S = 30
"""How long a ticket can be used."""

MAX_TICKETS = 32
"""Of one account that have not been used; one more ends the oldest."""


class Ticket(NamedTuple):
    """A ticket, which is shown once, and when it ends, in milliseconds since 1970."""

    secret: str
    expires_ms: int


class _Kept(NamedTuple):
    actor: Actor
    until: float


class Tickets:
    """The tickets that can be used. All methods are called on the event loop.

    They are in the memory of this process alone: one that was made before a restart, or by another process, is none.
    """

    def __init__(self, clock: Clock, ids: Ids, identities: Identities) -> None:
        self._clock = clock
        self._ids = ids
        self._identities = identities
        self._kept: dict[str, _Kept] = {}  # by SHA-256, the oldest first
        self._of_account: dict[str, dict[str, None]] = {}  # keys of `_kept`

    def __len__(self) -> int:
        return len(self._kept)

    def make(self, actor: Actor) -> Ticket:
        """A ticket that stands for an actor who is signed in: for its account, its scopes and its rooms."""
        if actor.account is None:
            raise Refusal("login_required", "Sign in first.")
        now = self._clock.monotonic()
        self._drop_old(now)
        mine = self._of_account.get(actor.account.id, {})
        if len(mine) >= MAX_TICKETS:
            self._take(next(iter(mine)))
        secret = self._ids.secret()
        key = digest(secret)
        self._kept[key] = _Kept(actor, now + TICKET_S)
        self._of_account.setdefault(actor.account.id, {})[key] = None
        return Ticket(secret, self._clock.now_ms() + TICKET_S * 1000)

    def redeem(self, secret: str, address: str) -> Actor:
        """Use a ticket up: who asks with it. Raises Refusal("bad_credentials") for one that cannot be used any more."""
        self._drop_old(self._clock.monotonic())
        kept = self._take(digest(secret))
        if kept is None:
            raise Refusal("bad_credentials", "This ticket was used, has ended, or is none: make another one.")
        return self._identities.current(kept.actor)._replace(credential="ticket", address=address)

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says: a ticket ends with the sign-in that made it."""
        if isinstance(payload, AccountChanged):
            account = payload.account
            for key in list(self._of_account.get(account.id, ())):
                made_by = self._kept[key].actor.sign_in  # None: the password
                if account.state != "active" or (payload.what == "password" and made_by is None):
                    self._take(key)
        elif isinstance(payload, SignInChanged) and payload.what == "ended":
            for key in list(self._of_account.get(payload.account, ())):
                if self._kept[key].actor.sign_in == payload.sign_in:
                    self._take(key)

    def _drop_old(self, now: float) -> None:
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._take(next(iter(self._kept)))

    def _take(self, key: str) -> _Kept | None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            assert kept.actor.account is not None  # else there is no ticket
            mine = self._of_account[kept.actor.account.id]
            del mine[key]
            if not mine:
                del self._of_account[kept.actor.account.id]
        return kept
