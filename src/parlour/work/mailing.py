"""Sends the mail in the outbox: each at least once, under one Message-ID, and again later where it fails for now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from msgspec import json

from parlour.chat.digests import Digests
from parlour.chat.emails import Emails
from parlour.chat.mails import Mails
from parlour.chat.ports import Clock, Store
from parlour.chat.tables.emails import EMAIL_LINK
from parlour.chat.tables.invitations import INVITATION
from parlour.chat.tables.mails import (
    DELAY_MAIL,
    END_MAIL,
    FAIL_MAIL,
    FORGET_FAILED,
    MAILS_DUE,
    NEXT_DUE,
    Mail,
)
from parlour.chat.transactions import Transaction
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.secret import digest
from parlour.log import event
from parlour.ui.letters import LETTERS, letter

AT_ONCE = 20
"""Mails that are sent over one connection."""

RETRY_S = (60, 300, 900, 1800, 3600, 7200, 14400, 28800)
"""Before each retry of a mail: it is given up after some 15 hours."""

LOOK_EVERY_S = 5.0
"""How often what other nodes put into the outbox is looked for."""

KEPT_MS = 7 * DAY_MS
"""How long a mail that was given up is kept, for whoever runs the server to see."""

_log = logging.getLogger("parlour.mail")


class Undelivered(Exception):
    """A mail was not taken. `is_for_good`: it will not be, however often it is sent. The text names no address."""

    def __init__(self, why: str, *, is_for_good: bool = False) -> None:
        super().__init__(why)
        self.is_for_good = is_for_good


class Line(Protocol):
    """A connection to the mail server."""

    async def send(self, message: EmailMessage, address: str) -> None:
        """Hand over a mail for one address. Raises Undelivered."""

    async def close(self) -> None:
        """End the connection."""


class Post(Protocol):
    """The sender of mail. Implemented by `work/smtp.py`."""

    async def open(self) -> Line:
        """Connect. Raises Undelivered."""


class From(NamedTuple):
    """The sender of mail: a name for people, and the address. Raises ValueError in `read` for what is none."""

    name: str
    address: Address

    @classmethod
    def read(cls, text: str) -> From:
        """From `Example Chat <chat@example.org>`, or the address alone."""
        name, address = parseaddr(text)
        return cls(name, Address(name, addr_spec=address))


class Mailing:
    """Works on the one node that leads in it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        mails: Mails,
        emails: Emails,
        digests: Digests,
        post: Post,
        base_url: str,
        sender: From,
        *,
        retry_s: tuple[int, ...] = RETRY_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`base_url` is where people reach the server: links are never made from what a request says of it."""
        self._store = store
        self._clock = clock
        self._mails = mails
        self._emails = emails
        self._digests = digests
        self._post = post
        self._base_url = base_url
        self._sender = sender
        self._retry_s = retry_s
        self._look_every_s = look_every_s
        self._is_new = asyncio.Event()
        mails.on_new = self._is_new.set

    async def run(self) -> None:
        """Go on until cancelled. What a full disk refuses is sent later."""
        while True:
            self._is_new.clear()
            try:
                await self._store.lead("mail")
                while await self._digests.make_due():
                    pass
                while await self.round():
                    pass
            except Refusal as refusal:
                _log.warning("mail has to wait: %s", refusal)
                await asyncio.sleep(self._look_every_s)
            await self._wait()

    async def _wait(self) -> None:
        """Wait for something to do."""
        try:
            due: list[int] = await self._store.query(NEXT_DUE())
            until_s = (due[0] - self._clock.now_ms()) / 1000 if due else self._look_every_s
            async with asyncio.timeout(max(0.0, min(until_s, self._look_every_s))):
                await self._is_new.wait()
        except (TimeoutError, Refusal):
            pass

    async def round(self) -> bool:
        """Send what is due, over one connection; whether there may be more. Raises Refusal."""
        now_ms = self._clock.now_ms()
        await self._store.run(_forget(now_ms - KEPT_MS))
        due: list[Mail] = await self._store.query(MAILS_DUE(now_ms, AT_ONCE))
        lines: list[Line] = []  # the one that is open, if one is
        try:
            for found in [await self._found(mail) for mail in due]:
                if found is not None:
                    await self._send(found, lines)
        except Undelivered as unreachable:  # for all that is due: nothing of it was sent but what is gone by now
            for mail in await self._store.query(MAILS_DUE(now_ms, AT_ONCE)):
                await self._undelivered(mail, unreachable)
        finally:
            for line in lines:
                await line.close()
        return len(due) == AT_ONCE

    async def _send(self, mail: Mail, lines: list[Line]) -> None:
        """Send a mail over the line that is open, or a new one. Raises Undelivered if there is none to be had."""
        try:
            message = self._message(mail)
        except ValueError as error:
            return await self._undelivered(mail, Undelivered(f"it cannot be written ({error})", is_for_good=True))
        if not lines:
            lines.append(await self._post.open())
        try:
            await lines[0].send(message, mail.address or "")
        except Undelivered as undelivered:
            await lines.pop().close()  # what it has come to, nobody knows
            await self._undelivered(mail, undelivered)
        else:
            await self._store.run(_end(mail.id))
        return None

    async def _found(self, mail: Mail) -> Mail | None:
        """A mail with its address; None for one that nobody needs: its link has ended, or there is nobody to get it."""
        if mail.kind == "forgotten":
            found: Mail | None = await self._store.run(self._emails.find_out(mail, _details(mail).get("who", "")))
            return found
        if mail.kind in LETTERS and LETTERS[mail.kind].needs_secret:
            hashed = digest(self._mails.secret_of(mail.id))
            statement = EMAIL_LINK if mail.kind == "verify" else INVITATION
            links: list[object] = await self._store.query(statement(hashed))  # type: ignore[arg-type]
            if not links or getattr(links[0], "expires_ms", 0) <= self._clock.now_ms():
                await self._store.run(_end(mail.id))
                return None
        return mail

    def _message(self, mail: Mail) -> EmailMessage:
        """The mail as it is sent. What would break a header is refused by the policy (RFC 5322 §2.2)."""
        details = _details(mail)
        if mail.kind == "reset" and mail.account is not None:
            details["name"] = self._emails.name_of(mail.account)
        end = ""
        if mail.kind == "digest" and mail.account is not None:
            details["end"] = end = f"{self._base_url}/account/digest/{self._digests.secret_of(mail.account)}"
        words = letter(mail.kind, details, self._base_url, self._mails.secret_of(mail.id))
        message = EmailMessage(policy=SMTP)
        message["Subject"] = words.subject
        message["From"] = self._sender.address
        message["To"] = Address(addr_spec=mail.address or "")
        message["Date"] = format_datetime(datetime.fromtimestamp(mail.made_ms // 1000, UTC))
        host = urlsplit(self._base_url).hostname
        message["Message-ID"] = f"<{self._mails.message_id_of(mail.id)}@{host}>"
        if end:
            message["List-Unsubscribe"] = f"<{end}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody's holiday answers it
        message.set_content(words.text)
        message.add_alternative(words.html, subtype="html")
        return message

    async def _undelivered(self, mail: Mail, undelivered: Undelivered) -> None:
        """Put a mail off, or give it up, and say so."""
        now_ms, attempts = self._clock.now_ms(), mail.attempts + 1
        is_over = undelivered.is_for_good or attempts > len(self._retry_s)
        if is_over:
            await self._store.run(_fail(mail.id, attempts, now_ms, str(undelivered)))
        else:
            due_ms = now_ms + self._retry_s[attempts - 1] * 1000
            await self._store.run(_delay(mail.id, attempts, due_ms, str(undelivered)))
        what = "mail_given_up" if is_over else "mail_delayed"
        event(_log, what, logging.WARNING, kind=mail.kind, attempts=attempts, why=str(undelivered))


def _details(mail: Mail) -> dict[str, str]:
    details: Mapping[str, str] = json.decode(mail.details, type=dict[str, str])
    return dict(details)


def _end(id_: str) -> Transaction[None]:
    yield END_MAIL(id_)


def _fail(id_: str, attempts: int, now_ms: int, why: str) -> Transaction[None]:
    yield FAIL_MAIL(id_, attempts, now_ms, why)


def _delay(id_: str, attempts: int, due_ms: int, why: str) -> Transaction[None]:
    yield DELAY_MAIL(id_, attempts, due_ms, why)


def _forget(until_ms: int) -> Transaction[None]:
    yield FORGET_FAILED(until_ms)
