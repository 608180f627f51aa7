"""The verbs of deletion: an account ends with all that it had, its memberships too, and events stop naming it.

docs/decisions/0024-deletion.md says how, and why.
"""

from __future__ import annotations

from collections.abc import Callable

from parlour.chat.account_steps import account_now, keep_an_owner
from parlour.chat.bans import end_bans_of
from parlour.chat.factor_steps import forget_factors
from parlour.chat.guest_link_steps import end_guest_links_by
from parlour.chat.guests import SYSTEM
from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.room_steps import change
from parlour.chat.server_log import append_to_log, by, end_invitations
from parlour.chat.tables.accounts import (
    ACCOUNT,
    ADD_FORMER_NAME,
    BOTS_NOT_DELETED,
    CLEAR_ACCOUNT,
    DROP_FORMER_NAMES,
    PASSWORD_OF,
)
from parlour.chat.tables.blocks import DROP_BLOCKS_OF
from parlour.chat.tables.deletions import ADD_DELETION, DELETIONS, END_DELETION, MOVE_DELETION, Deletion
from parlour.chat.tables.emails import DROP_EMAIL, END_EMAIL_LINKS_OF
from parlour.chat.tables.inbox import DROP_INBOX_SETTINGS, DROP_MENTIONS_OF, DROP_MY_ROOMS
from parlour.chat.tables.invitations import END_INVITATIONS_OF
from parlour.chat.tables.mails import END_MAILS_OF
from parlour.chat.tables.provider_links import END_LINKS_OF
from parlour.chat.tables.sign_ins import END_SIGN_INS_OF
from parlour.chat.transactions import Append, DropBefore, Erase, Erased, FindLog, Redact, Transaction
from parlour.core.accounts import DELETED_NAME, Account, DeletionRule, KeptMessages, erased_name, skeleton
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Author, Draft, Log
from parlour.core.payloads import SERVER_LOG, AccountChanged, AccountDeleted, MemberChanged, log_of_account
from parlour.core.policy import Policy

LEAVES_PER_STEP = 20
"""Rooms that one transaction takes an account out of."""

CHANGES_PER_STEP, LOOKS_PER_STEP, ROOMS_PER_STEP = 100, 2000, 50
"""What one transaction changes, looks at, and goes through: some milliseconds, as messages may wait behind it."""


def always_choose() -> DeletionRule:
    """The rule of a server whose owner has set none."""
    return "choose"


class Deletions:
    """Deletes accounts."""

    def __init__(
        self, store: Store, policies: Policies, identities: Identities, rule: Callable[[], DeletionRule] = always_choose
    ) -> None:
        """`rule` says what people may choose at the moment when it is asked."""
        self._store = store
        self._policies = policies
        self._identities = identities
        self.rule = rule

    def allowed(self, wanted: KeptMessages | None) -> KeptMessages:
        """Check the choice for the messages. Raises Refusal("forbidden") for one that the server does not offer."""
        rule = self.rule()
        if rule == "choose":
            return wanted or "keep"
        if wanted not in (None, rule):
            what = "stay" if rule == "keep" else "are removed"
            raise Refusal("forbidden", f"On this server the messages of a deleted account {what}.", field="messages")
        return rule

    async def delete_own(self, actor: Actor, password: str, messages: KeptMessages | None) -> KeptMessages:
        """Delete one's own account, which needs its password, if it has one: what becomes of its messages.

        Raises Refusal("bad_credentials"), ("forbidden"), …"""
        account = actor.account
        if account is None:
            raise Refusal("login_required", "Sign in first.")
        messages = self.allowed(messages)
        address = actor.address or ""
        hashed = None
        if await self._store.query(PASSWORD_OF(account.id)) == [None]:  # they sign in from elsewhere
            self._identities.require_recent(actor)
        else:
            hashed = await self._identities.password_is(account, password, account.name, address, actor.sign_in)
        await self._delete(actor, account, messages, hashed)
        return messages

    async def delete(self, actor: Actor, account: Account, messages: KeptMessages | None) -> None:
        """Delete somebody's account, as those who run the server may. Raises Refusal("forbidden"), ("not_found")."""
        self._policies.require(actor, "administer", None)
        _require_above(actor, account)
        await self._delete(actor, account, self.allowed(messages))

    async def delete_bot(self, actor: Actor, bot: Account, messages: KeptMessages | None) -> None:
        """Delete a bot of one's own. Raises Refusal("not_found"), ("forbidden"), …"""
        self._policies.require_own_bot(actor, bot)
        await self._delete(actor, bot, self.allowed(messages))

    async def _delete(self, actor: Actor, account: Account, messages: KeptMessages, hashed: str | None = None) -> None:
        for id_ in await self._store.run(_delete(actor, account.id, messages, hashed)):
            await self.end_memberships(id_)

    async def end_memberships(self, id_: str) -> None:
        """Take a deleted account out of its rooms, a few at a time; nobody leaves a direct one. Raises Refusal."""
        while rooms := sorted(self._rooms_to_leave(id_))[:LEAVES_PER_STEP]:
            for room, policy in (await self._store.run(_leave(id_, rooms))).items():
                self._policies.learn(room, policy)

    def _rooms_to_leave(self, id_: str) -> list[str]:
        return [room for room in self._policies.rooms_of(id_) if self._policies.of(room).access != "direct"]

    async def waiting(self) -> list[Deletion]:
        """The accounts that were deleted and may still be named in events. Raises Refusal."""
        return await self._store.query(DELETIONS())


def _delete(actor: Actor, id_: str, messages: KeptMessages, hashed: str | None = None) -> Transaction[list[str]]:
    """End an account and its bots: their ids. With `hashed` it has to have that password still."""
    yield from require_unchanged(actor)
    account = yield from account_now(id_)
    if hashed is not None and (yield PASSWORD_OF(id_)) != [hashed]:
        raise Refusal("bad_credentials")
    _require_above(actor, account)
    yield from keep_an_owner(id_)
    bots: list[Account] = yield BOTS_NOT_DELETED(id_)
    is_own = actor.account is not None and actor.account.id in (id_, account.owner)
    author = Author(account.id, DELETED_NAME, account.kind) if is_own else by(actor)
    for each in (account, *bots):
        yield from _end(author, each, messages)
    return [account.id, *(bot.id for bot in bots)]


def _require_above(actor: Actor, account: Account) -> None:
    if account.role == "owner" and actor.account is not None and not actor.account.has_role("owner"):
        raise Refusal("forbidden", "Only an owner may do this to an owner.")


def _end(author: Author, account: Account, messages: KeptMessages) -> Transaction[None]:
    """End what an account has but its memberships; its names stay taken until no event says them any more."""
    yield END_SIGN_INS_OF(account.id)
    yield from forget_factors(account.id)
    yield from end_bans_of(author, account.id)
    yield from end_invitations(author, END_INVITATIONS_OF(account.id))
    yield DROP_EMAIL(account.id)
    yield END_LINKS_OF(account.id)
    yield END_EMAIL_LINKS_OF(account.id)
    yield END_MAILS_OF(account.id)
    yield from end_guest_links_by(author, account.id)
    yield ADD_FORMER_NAME(account.name, skeleton(account.name), account.id)
    yield ADD_FORMER_NAME(erased_name(account.id), skeleton(account.display), account.id)  # how it was shown
    yield DROP_BLOCKS_OF(account.id)
    yield CLEAR_ACCOUNT(account.id, erased_name(account.id), DELETED_NAME)
    yield from _end_own_log(account.id)
    yield ADD_DELETION(account.id, messages)
    cleared: list[Account] = yield ACCOUNT(account.id)
    yield append_to_log(author, AccountChanged("deleted", cleared[0]))


def _end_own_log(id_: str) -> Transaction[None]:
    """Remove what an account has read and was told of; of its log one tombstone stays."""
    log_name = log_of_account(id_)
    log: Log = yield FindLog(log_name)
    if log.head_seq:
        yield DropBefore(log_name, log.head_seq)
        yield Redact(log_name, log.head_seq)
    for drop in (DROP_MY_ROOMS, DROP_MENTIONS_OF, DROP_INBOX_SETTINGS):
        yield drop(id_)


def _leave(id_: str, rooms: list[str]) -> Transaction[dict[str, Policy]]:
    """Take an account out of rooms; where it was the last owner, somebody else becomes it. The policies from then."""
    left = {}
    account: list[Account] = yield ACCOUNT(id_)
    for room in rooms:
        log: Log = yield FindLog(room)
        policy = log.policy
        if policy.owners() == [id_]:
            heir = yield from _heir(id_, policy)
            if heir is not None:
                policy = yield from change(SYSTEM, room, policy, MemberChanged("role", heir.id, heir.display, "owner"))
        if id_ in policy.members:
            author = Author(id_, DELETED_NAME, account[0].kind)
            policy = yield from change(author, room, policy, MemberChanged("left", id_, DELETED_NAME))
        left[room] = policy
    return left


def _heir(id_: str, policy: Policy) -> Transaction[Account | None]:
    """The person who becomes the owner of a room: the moderator who came first, else the member who did; no bot."""
    others = [
        (member.role != "moderator", member.since, each) for each, member in policy.members.items() if each != id_
    ]
    for _, _, each in sorted(others):
        found: list[Account] = yield ACCOUNT(each)
        if found and found[0].kind == "member" and found[0].state == "active":
            return found[0]
    return None


def erase_some() -> Transaction[bool]:
    """Take the accounts that were deleted out of the next events; gives whether there may be more to do.

    How far it has come is stored together with what it changes: it goes on there after a crash.
    """
    waiting: list[Deletion] = yield DELETIONS()
    if not waiting:
        return False
    position = waiting[0].position  # that of the accounts that are under way, if there are any
    group = [each for each in waiting if each.position == position]
    accounts = {each.account: each.messages for each in group}
    named = {each.account for each in group if each.is_changed}
    looked_at = changed = 0
    for _ in range(ROOMS_PER_STEP):
        found: Erased = yield Erase(accounts, position, CHANGES_PER_STEP - changed)
        if found.position is None:
            for account in accounts:
                yield from _erased(account)
            return True
        position, named = found.position, named | found.accounts
        looked_at, changed = looked_at + found.looked_at, changed + found.changed
        if found.is_end:
            for account in sorted(named - {found.room[1:]} if found.room != SERVER_LOG else ()):
                yield Append(Draft(found.room, SYSTEM, AccountDeleted(account, accounts[account])))
            named = set()
        if looked_at >= LOOKS_PER_STEP or changed >= CHANGES_PER_STEP:
            break
    for account in accounts:
        yield MOVE_DELETION(account, position, int(account in named))
    return True


def _erased(account: str) -> Transaction[None]:
    """No event names an account any more: its names are free."""
    yield END_DELETION(account)
    yield DROP_FORMER_NAMES(account)
    cleared: list[Account] = yield ACCOUNT(account)
    yield append_to_log(SYSTEM, AccountChanged("erased", cleared[0]))
