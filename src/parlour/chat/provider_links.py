"""The verbs of sign-in providers: whose account here it is, linking, and a new account."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.account_steps import account_now
from parlour.chat.accounts import Accounts
from parlour.chat.emails import set_email
from parlour.chat.guests import author_of
from parlour.chat.identities import Identities
from parlour.chat.mails import Mails
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log
from parlour.chat.tables.accounts import PASSWORD_OF
from parlour.chat.tables.emails import ACCOUNT_WITH
from parlour.chat.tables.provider_links import ACCOUNT_LINKED, ADD_LINK, END_LINK, LINKS_OF, ProviderLink
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.email_address import EmailAddress, email_address
from parlour.core.errors import Refusal
from parlour.core.payloads import ProviderLinkChanged
from parlour.core.sign_outs import DISABLED

_LINK_FIRST = "Your account here has a second factor: sign in with your password, and link both on Account."


class Stranger(NamedTuple):
    """Somebody who has signed in at a provider: their subject there, and an e-mail address that it has verified.

    `provider` is what people call it.
    """

    issuer: str
    subject: str
    provider: str
    email: str | None = None


class ProviderLinks:
    """Finds, links and makes accounts. The provider has been asked, and its answer counts, before any of this."""

    def __init__(
        self, store: Store, clock: Clock, policies: Policies, identities: Identities, accounts: Accounts, mails: Mails
    ) -> None:
        self._store = store
        self._clock = clock
        self._policies = policies
        self._identities = identities
        self._accounts = accounts
        self._mails = mails

    async def account_of(self, stranger: Stranger) -> Account | None:
        """The account here of somebody; None if there is none, so far.

        An account whose owner has verified the same e-mail address as the provider becomes theirs, unless another
        subject of that provider has it already: mailboxes are given to somebody new. Raises Refusal("forbidden") for
        an account that is disabled, and for one with a second factor that is not linked so far: a mailbox is none.
        """
        account = await self._store.run(self._account_of(stranger))
        self._mails.on_new()
        if account is not None and account.state != "active":
            raise Refusal("forbidden", DISABLED)
        return account

    def _account_of(self, stranger: Stranger) -> Transaction[Account | None]:
        linked: list[str] = yield ACCOUNT_LINKED(stranger.issuer, stranger.subject)
        if linked:
            return (yield from account_now(linked[0]))
        email = _email(stranger)
        holders: list[str] = [] if email is None else (yield ACCOUNT_WITH(email.folded))
        if not holders:
            return None
        links: list[ProviderLink] = yield LINKS_OF(holders[0])
        account = yield from account_now(holders[0])
        if any(link.issuer == stranger.issuer for link in links):
            return None
        if account.state == "active":
            if account.factors:
                raise Refusal("forbidden", _LINK_FIRST)
            yield from self._link(account, stranger)
        return account

    def _link(self, account: Account, stranger: Stranger) -> Transaction[None]:
        yield ADD_LINK(stranger.issuer, stranger.subject, account.id, self._clock.now_ms())
        yield append_to_log(author_of(account), ProviderLinkChanged("linked", account.id, stranger.issuer))
        yield from self._mails.notice(account.id, "linked", {"name": account.name, "provider": stranger.provider})

    async def link(self, actor: Actor, stranger: Stranger) -> None:
        """Link an account to that of who asks. Raises Refusal("forbidden") where one of both is linked already,
        ("reauthentication_required").
        """
        account = self._own(actor)
        self._identities.require_recent(actor)
        await self._store.run(self._link_own(actor, account, stranger))
        self._mails.on_new()

    def _link_own(self, actor: Actor, account: Account, stranger: Stranger) -> Transaction[None]:
        yield from require_unchanged(actor)
        linked: list[str] = yield ACCOUNT_LINKED(stranger.issuer, stranger.subject)
        if linked == [account.id]:
            return
        if linked:
            raise Refusal("forbidden", f"That account of {stranger.provider} is linked to another account here.")
        links: list[ProviderLink] = yield LINKS_OF(account.id)
        if any(link.issuer == stranger.issuer for link in links):
            raise Refusal("forbidden", f"Your account is linked to another one of {stranger.provider}: end that first.")
        yield from self._link(account, stranger)

    async def unlink(self, actor: Actor, issuer: str) -> None:
        """End a link. Raises Refusal("forbidden") where it is the only way in, ("not_found") if there is none."""
        account = self._own(actor)
        self._identities.require_recent(actor)
        await self._store.run(self._unlink(actor, account, issuer))

    def _unlink(self, actor: Actor, account: Account, issuer: str) -> Transaction[None]:
        yield from require_unchanged(actor)
        links: list[ProviderLink] = yield LINKS_OF(account.id)
        if len(links) == 1 and (yield PASSWORD_OF(account.id)) == [None]:
            raise Refusal("forbidden", "It is the only way into your account: set a password first.")
        if not (yield END_LINK(account.id, issuer)):
            raise Refusal("not_found", "There is no such link.")
        yield append_to_log(author_of(account), ProviderLinkChanged("unlinked", account.id, issuer))

    async def links_of(self, account: Account) -> list[ProviderLink]:
        """The providers that an account is linked to, the oldest first. Raises Refusal."""
        return await self._store.query(LINKS_OF(account.id))

    async def make(self, stranger: Stranger, name: str, display: str, address: str) -> Account:
        """Make an account for who has none, without a password; with their e-mail address, if nobody has that.

        Raises Refusal("registration_closed"), ("name_taken"), …, ("forbidden") if they have one by now, ("banned") for
        an address from which nobody makes one.
        """
        if (refusal := self._accounts.refused_address(address)) is not None:
            raise refusal
        account = self._accounts.wanted(name, display)
        return await self._store.run(self._make(stranger, account))

    def _make(self, stranger: Stranger, account: Account) -> Transaction[Account]:
        if (yield ACCOUNT_LINKED(stranger.issuer, stranger.subject)):
            raise Refusal("forbidden", "You have an account here by now: sign in.")
        yield from self._accounts.add_without_password(account)
        yield ADD_LINK(stranger.issuer, stranger.subject, account.id, self._clock.now_ms())
        yield append_to_log(author_of(account), ProviderLinkChanged("linked", account.id, stranger.issuer))
        email = _email(stranger)
        if email is not None and not (yield ACCOUNT_WITH(email.folded)):
            yield from set_email(account, email, self._clock.now_ms())
        return account

    def _own(self, actor: Actor) -> Account:
        account = self._policies.own_account(actor)
        if account.kind == "bot":
            raise Refusal("forbidden", "A bot signs in with tokens.")
        return account


def _email(stranger: Stranger) -> EmailAddress | None:
    """The address of somebody, as addresses are compared here; None for one that no mail is sent to."""
    try:
        return None if stranger.email is None else email_address(stranger.email)
    except Refusal:
        return None
