"""The verbs of accounts: making one by an invitation, its name, role and password, and ending it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from parlour.chat.account_steps import account_now, free_look, keep_an_owner, set_password
from parlour.chat.bans import wait_for_approval
from parlour.chat.guest_link_steps import end_guest_links_by
from parlour.chat.guests import SYSTEM
from parlour.chat.identities import Identities
from parlour.chat.invitations import FIRST_OWNER, LINK_GONE, Invitations, use_invitation
from parlour.chat.mails import Mails
from parlour.chat.members import come_in
from parlour.chat.passwords import Passwords
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.profiles import ProfileChange, account_display, change_account
from parlour.chat.recheck import require_unchanged
from parlour.chat.registrations import RegistrationRates, require_registration
from parlour.chat.server_log import append_to_log, by, end_invitations
from parlour.chat.sign_ins import renew
from parlour.chat.tables.accounts import (
    ADD_ACCOUNT,
    BOTS_NOT_DELETED,
    BOTS_OF,
    FORMER_NAMES_OF,
    OWNERS,
    PASSWORD_OF,
    SET_ROLE,
    SET_STATE,
)
from parlour.chat.tables.invitations import END_ALL_BY, END_ALL_FOR_ACCOUNTS_BY, END_RESETS_OF
from parlour.chat.tables.server_settings import SETTING, SettingRow
from parlour.chat.tables.sign_ins import END_SESSIONS_BUT, END_SIGN_INS_OF
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.accounts import Account, Role, account_name, check_password
from parlour.core.actor import OPERATOR, Actor
from parlour.core.errors import Refusal
from parlour.core.event import Log
from parlour.core.names import display_name
from parlour.core.payloads import AccountChanged, SignInChanged
from parlour.core.secret import digest
from parlour.core.server_settings import ServerSettings

MAX_BOTS = 20
"""Of one account: each keeps its name from everybody else."""


class NewPassword(NamedTuple):
    """The password that somebody has, and the one that is wanted; `secret` is what the session has from then on.

    `old` counts for nothing where the account has no password.
    """

    old: str | None
    new: str
    secret: str | None = None


class Accounts:
    """Makes and changes accounts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        policies: Policies,
        identities: Identities,
        invitations: Invitations,
        passwords: Passwords,
        rates: RegistrationRates | None,
        mails: Mails,
    ) -> None:
        """`rates` limits those who make accounts without an invitation; None limits nobody."""
        self._rates = rates
        self.refused_address: Callable[[str], Refusal | None] = _refused_nowhere
        """Why nobody makes an account from an address."""
        self._mails = mails
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._identities = identities
        self._invitations = invitations
        self._passwords = passwords

    async def register_openly(self, name: str, display: str, password: str, address: str) -> Account:
        """Make an account without an invitation, where everybody may.

        Raises Refusal("registration_closed"), ("name_taken"), ("rate_limited"), …
        """
        require_registration(_registration(await self._store.query(SETTING("registration"))))
        if (refusal := self.refused_address(address)) is not None:
            raise refusal
        account = self._new(name, display, password, "member")
        if self._rates is not None:
            self._rates.take(address, self._clock.monotonic())
        hashed = await self._passwords.hash(password, address)
        return await self._store.run(self._register_openly(account, hashed))

    def _register_openly(self, account: Account, hashed: str) -> Transaction[Account]:
        require_registration(_registration((yield SETTING("registration"))))
        yield from self._add(OPERATOR, account, hashed)
        yield from self._wait(account, ("open", "everybody"))
        return account

    def _wait(self, account: Account, rules: tuple[str, ...]) -> Transaction[None]:
        """Have an account wait until somebody approves it, where the setting is one of these."""
        rows: list[SettingRow] = yield SETTING("approval")
        if rows and rows[0].value in rules:
            yield from wait_for_approval(account, f"n_{self._ids.token()}", self._clock.now_ms())

    def _new(self, name: str, display: str, password: str, role: Role) -> Account:
        """An account as it is wanted. What is refused here costs no hash, and is counted for no rate."""
        account = self._named(name, display, role)
        check_password(password, account.name, account.display)
        return account

    def _named(self, name: str, display: str, role: Role) -> Account:
        typed, name = name, account_name(name)
        shown = typed if typed.lower() == name else name  # Bob wants to be called Bob, not bob
        display = account_display(display) if display else display_name(shown)
        self._require_unlike(name, display, "")
        return Account(f"u_{self._ids.token()}", name, display, "member", role, None, "active")

    def wanted(self, name: str, display: str) -> Account:
        """An account of a member without a password, as it is wanted. Raises Refusal("name_taken"), ("bad_name"), …"""
        return self._named(name, display, "member")

    def add_without_password(self, account: Account) -> Transaction[None]:
        """Add an account that its owner signs in to from elsewhere. Raises Refusal("registration_closed"), …"""
        require_registration(_registration((yield SETTING("registration"))), "invitation")
        yield from self._add(OPERATOR, account, None)
        yield from self._wait(account, ("open", "everybody"))

    async def register(self, secret: str, name: str, display: str, password: str, address: str = "") -> Account:
        """Make an account by an invitation. Raises Refusal("link_gone"), ("name_taken"), ("weak_password"), …"""
        invitation = await self._invitations.find(secret)
        if invitation.account is not None:
            raise Refusal("link_gone", LINK_GONE)
        if invitation.role == "none":
            raise Refusal("forbidden", "This link is for those who have an account: sign in.")
        if invitation.role != "owner":
            require_registration(_registration(await self._store.query(SETTING("registration"))), "invitation")
        if (refusal := self.refused_address(address)) is not None and invitation.role != "owner":
            raise refusal
        account = self._new(name, display, password, invitation.role)
        hashed = await self._passwords.hash(password, address)
        return await self._store.run(self._register(invitation.id, digest(secret), account, hashed))

    def _register(self, id_: str, invitation: str, account: Account, hashed: str) -> Transaction[Account]:
        if id_ == FIRST_OWNER:
            if (yield OWNERS()):
                raise Refusal("link_gone", LINK_GONE)
            return (yield from self._add(OPERATOR, account, hashed))
        if account.role != "owner":
            require_registration(_registration((yield SETTING("registration"))), "invitation")
        used = yield from use_invitation(invitation, self._clock.now_ms(), SYSTEM)
        yield from self._add(OPERATOR, account, hashed)
        if account.role != "owner":
            yield from self._wait(account, ("everybody",))
        room = used.room
        if room is not None:
            log: Log = yield FindLog(room)
            if not log.policy.is_archived:
                yield from come_in(account, room, log.policy)
        return account

    async def make_bot(self, actor: Actor, name: str, display: str) -> Account:
        """Make a bot of one's own: an account without a password. Raises Refusal, ("forbidden") for one too many."""
        owner = self._policies.own_account(actor)
        if owner.kind == "bot":
            raise Refusal("forbidden", "A bot has no bots.")
        name = account_name(name)
        shown = account_display(display) if display else display_name(name)
        self._require_unlike(name, display or name, "")
        bot = Account(f"b_{self._ids.token()}", name, shown, "bot", "member", owner.id, "active")
        return await self._store.run(self._add(actor, bot, None))

    def _add(self, actor: Actor, account: Account, hashed: str | None) -> Transaction[Account]:
        yield from require_unchanged(actor)
        if account.owner is not None and len((yield BOTS_NOT_DELETED(account.owner))) >= MAX_BOTS:
            raise Refusal("forbidden", f"An account has at most {MAX_BOTS} bots.")
        like = yield from free_look(account.name, account.id, "name")
        look = yield from free_look(account.display, account.id, "display")
        yield ADD_ACCOUNT(
            account.id,
            account.name,
            like,
            account.display,
            look,
            account.kind,
            account.role,
            account.owner,
            hashed,
            self._clock.now_ms(),
        )
        yield append_to_log(by(actor), AccountChanged("made", account))
        return account

    async def change(self, actor: Actor, change: ProfileChange, password: NewPassword | None = None) -> Account:
        """Change one's own account: all of it, or nothing. With a new password all other sessions end.

        Raises Refusal("name_taken"), ("bad_credentials"), ("weak_password"), … For an account without a password the
        first one needs a session that was begun lately instead of the old one: ("reauthentication_required").
        """
        account, change = self._policies.own_account(actor), change.checked()
        self._require_unlike(change.name or account.name, change.display or account.name, account.id)
        if password is not None:
            check_password(password.new, change.name or account.name, change.display or account.display)
            address = actor.address or ""
            before = await self._password_before(actor, account, password.old)
            hashed = await self._passwords.hash(password.new, address)
            changed = await self._store.run(self._change(actor, account.id, change, before, hashed, password.secret))
            self._mails.on_new()
            return changed
        return await self._store.run(change_account(actor, account.id, change))

    async def has_password(self, account: Account) -> bool:
        """Whether an account has a password: one that was made by a sign-in provider or a proxy has none at first."""
        return await self._store.query(PASSWORD_OF(account.id)) != [None]

    async def _password_before(self, actor: Actor, account: Account, old: str | None) -> str | None:
        """The hash of the password that a new one replaces; None for the first one of an account."""
        if await self.has_password(account):
            if old is None:
                raise Refusal("bad_parameter", "A new password needs the old one.", field="old_password")
            return await self._identities.password_is(account, old, account.name, actor.address or "", actor.sign_in)
        # Whoever has got a token makes no way in with it.
        if account.kind == "bot" or actor.credential not in ("session", "proxy"):
            raise Refusal("forbidden", "A first password is set by who is signed in, on the page of the account.")
        self._identities.require_recent(actor)
        return None

    def _change(
        self, actor: Actor, id_: str, change: ProfileChange, before: str | None, hashed: str, secret: str | None
    ) -> Transaction[Account]:
        account = yield from change_account(actor, id_, change, before, hashed)
        yield from self._mails.notice(account.id, "password", {"name": account.name})
        if actor.sign_in is not None and secret is not None:
            yield from renew(account, actor.sign_in, secret, self._clock.now_ms())
        return account

    async def change_password(self, actor: Actor, old: str | None, new: str) -> str | None:
        """Set a new password, or the first one; all other sessions end.

        Returns the secret that the session of the actor has from now on; None for an actor without a session.
        Raises Refusal("bad_credentials"), ("weak_password"), ("reauthentication_required"), …
        """
        secret = self.new_secret(actor)
        await self.change(actor, ProfileChange(), NewPassword(old, new, secret))
        return secret

    def new_secret(self, actor: Actor) -> str | None:
        """A secret for the session of an actor that changes the password (`NewPassword`); None without a session."""
        return self._ids.secret() if actor.credential == "session" else None

    async def former_names(self, account: Account) -> list[str]:
        """The names that an account has had: they lead to it, and nobody else gets them."""
        return await self._store.query(FORMER_NAMES_OF(account.id))

    async def reset_password(self, secret: str, new: str, address: str = "") -> Account:
        """Set a new password by a link; all sessions end. Raises Refusal("link_gone"), ("weak_password"), …"""
        invitation = await self._invitations.find(secret)
        account = None if invitation.account is None else self._identities.accounts.get(invitation.account)
        if account is None or account.state != "active":
            raise Refusal("link_gone", LINK_GONE)
        check_password(new, account.name, account.display)
        hashed = await self._passwords.hash(new, address)
        changed = await self._store.run(self._reset(digest(secret), account.id, hashed))
        self._mails.on_new()
        return changed

    def _reset(self, invitation: str, id_: str, hashed: str) -> Transaction[Account]:
        yield from use_invitation(invitation, self._clock.now_ms(), SYSTEM)
        yield from end_invitations(SYSTEM, END_RESETS_OF(id_))
        account = yield from set_password(OPERATOR, id_, hashed, "")
        yield from self._mails.notice(id_, "password", {"name": account.name})
        return account

    async def set_role(self, actor: Actor, account: Account, role: Role) -> Account:
        """Give an account another role; its sessions end. Raises Refusal("forbidden"), also for the last owner."""
        self._require_above(actor, account, role)
        if account.kind == "bot":
            raise Refusal("forbidden", "A bot has no role on the server: whoever owns it would have that too.")
        return await self._store.run(_set_role(actor, account.id, role))

    async def disable_bot(self, actor: Actor, bot: Account) -> Account:
        """Disable a bot of one's own; those who run the server can enable it again. Raises Refusal("not_found"), …"""
        self._policies.require_own_bot(actor, bot)
        return await self._store.run(_change_state(actor, bot.id, is_active=False))

    async def set_active(self, actor: Actor, account: Account, is_active: bool) -> Account:
        """Disable an account and its bots, which ends all their sessions, tokens and streams, or enable it again alone.

        Raises Refusal.
        """
        self._require_above(actor, account, account.role)
        return await self._store.run(_change_state(actor, account.id, is_active=is_active))

    def _require_above(self, actor: Actor, account: Account, role: Role) -> None:
        self._policies.require(actor, "administer", None)
        self._identities.require_recent(actor)
        if actor.account is None or actor.account.has_role("owner"):
            return
        if "owner" in (account.role, role):
            raise Refusal("forbidden", "Only an owner may do this to an owner.")

    def _require_unlike(self, name: str, display: str, but: str) -> None:
        self._identities.accounts.require_unlike(name, but, "name")
        self._identities.accounts.require_unlike(display, but, "display")


def _registration(rows: Sequence[SettingRow]) -> str:
    """Who may make an account, where `rows` is what has been set."""
    return rows[0].value if rows else ServerSettings().registration


def _set_role(actor: Actor, id_: str, role: Role) -> Transaction[Account]:
    yield from require_unchanged(actor)
    yield from _spare_owners(actor, id_)
    yield from keep_an_owner(id_)
    account = yield from account_now(id_)
    if account.role == role:
        return account
    yield SET_ROLE(id_, role)
    yield from end_invitations(by(actor), END_ALL_FOR_ACCOUNTS_BY(id_))
    if account.has_role("admin") and role not in ("admin", "owner"):
        yield from end_guest_links_by(by(actor), id_)
    account = yield from account_now(id_)
    ended: list[str] = yield END_SESSIONS_BUT(id_, "")  # a session has the rights that it was begun with, or fewer
    for sign_in in ended:
        yield append_to_log(by(actor), SignInChanged("ended", id_, sign_in, "", "role"))
    yield append_to_log(by(actor), AccountChanged("role", account))
    return account


def _change_state(actor: Actor, id_: str, *, is_active: bool) -> Transaction[Account]:
    yield from require_unchanged(actor)
    yield from _spare_owners(actor, id_)
    return (yield from _set_state(actor, id_, is_active=is_active))


def _set_state(actor: Actor, id_: str, *, is_active: bool) -> Transaction[Account]:
    if not is_active:
        yield from keep_an_owner(id_)
        yield END_SIGN_INS_OF(id_)
        yield from end_invitations(by(actor), END_ALL_BY(id_))
        yield from end_guest_links_by(by(actor), id_)
        bots: list[Account] = yield BOTS_OF(id_)
        for bot in bots:
            yield from _set_state(actor, bot.id, is_active=False)
    yield SET_STATE(id_, "active" if is_active else "disabled")
    account = yield from account_now(id_)
    yield append_to_log(by(actor), AccountChanged("state", account))
    return account


def _spare_owners(actor: Actor, id_: str) -> Transaction[None]:
    """Refuse a change of an owner by anybody else, also of somebody who became one a moment ago."""
    if actor.account is None or actor.account.has_role("owner"):
        return
    if (yield from account_now(id_)).role == "owner":
        raise Refusal("forbidden", "Only an owner may do this to an owner.")


def _refused_nowhere(_: str) -> Refusal | None:
    """No address is banned."""
    return None
