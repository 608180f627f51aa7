"""The verbs of blocking: an account takes no messages of another one, and is not added to rooms by it."""

from __future__ import annotations

from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.blocks import ADD_BLOCK, ALL_BLOCKS, BLOCKS_BETWEEN, BLOCKS_BY, END_BLOCK, Block
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.direct import people_of
from parlour.core.errors import Refusal
from parlour.core.payloads import AccountChanged, BlockChanged, Payload

MAX_BLOCKS = 1000
"""By one account."""


class Blocks:
    """Blocks between accounts: whoever is blocked cannot write to them. All methods are called on the event loop."""

    def __init__(self, store: Store, clock: Clock, policies: Policies, identities: Identities) -> None:
        """`load` is to be called before anybody asks."""
        self._store = store
        self._clock = clock
        self._policies = policies
        self._identities = identities
        self._blocked: dict[str, set[str]] = {}  # by the id of who has blocked them

    async def load(self) -> None:
        """Read all of them. Raises Refusal."""
        for block in await self._store.query(ALL_BLOCKS()):
            self._blocked.setdefault(block.blocker, set()).add(block.blocked)

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says."""
        if isinstance(payload, BlockChanged):
            blocked = self._blocked.setdefault(payload.account, set())
            if payload.what == "made":
                blocked.add(payload.blocked)
            else:
                blocked.discard(payload.blocked)
            if not blocked:
                del self._blocked[payload.account]
        elif isinstance(payload, AccountChanged) and payload.what == "deleted":
            self._blocked.pop(payload.account.id, None)
            for blocker, others in list(self._blocked.items()):
                others.discard(payload.account.id)
                if not others:
                    del self._blocked[blocker]

    def is_blocked(self, account: str, *, by: str) -> bool:
        """Whether the account with the id `by` takes no messages of another one; a bot is as blocked as its owner."""
        if not self._blocked:
            return False
        blockers, accounts = self._people(by), self._people(account)
        return any(not accounts.isdisjoint(self._blocked.get(blocker, ())) for blocker in blockers)

    def has_blocked(self, account: str, other: str) -> bool:
        """Whether the account itself has blocked the other one itself, as its list of blocks says."""
        return other in self._blocked.get(account, ())

    def _people(self, id_: str) -> frozenset[str]:
        account = self._identities.accounts.get(id_)
        return frozenset({id_}) if account is None else people_of(account)

    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self._blocked.values()))

    async def all(self, actor: Actor) -> list[Block]:
        """The accounts that the actor has blocked, the newest first. Raises Refusal."""
        return await self._store.query(BLOCKS_BY(self._policies.own_account(actor).id))

    async def block(self, actor: Actor, account: Account) -> None:
        """Take no messages of an account any more. Raises Refusal("bad_parameter") for oneself and one's bots, …"""
        own = self._policies.own_account(actor)
        if own.id in people_of(account):
            raise Refusal("bad_parameter", "Nobody blocks themselves, or a bot of their own.", field="name")
        await self._store.run(_block(actor, own, account, self._clock.now_ms()))

    async def unblock(self, actor: Actor, account: Account) -> None:
        """Take their messages again. Raises Refusal("not_found") for one that is not blocked."""
        own = self._policies.own_account(actor)
        await self._store.run(_unblock(actor, own, account))


def is_blocked_now(account: Account, by: Account) -> Transaction[bool]:
    """The same as `Blocks.is_blocked` at this moment, in a transaction."""
    rows: list[Block] = yield BLOCKS_BETWEEN(by.id, by.owner or by.id, account.id, account.owner or account.id)
    return bool(rows)


def _block(actor: Actor, own: Account, account: Account, now_ms: int) -> Transaction[None]:
    yield from require_unchanged(actor)
    if len((yield BLOCKS_BY(own.id))) >= MAX_BLOCKS:
        raise Refusal("forbidden", f"An account blocks at most {MAX_BLOCKS} others.")
    if (yield ADD_BLOCK(own.id, account.id, now_ms)):
        yield append_to_log(by(actor), BlockChanged("made", own.id, account.id))


def _unblock(actor: Actor, own: Account, account: Account) -> Transaction[None]:
    yield from require_unchanged(actor)
    if not (yield END_BLOCK(own.id, account.id)):
        raise Refusal("not_found", "You have not blocked this account.")
    yield append_to_log(by(actor), BlockChanged("ended", own.id, account.id))
