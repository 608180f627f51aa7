"""The verbs of people over one store, without sockets, and with hashes that cost next to nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field

import pytest
from argon2 import PasswordHasher

from parlour.chat.guests import Guests
from parlour.chat.identities import Credentials
from parlour.chat.mentions import Mentions
from parlour.chat.new_rooms import NewRooms
from parlour.chat.passwords import Passwords
from parlour.chat.people import people_of
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.posting import Posting, Rates
from parlour.chat.registrations import RegistrationRates
from parlour.chat.tables.accounts import ALL_ACCOUNTS
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account, Role
from parlour.core.actor import OPERATOR, Actor
from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.core.payloads import Access, Payload
from parlour.hub.server_log import ServerLog
from tests.support.stores import CountedIds, HandClock

PASSWORD = "correct horse battery staple"  # noqa: S105
ADDRESS = "192.0.2.7"


@dataclass
class House:
    """Everything that accounts need."""

    store: Store
    access: Access = "open"
    clock: HandClock = field(default_factory=HandClock)
    log: list[Payload] = field(default_factory=list)
    passwords: Passwords = field(default_factory=lambda: Passwords(PasswordHasher(1, 8, 1)))
    rates: RegistrationRates | None = None
    ids: CountedIds = field(default_factory=lambda: CountedIds(500))

    def __post_init__(self) -> None:
        self.policies = Policies(self.access)
        people = people_of(self.store, self.clock, self.ids, self.policies, self.passwords, self.rates, has_mail=True)
        self.identities, self.sign_ins, self.invitations = people.identities, people.sign_ins, people.invitations
        self.accounts, self.settings, self.deletions = people.accounts, people.settings, people.deletions
        self.factors = people.factors
        self.mails, self.emails = people.mails, people.emails
        self.passkeys = people.passkeys
        self.provider_links = people.provider_links
        self.blocks, self.directs = people.blocks, people.directs
        self.bans = people.bans
        self.guest_links, self.passes, self.known_passes = people.guest_links, people.passes, people.known_passes
        people_changed = [self.identities.changed, self.known_passes.changed, self.blocks.changed, self.bans.changed]
        listeners = [*people_changed, self.log.append]
        log = ServerLog(listeners, self.settings.changed)
        self.store.on_commit(log.committed)

    def posting(self, limits: Limits | None = None, mentions: Mentions | None = None) -> Posting:
        """The verb post, by which nobody is slowed down unless there are limits."""
        rates, new_rooms = None if limits is None else Rates(limits), NewRooms(limits or Limits())
        return Posting(
            *(self.store, Guests(b"secret"), self.clock, self.policies, rates, new_rooms, self.directs),
            mentions=mentions,
        )

    async def person(self, name: str, role: Role = "member") -> Account:
        """Somebody who has taken up an invitation."""
        if role == "owner":
            made = await self.invitations.for_owner(OPERATOR)
        else:
            made = await self.invitations.make(OPERATOR, role, 1, 7)
        return await self.accounts.register(made.secret, name, "", PASSWORD)

    async def signed_in(self, account: Account) -> Actor:
        """As who a browser of this account asks."""
        session = await self.sign_ins.begin(account, "Firefox")
        actor = await self.identities.identify(Credentials("session", session.secret), ADDRESS)
        assert actor is not None
        return actor

    async def token(self, actor: Actor, *scopes: str) -> str:
        """A token of one's own account."""
        assert actor.account is not None
        made = await self.sign_ins.make_token(actor, actor.account, "cron", frozenset(scopes), 90)  # type: ignore[arg-type]
        return made.secret


async def refused(code: str, awaitable: Awaitable[object]) -> None:
    """It is refused with this code."""
    with pytest.raises(Refusal) as caught:
        await awaitable
    assert caught.value.code == code


def nothing() -> Transaction[None]:
    """A transaction that changes nothing: once it is done, so is everything before it."""
    yield ALL_ACCOUNTS()
