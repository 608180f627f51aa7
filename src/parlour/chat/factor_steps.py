"""Steps of transactions that second factors share: what was changed of them, and how many an account has."""

from __future__ import annotations

from parlour.chat.account_steps import account_now
from parlour.chat.mails import Mails
from parlour.chat.server_log import append_to_log
from parlour.chat.tables.factors import (
    ADD_CHANGE,
    APP_OF,
    END_APP,
    END_CHANGES,
    END_CODES,
    END_OLD_CHANGES,
    SET_FACTORS,
)
from parlour.chat.tables.passkeys import END_PASSKEYS, PASSKEYS_OF
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.event import Author
from parlour.core.factor_changes import FACTOR_CHANGES
from parlour.core.payloads import AccountChanged


def note_change(mails: Mails | None, id_: str, change: str, at_ms: int, what: str) -> Transaction[None]:
    """Tell an account what was changed of how it signs in (`FACTOR_CHANGES`): by mail, and on its page.

    The page has the last twenty; `change` is an id for this one, and without `mails` there is no mail of it.
    """
    yield ADD_CHANGE(change, id_, at_ms, what)
    yield END_OLD_CHANGES(id_)
    if mails is not None and mails.is_on:
        account = yield from account_now(id_)
        yield from mails.notice(id_, "factors", {"name": account.name, "change": FACTOR_CHANGES[what]})


def count_factors(account: str) -> Transaction[int]:
    """How many second factors an account has."""
    return len((yield APP_OF(account))) + len((yield PASSKEYS_OF(account)))


def factors_changed(author: Author, id_: str) -> Transaction[Account]:
    """The account with as many second factors as it has now; recovery codes end with the last of them."""
    count = yield from count_factors(id_)
    yield SET_FACTORS(id_, count)
    if not count:
        yield END_CODES(id_)
    account = yield from account_now(id_)
    yield append_to_log(author, AccountChanged("factors", account))
    return account


def end_factors(id_: str) -> Transaction[None]:
    """End all second factors of an account."""
    yield END_APP(id_)
    yield END_PASSKEYS(id_)
    yield END_CODES(id_)


def forget_factors(id_: str) -> Transaction[None]:
    """End all that there is of how an account signs in, when the account ends."""
    yield from end_factors(id_)
    yield END_CHANGES(id_)
