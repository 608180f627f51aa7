"""The verbs of invitations: links that make accounts, the first owner's too, and links that set a new password."""

from __future__ import annotations

from typing import Literal, NamedTuple

from parlour.chat.guests import author_of
from parlour.chat.identities import Identities
from parlour.chat.mails import Mails
from parlour.chat.members import come_in, require_open_to_new_members
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.room_steps import allowed_policy
from parlour.chat.server_log import append_to_log, by, end_invitations
from parlour.chat.tables.accounts import OWNERS
from parlour.chat.tables.invitations import (
    ADD_INVITATION,
    END_INVITATION,
    END_OWNER_INVITATIONS,
    END_RESETS_OF,
    INVITATION,
    INVITATION_BY_ID,
    INVITATIONS,
    USE_INVITATION,
    Invitation,
)
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.accounts import MAX_INVITATION_DAYS, MAX_INVITATION_USES, Account, Role
from parlour.core.actor import Actor
from parlour.core.durations import DAY_MS, HOUR_MS
from parlour.core.email_address import EmailAddress, email_address, masked
from parlour.core.errors import Refusal
from parlour.core.event import Author, Log
from parlour.core.names import room_name
from parlour.core.payloads import InvitationChanged
from parlour.core.permissions import Rule, held
from parlour.core.policy import Policy
from parlour.core.secret import digest

OWNER_MS = HOUR_MS
RESET_MS = DAY_MS
FIRST_OWNER = "i_first_owner"
"""The id of the invitation in the link that the start prints."""

LINK_GONE = "It was used, was ended, or is too old: ask for another one."
"""What a person does about a link that does not work any more."""


class NewInvitation(NamedTuple):
    """An invitation, and the secret that its link contains: it is shown once."""

    invitation: Invitation
    secret: str


class FirstOwner(NamedTuple):
    """The link of the first owner."""

    secret: str
    end_ms: int


class Invitations:
    """Makes, lists and ends invitations."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, policies: Policies, identities: Identities, mails: Mails
    ) -> None:
        self._identities = identities
        self._mails = mails
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._first = ("", 0)  # the hash of the first owner's link, and when it ends

    def first_owner(self, shared: FirstOwner | None = None) -> str:
        """The secret of a link for the first owner, for an hour. It is in memory only: the next start makes another.

        Nodes that people take for one server are given the same one, `shared`.
        """
        secret, end_ms = shared or FirstOwner(self._ids.secret(), self._clock.now_ms() + OWNER_MS)
        self._first = (digest(secret), end_ms)
        return secret

    async def make(
        self, actor: Actor, role: Role | Literal["none"], uses: int, days: int, room: str | None = None
    ) -> NewInvitation:
        """Make a link by which `uses` people make an account with a role, and join a room if one is given.

        With the role `none` it is for those who have an account. Raises Refusal, ("read_only") for an archived room.
        """
        if room is not None:
            room = room_name(room)
            self._policies.require(actor, "moderate", room)
        if role != "none" or room is None:
            self._policies.require(actor, "administer", None)
        if role == "owner":
            _require_owner(actor)
        if role in ("admin", "owner"):
            self._identities.require_recent(actor)
        if not 1 <= uses <= MAX_INVITATION_USES:
            raise Refusal("bad_parameter", f"An invitation is for 1 to {MAX_INVITATION_USES} people.", field="uses")
        if not 1 <= days <= MAX_INVITATION_DAYS:
            raise Refusal("bad_parameter", f"An invitation lasts 1 to {MAX_INVITATION_DAYS} days.", field="days")
        rule = None if room is None else self._policies.rule(actor, "moderate")
        return await self._store.run(self._make(actor, role, None, uses, days * DAY_MS, room, rule))

    async def send(self, actor: Actor, role: Role, days: int, email: str) -> Invitation:
        """Send somebody a link by which they make an account with a role; nobody is shown it.

        Raises Refusal("bad_email"), ("not_found") without a mail server, and as `make`; ("forbidden") for an owner.
        """
        self._mails.require()
        self._policies.require(actor, "administer", None)
        if role == "owner":
            raise Refusal("forbidden", "The link that makes an owner is handed over, and not sent by mail.")
        if role == "admin":
            self._identities.require_recent(actor)
        wanted = email_address(email)
        if not 1 <= days <= MAX_INVITATION_DAYS:
            raise Refusal("bad_parameter", f"An invitation lasts 1 to {MAX_INVITATION_DAYS} days.", field="days")
        sent = await self._store.run(self._send(actor, role, days, wanted))
        self._mails.on_new()
        return sent

    def _send(self, actor: Actor, role: Role, days: int, address: EmailAddress) -> Transaction[Invitation]:
        id_ = self._mails.new_id()
        secret, sent_to = self._mails.secret_of(id_), masked(address.address)
        made = yield from self._make(actor, role, None, 1, days * DAY_MS, secret=secret, sent_to=sent_to)
        by_whom = "Somebody who runs it" if actor.account is None else actor.account.display
        details = {"by": by_whom, "days": "a day" if days == 1 else f"{days} days"}
        yield from self._mails.put(id_, "invitation", None, address.address, details)
        return made.invitation

    async def for_owner(self, actor: Actor) -> NewInvitation:
        """A link for an owner, of one use, that works for an hour; an earlier one ends. Raises Refusal."""
        self._policies.require(actor, "administer", None)
        _require_owner(actor)
        self._identities.require_recent(actor)
        return await self._store.run(self._for_owner(actor))

    async def reset(self, actor: Actor, account: Account) -> NewInvitation:
        """A link by which somebody sets a new password, of one use, for a day; an earlier one ends. Raises Refusal."""
        self._policies.require(actor, "administer", None)
        if account.role == "owner" and not (actor.account is None or actor.account.has_role("owner")):
            raise Refusal("forbidden", "Only an owner resets an owner.")
        if account.kind != "member" or account.state != "active":
            raise Refusal("bad_parameter", "This account has no password.", field="name")
        self._identities.require_recent(actor)
        return await self._store.run(self._reset(actor, account))

    async def find(self, secret: str) -> Invitation:
        """The invitation of a link. Raises Refusal("link_gone") if it does not work (any more)."""
        hashed, now_ms = digest(secret), self._clock.now_ms()
        if hashed == self._first[0] and now_ms < self._first[1] and not await self._store.query(OWNERS()):
            return Invitation(FIRST_OWNER, None, None, "owner", 1, now_ms, self._first[1])
        rows = await self._store.query(INVITATION(hashed))
        if not rows or rows[0].uses_left < 1 or rows[0].expires_ms <= now_ms:
            raise Refusal("link_gone", LINK_GONE)
        return rows[0]

    async def all(self, actor: Actor, room: str | None = None) -> list[Invitation]:
        """All that can still be used, or those to a room, the newest first. Raises Refusal."""
        if room is None:
            self._policies.require(actor, "administer", None)
        else:
            self._policies.require(actor, "moderate", room)
        rows = await self._store.query(INVITATIONS(self._clock.now_ms()))
        return [row for row in rows if row.uses_left > 0 and room in (None, row.room)]

    async def accept(self, actor: Actor, secret: str) -> str:
        """Join the room that a link leads to, with the account that one has. Returns the room.

        Raises Refusal("link_gone"), ("read_only") for a room that was archived, ("login_required"), ("banned").
        """
        if actor.account is None:
            raise Refusal("login_required", "Sign in first.")
        self._policies.require(actor, "read", None)
        invitation = await self.find(secret)
        if invitation.room is None:
            raise Refusal("link_gone", LINK_GONE)
        policy = await self._store.run(self._accept(actor, actor.account, digest(secret)))
        self._policies.learn(invitation.room, policy)
        return invitation.room

    def _accept(self, actor: Actor, account: Account, hashed: str) -> Transaction[Policy]:
        yield from require_unchanged(actor)
        return (yield from self.use_for_room(hashed, account))

    def use_for_room(self, hashed: str, account: Account) -> Transaction[Policy]:
        """Use a link for a room; a member stays what it is, and uses nothing up."""
        found: list[Invitation] = yield INVITATION(hashed)
        room = found[0].room if found else None
        if room is None:
            raise Refusal("link_gone", LINK_GONE)
        log: Log = yield FindLog(room)
        if account.id in log.policy.members:
            return log.policy
        self._require_not_banned(account, log.policy)
        yield from use_invitation(hashed, self._clock.now_ms(), author_of(account))
        return (yield from come_in(account, room, log.policy))

    def _require_not_banned(self, account: Account, policy: Policy) -> None:
        """A link lets nobody come back who was banned from its room. Raises Refusal("banned")."""
        for id_ in (account.id, account.owner):
            found = None if id_ is None else policy.restrictions.get(id_)
            refusal = None if found is None else held(found, "read", self._clock.now_ms())
            if refusal is not None:
                raise refusal

    async def end(self, actor: Actor, id_: str) -> None:
        """End one at once; one to a room by its moderators too. Raises Refusal("not_found") if there is none."""
        rows = await self._store.query(INVITATION_BY_ID(id_))
        room = rows[0].room if rows else None
        if room is None or not self._policies.may(actor, "moderate", room):
            self._policies.require(actor, "administer", None)
        await self._store.run(_end(actor, id_))

    def _make(
        self,
        actor: Actor,
        role: Role | Literal["none"],
        account: str | None,
        uses: int,
        lasts_ms: int,
        room: str | None = None,
        rule: Rule | None = None,
        secret: str | None = None,
        sent_to: str = "",
    ) -> Transaction[NewInvitation]:
        yield from require_unchanged(actor)
        if room is not None and rule is not None:
            require_open_to_new_members((yield from allowed_policy(actor, room, rule)))
        secret, id_, now_ms = secret or self._ids.secret(), f"i_{self._ids.token()}", self._clock.now_ms()
        maker = None if actor.account is None else actor.account.id
        made = Invitation(id_, maker, account, role, uses, now_ms, now_ms + lasts_ms, room, sent_to)
        yield ADD_INVITATION(digest(secret), id_, maker, account, role, uses, now_ms, made.expires_ms, room, sent_to)
        yield append_to_log(by(actor), InvitationChanged("made", id_, role, room, account))
        return NewInvitation(made, secret)

    def _for_owner(self, actor: Actor) -> Transaction[NewInvitation]:
        yield from end_invitations(by(actor), END_OWNER_INVITATIONS())
        return (yield from self._make(actor, "owner", None, 1, OWNER_MS))

    def _reset(self, actor: Actor, account: Account) -> Transaction[NewInvitation]:
        yield from end_invitations(by(actor), END_RESETS_OF(account.id))
        return (yield from self._make(actor, account.role, account.id, 1, RESET_MS))


def use_invitation(hashed: str, now_ms: int, by: Author) -> Transaction[Invitation]:
    """Use an invitation once, and say so. Raises Refusal("link_gone") if it does not work (any more)."""
    used: list[Invitation] = yield USE_INVITATION(hashed, now_ms)
    if not used:
        raise Refusal("link_gone", LINK_GONE)
    link = used[0]
    yield append_to_log(by, InvitationChanged("used", link.id, link.role, link.room, link.account))
    return link


def _require_owner(actor: Actor) -> None:
    """Only an owner, or whoever has the machine, makes an owner. Raises Refusal("forbidden")."""
    if actor.account is not None and not actor.account.has_role("owner"):
        raise Refusal("forbidden", "Only an owner makes another owner.")


def _end(actor: Actor, id_: str) -> Transaction[None]:
    yield from require_unchanged(actor)
    ended: list[str] = yield END_INVITATION(id_)
    if not ended:
        raise Refusal("not_found", "There is no such invitation.")
    yield append_to_log(by(actor), InvitationChanged("ended", id_, ""))
