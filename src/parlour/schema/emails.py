"""E-mail addresses, and the mail that waits to be sent, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from parlour.core.email_address import MAX_ADDRESS_CHARS
from parlour.schema.fields import Time

Email = Annotated[
    str,
    Meta(
        description="An e-mail address: before the `@` ASCII letters, digits and signs, behind it a domain of any "
        "script with a dot in it.",
        examples=["ada@example.org"],
        extra_json_schema={"minLength": 6, "maxLength": MAX_ADDRESS_CHARS, "pattern": r"^[^\s@]+@[^\s@]+\.[^\s@]+$"},
    ),
]


class EmailInfo(msgspec.Struct, frozen=True):
    """The e-mail address of an account, and one that waits for the link that was sent to it; null for none.

    `digest` is whether what is unread comes by mail.
    """

    email: str | None
    waiting: str | None
    digest: Literal["none", "daily"]


class DigestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether what is unread shall come by mail once a day."""

    digest: Literal["none", "daily"]


class EmailBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address that an account shall have."""

    email: Email


class ForgottenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account whose password is forgotten: by its name, or its e-mail address."""

    who: Annotated[str, Meta(extra_json_schema={"pattern": r"^[^\u0000]*$"})]


class FailedMail(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mail that was given up. `account` is the name of whose it is about, `domain` where it was to go."""

    kind: str
    failed: Time
    attempts: int
    why: str
    domain: str
    account: str | None = None


class MailInfo(msgspec.Struct, frozen=True):
    """The mail that waits to be sent: how many, since when the oldest does, and why the one that was tried last did not
    get out, or nothing; and what was given up lately.
    """

    waiting: int
    oldest: Time | None
    failed: Sequence[FailedMail]
    why: str = ""
