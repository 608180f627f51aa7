"""Changes that people make to their own accounts: how they are shown, their name, their password."""

from __future__ import annotations

from typing import Literal, NamedTuple

from parlour.chat.account_steps import account_now, free_look, set_password
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.accounts import (
    ADD_FORMER_NAME,
    DROP_FORMER_NAME,
    FORMER_NAMES_OF,
    PASSWORD_OF,
    SET_NAME,
    SET_PROFILE,
)
from parlour.chat.time_zones import time_zone_name
from parlour.chat.transactions import Transaction
from parlour.core.accounts import HUES, MAX_FORMER_NAMES, MAX_STATUS_CHARS, Account, account_name, skeleton
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.languages import language_tag
from parlour.core.names import display_name, line
from parlour.core.payloads import AccountChanged


class ProfileChange(NamedTuple):
    """Changes of an account; None leaves a value as it is.

    The hue is `kept` then, and `chance` is the colour that comes from the id.
    """

    name: str | None = None
    display: str | None = None
    status: str | None = None
    time_zone: str | None = None
    language: str | None = None
    hue: int | Literal["chance", "kept"] = "kept"
    hidden: bool | None = None

    def checked(self) -> ProfileChange:
        """The same as it is kept. Raises Refusal("bad_name"), ("reserved_name"), ("bad_text"), ("bad_parameter")."""
        if isinstance(self.hue, int) and not 0 <= self.hue < HUES:
            raise Refusal("bad_parameter", f"A colour is a number from 0 to {HUES - 1}.", field="hue")
        return ProfileChange(
            name=None if self.name is None else account_name(self.name),
            display=None if self.display is None else account_display(self.display),
            status=None if self.status is None else line(self.status, MAX_STATUS_CHARS, "status"),
            time_zone=None if self.time_zone is None else time_zone_name(self.time_zone),
            language=None if self.language is None else language_tag(self.language),
            hue=self.hue,
            hidden=self.hidden,
        )


def account_display(raw: str) -> str:
    """How an account is shown, checked as `display_name` does it. Raises Refusal at the field `display`."""
    try:
        return display_name(raw)
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.detail, field="display") from None


def change_account(
    actor: Actor, id_: str, change: ProfileChange, before: str | None = None, hashed: str | None = None
) -> Transaction[Account]:
    """Change an account in one go; with `hashed` it has that password, and all sessions end but the one that asks.

    `change` was checked, and so was the password whose hash is `before`. What is so already is no event. Raises
    Refusal("name_taken"), ("forbidden"), ("bad_credentials").
    """
    yield from require_unchanged(actor)
    account = yield from account_now(id_)
    if hashed is not None:
        if (yield PASSWORD_OF(id_)) != [before]:  # somebody else was faster
            raise Refusal("bad_credentials")
        account = yield from set_password(actor, id_, hashed, actor.sign_in or "")
    if change.name is not None and change.name != account.name:
        account = yield from _rename(actor, account, change.name)
    now = (account.display, account.status, account.time_zone, account.language)
    wanted = (change.display, change.status, change.time_zone, change.language)
    texts = [old if new is None else new for old, new in zip(now, wanted, strict=True)]
    hue = change.hue if isinstance(change.hue, int) else None if change.hue == "chance" else account.hue
    hidden = account.hidden if change.hidden is None else int(change.hidden)
    if (*texts, hue, hidden) != (*now, account.hue, account.hidden):
        look = yield from free_look(texts[0], id_, "display")
        yield SET_PROFILE(id_, texts[0], look, *texts[1:], hue, hidden)
        account = yield from account_now(id_)
        yield append_to_log(by(actor), AccountChanged("profile", account))
    return account


def _rename(actor: Actor, account: Account, name: str) -> Transaction[Account]:
    """Give an account another name. It keeps the one it had: that leads to it, and nobody else gets it."""
    like = yield from free_look(name, account.id, "name")
    former: list[str] = yield FORMER_NAMES_OF(account.id)
    if len(former) >= MAX_FORMER_NAMES and name not in former:
        detail = f"You have had {MAX_FORMER_NAMES} other names, and they stay yours: take one of them."
        raise Refusal("forbidden", detail, field="name")
    yield DROP_FORMER_NAME(name, account.id)
    yield ADD_FORMER_NAME(account.name, skeleton(account.name), account.id)
    yield SET_NAME(account.id, name, like)
    account = yield from account_now(account.id)
    yield append_to_log(by(actor), AccountChanged("name", account))
    return account
