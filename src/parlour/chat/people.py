"""Everything about people in one value: who they are, what they are signed in with, and who may invite whom."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.accounts import Accounts
from parlour.chat.bans import Bans
from parlour.chat.blocks import Blocks
from parlour.chat.deletions import Deletions
from parlour.chat.directory import Directory
from parlour.chat.directs import Directs
from parlour.chat.emails import Emails
from parlour.chat.factors import Factors
from parlour.chat.guest_cookies import GuestCookies
from parlour.chat.guest_links import GuestLinks
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.identities import Identities
from parlour.chat.inbox_settings import InboxSettings
from parlour.chat.invitations import Invitations
from parlour.chat.known_passes import KnownPasses
from parlour.chat.mails import Mails
from parlour.chat.passes import Passes, PassRates
from parlour.chat.passkeys import Passkeys
from parlour.chat.passwords import Passwords
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.provider_links import ProviderLinks
from parlour.chat.proxied import Proxied
from parlour.chat.registrations import RegistrationRates
from parlour.chat.server_settings import LiveSettings
from parlour.chat.sign_ins import SignIns


class People(NamedTuple):
    """The verbs of people."""

    passwords: Passwords
    identities: Identities
    sign_ins: SignIns
    invitations: Invitations
    accounts: Accounts
    settings: LiveSettings
    deletions: Deletions
    factors: Factors
    mails: Mails
    emails: Emails
    passkeys: Passkeys
    blocks: Blocks
    directs: Directs
    inbox_settings: InboxSettings
    guest_links: GuestLinks
    passes: Passes
    known_passes: KnownPasses
    directory: Directory
    provider_links: ProviderLinks
    bans: Bans
    proxied: Proxied
    guest_cookies: GuestCookies

    async def load(self) -> None:
        """Read who has an account and who takes no messages of whom. Raises Refusal."""
        await self.identities.load()
        await self.blocks.load()
        await self.inbox_settings.load()
        await self.bans.load()


def people_of(
    store: Store,
    clock: Clock,
    ids: Ids,
    policies: Policies,
    passwords: Passwords,
    rates: RegistrationRates | None = None,
    pass_rates: PassRates | None = None,
    *,
    has_mail: bool = False,
    marks: GuestMarks | None = None,
    proxy_makes_accounts: bool = False,
) -> People:
    """The verbs of people over a store; `load` and `settings.load` come before anybody asks.

    `rates` limits those who make accounts without an invitation, `pass_rates` those who come by guest links;
    None limits nobody. `has_mail` says that mail is sent.
    """
    mails = Mails(store, clock, ids, is_on=has_mail)
    identities = Identities(store, clock, ids, passwords, mails)
    invitations = Invitations(store, clock, ids, policies, identities, mails)
    passkeys = Passkeys(store, clock, ids, mails)
    settings = LiveSettings(store, policies, identities)
    cookies = GuestCookies(store.secret)
    blocks = Blocks(store, clock, policies, identities)
    directs = Directs(store.secret, identities, policies, blocks, settings)
    marks = GuestMarks(store.secret) if marks is None else marks
    bans = Bans(store, clock, ids, policies, identities, marks)
    settings.on_raid = bans.set_raid
    accounts = Accounts(store, clock, ids, policies, identities, invitations, passwords, rates, mails)
    accounts.refused_address = bans.address_kept_out
    return People(
        passwords,
        identities,
        SignIns(store, clock, ids, identities, passkeys, mails, directs),
        invitations,
        accounts,
        settings,
        Deletions(store, policies, identities, lambda: settings.now.deletion),
        Factors(store, clock, ids, policies, identities, passkeys, mails),
        mails,
        Emails(store, clock, ids, policies, identities, mails, limits=rates is not None),
        passkeys,
        blocks,
        directs,
        InboxSettings(store, clock),
        GuestLinks(store, clock, ids, policies),
        Passes(store, clock, ids, policies, identities.accounts.is_taken, marks, pass_rates),
        KnownPasses(store, clock, cookies, marks),
        Directory(policies, identities, settings, bans.is_kept_out),
        ProviderLinks(store, clock, policies, identities, accounts, mails),
        bans,
        Proxied(store, identities, accounts, makes_accounts=proxy_makes_accounts),
        cookies,
    )
