"""The verbs of e-mail addresses: asking for one, verifying it by a link, and a new password by it."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.account_steps import account_now
from parlour.chat.guests import SYSTEM, author_of
from parlour.chat.identities import Identities
from parlour.chat.invitations import LINK_GONE
from parlour.chat.mails import Mails
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, end_invitations
from parlour.chat.tables.emails import (
    ACCOUNT_WITH,
    ADD_EMAIL_LINK,
    DROP_EMAIL,
    EMAIL_LINK,
    EMAIL_LINK_OF,
    EMAIL_OF,
    END_EMAIL_LINKS_OF,
    END_EMAIL_LINKS_UNTIL,
    SET_EMAIL,
    EmailLink,
)
from parlour.chat.tables.invitations import ADD_INVITATION, END_RESETS_ASKED_FOR, RESETS_ASKED_FOR
from parlour.chat.tables.mails import ADDRESS_MAIL, END_MAIL, Mail
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.addresses import site_of
from parlour.core.durations import DAY_MS, HOUR_MS, duration
from parlour.core.email_address import MAX_ADDRESS_CHARS, EmailAddress, email_address
from parlour.core.errors import Refusal
from parlour.core.limits import Buckets
from parlour.core.payloads import EmailChanged, InvitationChanged
from parlour.core.secret import digest

VERIFY_MS = DAY_MS
RESET_MS = HOUR_MS
"""How long the links in mails work."""

RESET_EVERY_MS = 300_000
"""A second request for a new password within this sends nothing: whoever asks in somebody's name fills no mailbox."""

ASKS_PER_H = 5
"""Links that an account asks for to verify addresses, each of which may be a stranger's."""

FORGOTTEN_PER_H, FORGOTTEN_TOGETHER_PER_H = 10, 300
"""Requests for a new password from one address (one /48 of IPv6), and from all together."""


class EmailState(NamedTuple):
    """The address of an account, and the one that waits for its link; None for none."""

    address: str | None
    waiting: str | None


class Emails:
    """Changes e-mail addresses. `limits` is False where nobody is limited."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        policies: Policies,
        identities: Identities,
        mails: Mails,
        *,
        limits: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._identities = identities
        self._mails = mails
        self._asked = Buckets(ASKS_PER_H / 3600, ASKS_PER_H) if limits else None
        self._forgotten = Buckets(FORGOTTEN_PER_H / 3600, FORGOTTEN_PER_H) if limits else None
        self._together = Buckets(FORGOTTEN_TOGETHER_PER_H / 3600, FORGOTTEN_TOGETHER_PER_H, 1) if limits else None

    async def of(self, account: Account) -> EmailState:
        """The address of an account. Raises Refusal."""
        found = await self._store.query(EMAIL_OF(account.id))
        links = await self._store.query(EMAIL_LINK_OF(account.id))
        waiting = [link.address for link in links if link.expires_ms > self._clock.now_ms()]
        return EmailState(found[0] if found else None, waiting[0] if waiting else None)

    async def ask(self, actor: Actor, text: str) -> str:
        """Send a link to an address, by which its owner says that it is theirs: the address, as it is sent to.

        Whoever has it already is told so there, and nobody here: an address is private. Raises Refusal("bad_email"),
        ("reauthentication_required"), ("rate_limited"), ("not_found") without a mail server.
        """
        account = self._own(actor)
        self._mails.require()
        self._identities.require_recent(actor)
        wanted = email_address(text)
        _take(self._asked, account.id, self._clock.monotonic(), "You have asked for several of these mails")
        await self._store.run(self._ask(actor, account, wanted))
        self._mails.on_new()
        return wanted.address

    def _ask(self, actor: Actor, account: Account, wanted: EmailAddress) -> Transaction[None]:
        yield from require_unchanged(actor)
        yield END_EMAIL_LINKS_OF(account.id)
        yield END_EMAIL_LINKS_UNTIL(self._clock.now_ms())
        id_, expires_ms = self._mails.new_id(), self._clock.now_ms() + VERIFY_MS
        yield ADD_EMAIL_LINK(digest(self._mails.secret_of(id_)), account.id, wanted.address, wanted.folded, expires_ms)
        holders: list[str] = yield ACCOUNT_WITH(wanted.folded)
        kind = "email_taken" if holders not in ([], [account.id]) else "verify"
        yield from self._mails.put(id_, kind, account.id, wanted.address, {"name": account.name})  # type: ignore[arg-type]
        yield append_to_log(author_of(account), EmailChanged("asked", account.id))

    async def find(self, actor: Actor, secret: str) -> EmailLink:
        """The link of a mail, for who is signed in with its account. Raises Refusal("link_gone")."""
        account = self._policies.own_account(actor)
        rows = await self._store.query(EMAIL_LINK(digest(secret)))
        return _link(rows, account, self._clock.now_ms())

    async def verify(self, actor: Actor, secret: str) -> str:
        """Give an account the address that a link was sent to. Raises Refusal("link_gone").

        Only for who is signed in with that account: the owner of a mailbox makes it nobody else's by a click.
        """
        account = self._policies.own_account(actor)
        return await self._store.run(self._verify(actor, account, digest(secret)))

    def _verify(self, actor: Actor, account: Account, hashed: str) -> Transaction[str]:
        yield from require_unchanged(actor)
        link = _link((yield EMAIL_LINK(hashed)), account, self._clock.now_ms())
        if (yield ACCOUNT_WITH(link.folded)) not in ([], [account.id]):
            raise Refusal("link_gone", LINK_GONE)
        yield END_EMAIL_LINKS_OF(account.id)
        yield from self._tell_before(account, link.address)
        yield from set_email(account, EmailAddress(link.address, link.folded), self._clock.now_ms())
        return link.address

    async def remove(self, actor: Actor) -> None:
        """Take the address of an account away, and what waits for a link. Raises Refusal."""
        account = self._policies.own_account(actor)
        self._identities.require_recent(actor)
        await self._store.run(self._remove(actor, account))
        self._mails.on_new()

    def _remove(self, actor: Actor, account: Account) -> Transaction[None]:
        yield from require_unchanged(actor)
        yield from self._tell_before(account, "")
        waiting: list[str] = yield END_EMAIL_LINKS_OF(account.id)
        had: list[str] = yield DROP_EMAIL(account.id)
        if had or waiting:
            yield append_to_log(author_of(account), EmailChanged("removed", account.id))

    def _tell_before(self, account: Account, now: str) -> Transaction[None]:
        """Tell the address that an account has had that it is so no more; links that were sent there end."""
        before: list[str] = yield EMAIL_OF(account.id)
        if before and before[0] != now:
            yield from end_invitations(author_of(account), END_RESETS_ASKED_FOR(account.id))
            yield from self._mails.notice(account.id, "email_changed", {"name": account.name}, before[0])

    async def forgotten(self, who: str, address: str) -> None:
        """Somebody at `address` has forgotten the password of `who`, a name or an e-mail address.

        What was typed is put down, whoever that is: who it is, is found out behind the answer, which is the same, and
        takes the same time, if there is nobody. Raises Refusal("rate_limited"), ("not_found") without a mail server.
        """
        self._mails.require()
        typed = "".join(char for char in who.strip() if char.isprintable())[:MAX_ADDRESS_CHARS]
        now = self._clock.monotonic()
        _take(self._forgotten, site_of(address) or address, now, "Your address asks for many new passwords")
        _take(self._together, "", now, "Many people ask for new passwords")
        await self._store.run(self._mails.put(self._mails.new_id(), "forgotten", None, None, {"who": typed}))
        self._mails.on_new()

    def find_out(self, mail: Mail, who: str) -> Transaction[Mail | None]:
        """Make a link for a new password for whoever this is, and the mail that brings it; None if it is nobody."""
        account = self._identities.accounts.named(who)
        holders: list[str] = [] if account is None else [account.id]
        if "@" in who:
            try:
                holders = yield ACCOUNT_WITH(email_address(who).folded)
            except Refusal:
                holders = []
        now_ms = self._clock.now_ms()
        sent_to: list[str] = (yield EMAIL_OF(holders[0])) if holders else []
        if not sent_to or (yield RESETS_ASKED_FOR(holders[0], now_ms - RESET_EVERY_MS)):
            yield END_MAIL(mail.id)
            return None
        found = yield from account_now(holders[0])
        if found.state != "active" or found.kind != "member":
            yield END_MAIL(mail.id)
            return None
        secret, id_ = digest(self._mails.secret_of(mail.id)), f"i_{self._ids.token()}"
        yield ADD_INVITATION(secret, id_, found.id, found.id, found.role, 1, now_ms, now_ms + RESET_MS, None, "")
        yield append_to_log(SYSTEM, InvitationChanged("made", id_, found.role, account=found.id))
        yield ADDRESS_MAIL(mail.id, "reset", found.id, sent_to[0])
        return mail._replace(kind="reset", account=found.id, address=sent_to[0])

    async def send_test(self, actor: Actor) -> None:
        """Send a mail to the address of whoever asks.

        Raises Refusal("bad_email") without one, ("not_found") without a mail server, ("overloaded").
        """
        account = self._own(actor)
        self._mails.require()
        address = (await self.of(account)).address
        if address is None:
            raise Refusal("bad_email", "Give yourself an e-mail address first, on Account: that sends a mail too.")
        await self._store.run(self._mails.put(self._mails.new_id(), "test", account.id, address, {}))
        self._mails.on_new()

    def name_of(self, account: str) -> str:
        """The name of an account, for a mail to it."""
        found = self._identities.accounts.get(account)
        return "" if found is None else found.name

    def _own(self, actor: Actor) -> Account:
        account = self._policies.own_account(actor)
        if account.kind == "bot":
            raise Refusal("forbidden", "A bot has no e-mail address.")
        return account

    def sizes(self) -> dict[str, int]:
        """How much there is of what can grow."""
        kept = [each for each in (self._asked, self._forgotten) if each is not None]
        return {"rates_of_mail": sum(map(len, kept))}


def set_email(account: Account, address: EmailAddress, now_ms: int) -> Transaction[None]:
    """Give an account an address that was found to be its own, and that no other account has."""
    yield SET_EMAIL(account.id, address.address, address.folded, now_ms)
    yield append_to_log(author_of(account), EmailChanged("verified", account.id))


def _link(rows: list[EmailLink], account: Account, now_ms: int) -> EmailLink:
    if not rows or rows[0].account != account.id or rows[0].expires_ms <= now_ms:
        raise Refusal("link_gone", LINK_GONE)
    return rows[0]


def _take(buckets: Buckets | None, key: str, now: float, what: str) -> None:
    wait_s = 0.0 if buckets is None else buckets.take(key, now)
    if wait_s > 0.0:
        raise Refusal("rate_limited", f"{what}: wait {duration(wait_s)}.", retry_after=wait_s)
