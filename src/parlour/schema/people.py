"""Accounts, sessions, tokens and invitations as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from parlour.core.accounts import Role, Scope, State
from parlour.schema.fields import Time


class AccountInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account. `owner` is the id of the one whose bot it is."""

    id: str
    name: str
    display: str
    kind: Literal["member", "bot"]
    role: Role
    state: State
    owner: str | None = None


class AccountList(msgspec.Struct, frozen=True):
    """All accounts, by name."""

    accounts: Sequence[AccountInfo]


class Me(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asks. A guest has no `account`; `scopes` are those of the token that asks."""

    kind: Literal["guest", "member", "bot", "system"]
    account: AccountInfo | None = None
    scopes: Sequence[Scope] | None = None


class SignInInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session or a token. `used` is at most five minutes behind; a token that was never used has none.

    `is_this` is the one that asks. `secret` is there once, in the answer to the request that made a token.
    """

    id: str
    kind: Literal["session", "token"]
    label: str
    made: Time
    expires: Time
    used: Time | None = None
    scopes: Sequence[Scope] | None = None
    is_this: bool = False
    secret: str | None = None


class SignInList(msgspec.Struct, frozen=True):
    """Sessions and tokens, the newest first."""

    sign_ins: Sequence[SignInInfo]


class InvitationInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An invitation. `url` is its link; it is there once, in the answer to the request that made it."""

    id: str
    role: Role
    uses_left: int
    made: Time
    expires: Time
    url: str | None = None


class InvitationList(msgspec.Struct, frozen=True):
    """Invitations that can be used, the newest first."""

    invitations: Sequence[InvitationInfo]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What clients send."""


class SignInBody(_Body, frozen=True):
    """Name and password of an account."""

    name: str
    password: str


class RegisterBody(_Body, frozen=True):
    """A new account: the secret at the end of the invitation's link, a name, a password, and how one is shown."""

    invitation: str
    name: str
    password: str
    display: str = ""


class ResetBody(_Body, frozen=True):
    """A new password: the secret at the end of the link, and the password."""

    link: str
    password: str


class ChangeMe(_Body, frozen=True):
    """What is to be changed about one's own account. A new `password` needs the `old_password`."""

    name: str | None = None
    display: str | None = None
    password: str | None = None
    old_password: str | None = None


class ChangeAccount(_Body, frozen=True):
    """What is to be changed about an account. `disabled` ends all its sessions, tokens and streams."""

    role: Role | None = None
    state: Literal["active", "disabled"] | None = None


class TokenBody(_Body, frozen=True):
    """A new token. `account` is the name of a bot of one's own; without it the token is for oneself."""

    label: str
    scopes: Sequence[Scope]
    days: int = 90
    account: str | None = None


class InvitationBody(_Body, frozen=True):
    """A new invitation: the role that it gives, how many can use it, and for how many days."""

    role: Role = "member"
    uses: int = 1
    days: int = 7


class BotBody(_Body, frozen=True):
    """A new bot of one's own."""

    name: str
    display: str = ""
