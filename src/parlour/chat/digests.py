"""The digest: once a day a mail that says in which rooms something is unread, for those who want it."""

from __future__ import annotations

from typing import Literal

from parlour.chat.directs import Directs
from parlour.chat.identities import Identities
from parlour.chat.inbox import Inbox
from parlour.chat.mails import Mails
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Store, Unread
from parlour.chat.recheck import require_unchanged
from parlour.chat.signed_values import SignedValues
from parlour.chat.tables.emails import DIGEST_OF, DIGESTS_DUE, SET_DIGEST
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.event import text_ms

Wanted = Literal["none", "daily"]

AT_ONCE = 20
SHOWN_ROOMS = 20

_FOR_EVER_MS = 1 << 52
"""The end of a link that ends what is not wanted: mail is read late."""


class Digests:
    """Turns digests on and off, and makes those that are due."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policies: Policies,
        identities: Identities,
        directs: Directs,
        inbox: Inbox,
        mails: Mails,
    ) -> None:
        self._store = store
        self._clock = clock
        self._policies = policies
        self._identities = identities
        self._directs = directs
        self._inbox = inbox
        self._mails = mails
        self._links = SignedValues(store.secret, "a link that ends the digest")

    async def of(self, account: Account) -> Wanted:
        """Whether an account wants one. Raises Refusal."""
        return "daily" if await self._store.query(DIGEST_OF(account.id)) else "none"

    async def want(self, actor: Actor, wanted: Wanted) -> None:
        """Turn it on or off. Raises Refusal("bad_email") for an account without an e-mail address."""
        account = self._policies.own_account(actor)
        if wanted == "daily":
            self._mails.require()
        await self._store.run(self._want(actor, account, wanted))

    def _want(self, actor: Actor, account: Account, wanted: Wanted) -> Transaction[None]:
        yield from require_unchanged(actor)
        due_ms = self._clock.now_ms() + DAY_MS if wanted == "daily" else None
        if not (yield SET_DIGEST(account.id, due_ms)) and wanted == "daily":
            raise Refusal("bad_email", "Give yourself an e-mail address first.", field="digest")

    def secret_of(self, account: str) -> str:
        """The end of the address that ends the digest of an account, which stands in each of them (RFC 8058)."""
        return self._links.sign(account, _FOR_EVER_MS)

    def account_of(self, secret: str) -> Account:
        """The account whose digest a link ends. Raises Refusal("link_gone")."""
        account = self._identities.accounts.get(self._links.read(secret, self._clock.now_ms()) or "")
        if account is None or account.state == "deleted":
            raise Refusal("link_gone", "It is not whole: copy all of it.")
        return account

    async def end(self, secret: str) -> None:
        """End the digest of whoever has the link, signed in or not: it does nothing else. Raises Refusal."""
        await self._store.run(_end(self.account_of(secret).id))

    async def make_due(self) -> bool:
        """Put the digests that are due into the outbox; whether there may be more. Raises Refusal."""
        now_ms = self._clock.now_ms()
        due: list[str] = await self._store.query(DIGESTS_DUE(now_ms, AT_ONCE))
        for id_ in due:
            account = self._identities.accounts.get(id_)
            lines = [] if account is None or account.state != "active" else await self._lines(account, now_ms)
            await self._store.run(self._make(id_, "" if account is None else account.name, lines, now_ms))
        return len(due) == AT_ONCE

    async def _lines(self, account: Account, now_ms: int) -> list[str]:
        """What is unread, a line a room, if anything of it has come since the digest before."""
        try:
            rows = await self._inbox.rooms(Actor(account.kind, account.id, "password", None, account))
        except Refusal as refusal:
            if refusal.code in ("forbidden", "login_required", "second_factor_required"):
                return []  # they may not read anything now
            raise
        unread = [row for row in rows if row.unread and row.level != "nothing"]
        unread = [row for row in unread if not self._policies.of(row.room).is_archived]
        if not any(text_ms(row.active_at) > now_ms - DAY_MS for row in unread):
            return []
        lines = [self._line(account, row) for row in unread[:SHOWN_ROOMS]]
        more = len(unread) - SHOWN_ROOMS
        return [*lines, f"and in {more} more"] if more > 0 else lines

    def _line(self, account: Account, row: Unread) -> str:
        policy = self._policies.of(row.room)
        name = policy.title or f"/{row.room}"
        if policy.access == "direct":
            name = self._directs.title(account.id, row.room)
        mentions = f", {row.mentions} of them for you" if row.mentions else ""
        return f"{name}: {row.unread}{mentions}"

    def _make(self, id_: str, name: str, lines: list[str], now_ms: int) -> Transaction[None]:
        yield SET_DIGEST(id_, now_ms + DAY_MS)
        if lines:
            details = {"name": name, "lines": "\n".join(lines)}
            yield from self._mails.notice(id_, "digest", details)


def _end(id_: str) -> Transaction[None]:
    yield SET_DIGEST(id_, None)
