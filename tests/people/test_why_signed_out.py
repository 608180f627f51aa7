"""Whoever is signed out is told why, where something is open by what has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from parlour.chat.identities import IDLE_MS
from parlour.chat.sign_ins import MAX_SESSIONS
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.payloads import SignInChanged
from parlour.core.sign_outs import DELETED, DISABLED, SIGNED_OUT
from parlour.work.expiry import Expiry
from tests.people.house import PASSWORD, House

NEW_PASSWORD = "another few words of hers"  # noqa: S105


async def _ends_by_hand(house: House, ada: Actor, account: Account) -> None:
    await house.sign_ins.end(ada, account, str(ada.sign_in))


async def _others_end(house: House, _: Actor, account: Account) -> None:
    await house.sign_ins.end_others(await house.signed_in(account))


async def _another_password(house: House, _: Actor, account: Account) -> None:
    await house.accounts.change_password(await house.signed_in(account), PASSWORD, NEW_PASSWORD)


async def _another_role(house: House, _: Actor, account: Account) -> None:
    await house.accounts.set_role(OPERATOR, account, "admin")


async def _too_many(house: House, _: Actor, account: Account) -> None:
    for _number in range(MAX_SESSIONS):
        await house.signed_in(account)


async def _disabled(house: House, _: Actor, account: Account) -> None:
    await house.accounts.set_active(OPERATOR, account, is_active=False)


async def _deleted(house: House, ada: Actor, _: Account) -> None:
    await house.deletions.delete_own(ada, PASSWORD, "keep")


async def _over(house: House, _: Actor, __: Account) -> None:
    house.clock.ms += IDLE_MS - DAY_MS
    for _number in range(3):  # a stream keeps it in use
        await _expire(house)
        house.clock.ms += IDLE_MS - DAY_MS


async def _expire(house: House) -> None:
    expiry = Expiry(house.store, house.identities, house.clock)
    while await expiry.round() == 0.0:
        pass


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (_ends_by_hand, SIGNED_OUT["by_hand"]),
        (_others_end, SIGNED_OUT["by_hand"]),
        (_another_password, SIGNED_OUT["password"]),
        (_another_role, SIGNED_OUT["role"]),
        (_too_many, SIGNED_OUT["too_many"]),
        (_disabled, DISABLED),
        (_deleted, DELETED),
        (_over, SIGNED_OUT["over"]),
    ],
)
async def test_what_ends_says_why(
    house: House, end: Callable[[House, Actor, Account], Awaitable[None]], said: str
) -> None:
    await house.person("olga", "owner")
    account = await house.person("ada")
    ada, ended, late = await house.signed_in(account), list[Refusal](), list[Refusal]()
    house.identities.watch(ada, ended.append)
    await end(house, ada, account)
    await _expire(house)
    assert [(refusal.code, refusal.detail) for refusal in ended] == [("login_required", said)]
    house.identities.watch(ada, late.append)  # a stream that was being opened meanwhile
    await asyncio.sleep(0)
    assert [refusal.detail for refusal in late] == [said]


async def test_a_session_that_nobody_used_and_a_token_at_its_end_are_told_apart(house: House) -> None:
    account = await house.person("ada")
    ada = await house.signed_in(account)
    await house.token(ada, "read")
    await house.token(ada, "post")
    house.clock.ms += IDLE_MS
    await _expire(house)
    house.clock.ms += 90 * DAY_MS
    await _expire(house)
    ended = [each.why for each in house.log if isinstance(each, SignInChanged) and each.what == "ended"]
    assert ended == ["idle", "over", "over"]
