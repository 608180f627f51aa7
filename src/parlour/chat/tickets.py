"""Tickets: secrets in addresses, each of which opens one stream, for clients that can send no header field."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.identities import Identities
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.tables.accounts import PASSWORD_OF
from parlour.chat.tables.sign_ins import SIGN_IN_BY_ID
from parlour.chat.tables.tickets import ADD_TICKET, END_OLDEST_OF, END_TICKETS_UNTIL, TICKET, USE_TICKET, TicketRow
from parlour.chat.transactions import Transaction
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.secret import digest

TICKET_S = 30
"""How long a ticket can be used."""

MAX_TICKETS = 32
"""Of one account that have not been used; one more ends the oldest."""


class Ticket(NamedTuple):
    """A ticket, which is shown once, and when it ends, in milliseconds since 1970."""

    secret: str
    expires_ms: int


class Tickets:
    """Makes tickets and redeems them; any node takes what another one has made."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, identities: Identities) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._identities = identities

    async def make(self, actor: Actor) -> Ticket:
        """A ticket that stands for an actor who is signed in: for its account, its scopes and its rooms.

        Raises Refusal("login_required").
        """
        if actor.account is None:
            raise Refusal("login_required", "Sign in first.")
        secret, now_ms = self._ids.secret(), self._clock.now_ms()
        made = Ticket(secret, now_ms + TICKET_S * 1000)
        await self._store.run(_make(actor, digest(secret), now_ms, made.expires_ms))
        return made

    async def redeem(self, secret: str, address: str) -> Actor:
        """Use a ticket up: who asks with it. Raises Refusal("bad_credentials") for one that cannot be used any more."""
        row, key, now_ms = None, digest(secret), self._clock.now_ms()
        if await self._store.query(TICKET(key, now_ms)):  # what is made up costs a look, and no transaction
            row = await self._store.run(_use(key, now_ms))
        if row is not None and self._identities.accounts.get(row.account) is None:  # another node has just made it
            await self._store.catch_up()
        account = None if row is None else self._identities.accounts.get(row.account)
        if row is None or account is None or account.state != "active":
            raise Refusal("bad_credentials", "This ticket was used, has ended, or is none: make another one.")
        scopes = None if row.scopes is None else frozenset(row.scopes.split())
        rooms = None if row.rooms is None else frozenset(row.rooms.split())
        return Actor(
            *(account.kind, account.id, "ticket", address, account, row.sign_in),
            *(scopes, rooms, row.authenticated_ms),  # type: ignore[arg-type]  # they were scopes when it was made
        )


def _make(actor: Actor, hash_: str, now_ms: int, expires_ms: int) -> Transaction[None]:
    assert actor.account is not None  # else it has been refused
    account, password = actor.account.id, None
    if actor.sign_in is None:
        password = yield from _password_digest(account)
    yield END_TICKETS_UNTIL(now_ms)
    yield END_OLDEST_OF(account, MAX_TICKETS - 1)
    scopes = None if actor.scopes is None else " ".join(sorted(actor.scopes))
    rooms = None if actor.rooms is None else " ".join(sorted(actor.rooms))
    yield ADD_TICKET(hash_, account, actor.sign_in, password, scopes, rooms, actor.authenticated_ms, expires_ms)


def _use(hash_: str, now_ms: int) -> Transaction[TicketRow | None]:
    """The ticket, if what made it is still there."""
    rows: list[TicketRow] = yield USE_TICKET(hash_, now_ms)
    if not rows:
        return None
    row = rows[0]
    if row.sign_in is not None:
        is_there = bool((yield SIGN_IN_BY_ID(row.sign_in)))
    else:
        is_there = (yield from _password_digest(row.account)) == row.password
    return row if is_there else None


def _password_digest(account: str) -> Transaction[str]:
    rows: list[str | None] = yield PASSWORD_OF(account)
    return digest((rows[0] if rows else None) or "")
