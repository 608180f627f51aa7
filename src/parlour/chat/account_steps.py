"""Steps that the verbs of accounts share: an account as it is now, a new password, and that an owner remains."""

from __future__ import annotations

from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.accounts import ACCOUNT, OWNERS, SET_PASSWORD, WHO_HAS_HAD
from parlour.chat.tables.sign_ins import END_SESSIONS_BUT
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account, skeleton
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.payloads import AccountChanged, SignInChanged


def account_now(id_: str) -> Transaction[Account]:
    """The account as it is now. Raises Refusal("not_found") for one that is deleted or was never there."""
    rows: list[Account] = yield ACCOUNT(id_)
    if not rows or rows[0].state == "deleted":
        raise Refusal("not_found", "There is no such account.")
    return rows[0]


def free_look(name: str, account: str, field: str) -> Transaction[str]:
    """The skeleton that names confusable with one of the account share; only the account is called or shown by it.

    Raises Refusal("name_taken").
    """
    look = skeleton(name)
    holders: list[str] = yield WHO_HAS_HAD(look)
    if any(holder != account for holder in holders):
        raise Refusal("name_taken", field=field)
    return look


def set_password(actor: Actor, id_: str, hashed: str, but: str) -> Transaction[Account]:
    """Set a new password; all sessions end but the one with the id `but`."""
    yield SET_PASSWORD(id_, hashed)
    account = yield from account_now(id_)
    ended: list[str] = yield END_SESSIONS_BUT(id_, but)
    for sign_in in ended:
        yield append_to_log(by(actor), SignInChanged("ended", id_, sign_in, "", "password"))
    yield append_to_log(by(actor), AccountChanged("password", account))
    return account


def keep_an_owner(id_: str) -> Transaction[None]:
    """Raises Refusal("forbidden") if this account is the last owner of the server."""
    owners: list[Account] = yield OWNERS()
    if [owner.id for owner in owners] == [id_]:
        raise Refusal("forbidden", "The last owner stays: make another one first.")
