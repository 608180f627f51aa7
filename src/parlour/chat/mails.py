"""The outbox: mail is put down in the transaction that causes it, and sent from there (`work/mailing.py`)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from msgspec import json

from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.tables.emails import EMAIL_OF
from parlour.chat.tables.mails import ADD_MAIL, MAILS_FAILED, MAILS_WAITING, REPEAT_FAILED, Mail, Waiting
from parlour.chat.transactions import Transaction
from parlour.core.errors import Refusal

MailKind: TypeAlias = Literal[
    "forgotten",
    "reset",
    "verify",
    "email_taken",
    "email_changed",
    "signed_in",
    "password",
    "linked",
    "factors",
    "invitation",
    "digest",
    "test",
]
"""What a mail is about (`ui/letters.py`). `forgotten` is none yet: who has forgotten a password has to be found out."""

MAX_WAITING = 10_000
"""Mails that wait. Who asks for one more is refused; a notice is left out."""

SHOWN_FAILED = 20

NO_MAIL = "This server sends no mail."


class MailState(NamedTuple):
    """Mail that waits to be sent, and mail that was given up, the newest first."""

    waiting: Waiting
    failed: list[Mail]


class Mails:
    """The outbox as verbs see it; without a mail server it takes nothing."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, *, is_on: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self.is_on = is_on
        self.on_new: Callable[[], None] = _nobody
        """Called when there may be a mail to send."""

    def require(self) -> None:
        """Raises Refusal("not_found") on a server that sends no mail."""
        if not self.is_on:
            raise Refusal("not_found", NO_MAIL)

    def new_id(self) -> str:
        """The id of a new mail."""
        return f"m_{self._ids.token()}"

    def secret_of(self, id_: str) -> str:
        """The secret of the link in a mail, 43 characters of base64url: the same however often it is sent.

        So that it need not stand in the database while the mail waits.
        """
        return _derived(self._store.secret, b"the secret of a link in a mail", id_)

    def message_id_of(self, id_: str) -> str:
        """The first part of the Message-ID (RFC 5322 §3.6.4): it stays, and tells nobody the id of the mail."""
        return _derived(self._store.secret, b"the Message-ID of a mail", id_)[:22]

    def put(
        self, id_: str, kind: MailKind, account: str | None, address: str | None, details: Mapping[str, str]
    ) -> Transaction[None]:
        """Put a mail into the outbox. Raises Refusal("overloaded") if too much waits there."""
        waiting: list[Waiting] = yield MAILS_WAITING()
        if waiting[0].mails >= MAX_WAITING:
            raise Refusal("overloaded", "Too much mail waits to be sent.", retry_after=60)
        yield ADD_MAIL(id_, kind, account, address, json.encode(details).decode(), self._clock.now_ms())

    def notice(
        self, account: str, kind: MailKind, details: Mapping[str, str], address: str | None = None
    ) -> Transaction[None]:
        """Tell somebody of what happened to their account, where there is a way: at their address, or another.

        It is no reason to refuse what happened.
        """
        if not self.is_on:
            return
        if address is None:
            found: list[str] = yield EMAIL_OF(account)
            if not found:
                return
            address = found[0]
        waiting: list[Waiting] = yield MAILS_WAITING()
        if waiting[0].mails < MAX_WAITING:
            details_ = json.encode(details).decode()
            yield ADD_MAIL(self.new_id(), kind, account, address, details_, self._clock.now_ms())

    async def state(self) -> MailState:
        """Mail that waits and mail that failed. Raises Refusal."""
        waiting: list[Waiting] = await self._store.query(MAILS_WAITING())
        return MailState(waiting[0], await self._store.query(MAILS_FAILED(SHOWN_FAILED)))

    async def repeat_failed(self) -> int:
        """Send again what was given up: how many mails that are. Raises Refusal."""
        again = await self._store.run(self._repeat())
        self.on_new()
        return again

    def _repeat(self) -> Transaction[int]:
        return len((yield REPEAT_FAILED(self._clock.now_ms())))


def _derived(secret: bytes, what: bytes, id_: str) -> str:
    key = hmac.digest(secret, what, hashlib.sha256)
    return urlsafe_b64encode(hmac.digest(key, id_.encode(), hashlib.sha256)).rstrip(b"=").decode()


def _nobody() -> None:
    """Nobody sends mail."""
