"""With a second factor no way in is open to a password alone; each code counts once, and guessing costs time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from parlour.chat.factors import SETUP_MS
from parlour.chat.identities import RECENT_MS, Credentials
from parlour.chat.provider_links import Stranger
from parlour.chat.sign_in_throttle import FREE
from parlour.chat.sign_ins import HALF_MS, HalfSignIn, NewSignIn
from parlour.chat.tables.accounts import PASSWORD_OF
from parlour.chat.tables.emails import SET_EMAIL
from parlour.chat.tables.factors import APP_OF, CODES_OF
from parlour.chat.tables.mails import MAILS_DUE
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor, guest
from parlour.core.errors import Refusal
from parlour.core.factor_changes import FACTOR_CHANGES
from parlour.core.payloads import FactorChanged, SignInChanged
from parlour.core.permissions import RIGHTS
from parlour.core.totp import STEP_MS
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.people.phones import Phone, person_with_app, set_up
from tests.support.stores import open_sqlite

Way = Callable[[House, Account, str], Awaitable[object]]


async def _by_a_session(house: House, account: Account, code: str) -> object:
    return await house.sign_ins.sign_in(account.name, PASSWORD, "Firefox", ADDRESS, None, code)


async def _by_two_steps(house: House, account: Account, code: str) -> object:
    half = await house.sign_ins.first_step(account.name, PASSWORD, "Firefox", ADDRESS)
    assert isinstance(half, HalfSignIn)
    if not code:
        raise Refusal("code_required")
    return await house.sign_ins.second_step(half, code, "Firefox", ADDRESS)


async def _with_each_request(house: House, account: Account, code: str) -> object:
    return await house.identities.identify(Credentials("password", PASSWORD, account.name, code), ADDRESS)


async def _again(house: House, account: Account, code: str) -> object:
    actor = await house.signed_in(account)
    return await house.sign_ins.reauthenticate(actor, PASSWORD, code)


WAYS: dict[str, Way] = {
    "a session": _by_a_session,
    "two steps": _by_two_steps,
    "each request": _with_each_request,
    "a password once more": _again,
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_in_is_open_to_a_password_alone(house: House, way: str) -> None:
    account, phone = await person_with_app(house, "alice")
    house.clock.ms += STEP_MS
    await refused("code_required", WAYS[way](house, account, ""))
    await refused("bad_code", WAYS[way](house, account, "000000" if phone.code() != "000000" else "111111"))
    assert await WAYS[way](house, account, phone.code())


async def test_a_mailbox_opens_no_account_that_has_a_second_factor(house: House) -> None:
    """A provider that says whose mailbox it is stands for the password at most; a link made here stands for both."""
    account, _ = await person_with_app(house, "alice")
    await house.store.run(_has_email(account.id))
    stranger = Stranger("https://id.example.org", "1", "Company", "alice@example.org")
    await refused("forbidden", house.provider_links.account_of(stranger))
    await house.provider_links.link(await house.signed_in(account), stranger)
    assert await house.provider_links.account_of(stranger) == account


@pytest.mark.parametrize(("first", "second"), list(pairwise([*WAYS, next(iter(WAYS))])))
async def test_a_code_counts_once(house: House, first: str, second: str) -> None:
    account, phone = await person_with_app(house, "alice")
    await refused("bad_code", WAYS[first](house, account, phone.code()))  # it has set the app up
    code = phone.next_code()
    assert await WAYS[first](house, account, code)
    await refused("bad_code", WAYS[second](house, account, code))
    before = phone.code(-1)
    await refused("bad_code", WAYS[second](house, account, before))
    assert await WAYS[second](house, account, phone.code(1)), "the next one is right a step before its time"


async def test_a_factor_that_is_set_up_while_a_password_is_hashed_is_asked_for(house: House) -> None:
    account = await house.person("alice")
    (hashed,) = await house.store.query(PASSWORD_OF(account.id))
    await set_up(house, await house.signed_in(account))
    await refused("code_required", house.sign_ins.begin(account, "Firefox", hashed))


async def test_of_two_who_send_a_code_at_once_one_gets_in(house: House) -> None:
    account, phone = await person_with_app(house, "alice")
    code = phone.next_code()
    outcomes = await asyncio.gather(*(_by_a_session(house, account, code) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, NewSignIn) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {"bad_code"}


async def test_guessing_codes_is_slowed_down_also_for_who_has_the_password(house: House) -> None:
    account, phone = await person_with_app(house, "alice")
    house.clock.ms += STEP_MS
    wrong = [str(number) * 6 for number in range(8) if str(number) * 6 not in (phone.code(), phone.code(1))]
    for guess in wrong[:FREE]:
        await refused("bad_code", _by_a_session(house, account, guess))
    for way in ("a session", "two steps", "each request"):
        await refused("rate_limited", WAYS[way](house, account, phone.code()))
    house.clock.ms += 2000
    assert await _by_a_session(house, account, phone.code())


async def test_a_recovery_code_lets_in_once(house: House) -> None:
    account, phone = await person_with_app(house, "alice")
    assert len(set(phone.recovery)) == 10
    for way, code in zip(WAYS, phone.recovery, strict=False):
        house.log.clear()
        assert await WAYS[way](house, account, code.upper().replace("-", " "))
        assert FactorChanged("used", account.id, "code") in house.log
        await refused("bad_code", WAYS[way](house, account, code))
    actor = await house.signed_in(account)
    assert (await house.factors.of(actor)).codes == 6
    new = await house.factors.new_codes(actor)
    await refused("bad_code", _by_a_session(house, account, phone.recovery[9]))
    assert await _by_a_session(house, account, new[0])


async def test_the_code_of_somebody_else_lets_nobody_in(house: House) -> None:
    alice, _ = await person_with_app(house, "alice")
    _, phone = await person_with_app(house, "bob")
    await refused("bad_code", _by_a_session(house, alice, phone.next_code()))
    await refused("bad_code", _by_a_session(house, alice, phone.recovery[0]))


async def test_half_of_a_sign_in_ends_by_itself_and_with_the_password(house: House) -> None:
    account, phone = await person_with_app(house, "alice")
    half = await house.sign_ins.first_step(account.name, PASSWORD, "Firefox", ADDRESS)
    assert isinstance(half, HalfSignIn)
    code = phone.next_code()
    for false in (half.signed[:-1], half.signed + "A", "", "x.y", half.signed.replace(".", "")):
        await refused("login_required", house.sign_ins.second_step(HalfSignIn(false), code, "Firefox", ADDRESS))
    await house.accounts.change_password(await house.signed_in(account), PASSWORD, "a wholly new password")
    await refused("login_required", house.sign_ins.second_step(half, code, "Firefox", ADDRESS))
    half = await house.sign_ins.first_step(account.name, "a wholly new password", "Firefox", ADDRESS)
    assert isinstance(half, HalfSignIn)
    house.clock.ms += HALF_MS + 1
    await refused("login_required", house.sign_ins.second_step(half, phone.code(), "Firefox", ADDRESS))


async def test_what_sets_up_an_app_is_for_one_account_and_a_while(house: House) -> None:
    alice, bob = [await house.signed_in(await house.person(name)) for name in ("alice", "bob")]
    begun = house.factors.begin_app(alice)
    phone = Phone(house, begun.secret)
    await refused("bad_parameter", house.factors.add_app(bob, begun.setup, phone.code()))
    await refused("bad_parameter", house.factors.add_app(alice, begun.setup + "x", phone.code()))
    await refused("bad_code", house.factors.add_app(alice, begun.setup, phone.code(5)))
    account = house.identities.current(alice).account
    assert account is not None
    assert account.factors == 0
    assert isinstance(await house.sign_ins.first_step("alice", PASSWORD, "Firefox", ADDRESS), NewSignIn), "not yet"
    house.clock.ms += SETUP_MS + 1
    fresh = (await house.sign_ins.reauthenticate(alice, PASSWORD)).actor
    await refused("bad_parameter", house.factors.add_app(fresh, begun.setup, phone.code()))


async def test_a_password_that_was_right_before_ends_with_the_first_factor(house: House) -> None:
    """Its request is not asked for a code: it was known for five minutes."""
    account = await house.person("alice")
    asks = Credentials("password", PASSWORD, "alice")
    actor = await house.identities.identify(asks, ADDRESS)
    assert actor is not None
    ended: list[Refusal] = []
    house.identities.watch(actor, ended.append)
    phone = await set_up(house, await house.signed_in(account))
    assert len(ended) == 1
    assert house.identities.actor(asks, ADDRESS) is None
    await refused("code_required", house.identities.identify(asks, ADDRESS))
    assert await house.identities.identify(asks._replace(code=phone.next_code()), ADDRESS) is not None
    assert house.identities.actor(asks, ADDRESS) is None, "a code is for one request"


CHANGES: dict[str, Callable[[House, Actor], Awaitable[object]]] = {
    "an app": set_up,
    "the end of the app": lambda house, actor: house.factors.remove_app(actor),
    "new codes": lambda house, actor: house.factors.new_codes(actor),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_of_factors_needs_a_password_that_was_given_lately_and_no_token(house: House, what: str) -> None:
    account, phone = await person_with_app(house, "alice")
    actor = await house.signed_in(account)
    token = await house.identities.identify(Credentials("token", await house.token(actor, "admin")), ADDRESS)
    assert token is not None
    await refused("forbidden", CHANGES[what](house, token))
    house.clock.ms += RECENT_MS + 1
    await refused("reauthentication_required", CHANGES[what](house, actor))
    again = await house.sign_ins.reauthenticate(actor, PASSWORD, phone.code())
    await CHANGES[what](house, again.actor)


async def test_the_last_factor_takes_the_recovery_codes_along(house: House) -> None:
    account, phone = await person_with_app(house, "alice")
    actor = await house.signed_in(account)
    await house.factors.remove_app(actor)
    assert await house.store.query(CODES_OF(account.id)) == []
    assert await house.sign_ins.sign_in("alice", PASSWORD, "Firefox", ADDRESS)
    await refused("not_found", house.factors.remove_app(actor))
    await refused("forbidden", house.factors.new_codes(actor))
    again = await set_up(house, actor)
    await refused("bad_code", _by_a_session(house, account, phone.recovery[0]))
    assert await _by_a_session(house, account, again.recovery[0])
    assert [change.what for change in (await house.factors.of(actor)).changes][:3] == [
        *("code_used", "codes_added", "app_added"),
    ]


async def test_who_has_lost_everything_is_helped_by_an_owner_and_signed_out(house: House) -> None:
    owner = await house.signed_in(await house.person("olga", "owner"))
    boss, _ = await person_with_app(house, "boris", "owner")
    account, phone = await person_with_app(house, "alice")
    admin, member = [
        await house.signed_in(await house.person(name, role))  # type: ignore[arg-type]
        for name, role in (("adam", "admin"), ("mia", "member"))
    ]
    browser = await house.signed_in(account)
    ended: list[Refusal] = []
    house.identities.watch(browser, ended.append)
    await refused("forbidden", house.factors.remove_all(member, account))
    await refused("forbidden", house.factors.remove_all(admin, boss))
    await refused("forbidden", house.factors.remove_all(await house.signed_in(boss), boss))
    house.log.clear()
    await house.factors.remove_all(admin, account)
    assert house.log[0] == FactorChanged("removed", account.id, "all")
    assert [each.why for each in house.log if isinstance(each, SignInChanged)] == ["factors", "factors"]
    assert len(ended) == 1
    assert await house.sign_ins.sign_in("alice", PASSWORD, "Firefox", ADDRESS)
    assert await house.store.query(APP_OF(account.id)) == []
    await refused("not_found", house.factors.remove_all(owner, account))
    await house.factors.remove_all(OPERATOR, boss)
    assert phone.recovery


async def test_a_deleted_account_leaves_no_factor(house: House) -> None:
    account, _ = await person_with_app(house, "alice")
    await house.deletions.delete_own(await house.signed_in(account), PASSWORD, "keep")
    assert await house.store.query(APP_OF(account.id)) == []
    assert await house.store.query(CODES_OF(account.id)) == []


async def test_no_secret_of_an_app_is_in_the_database(tmp_path: Path) -> None:
    house = House(await open_sqlite(tmp_path))
    actor = await house.signed_in(await house.person("alice"))
    begun = house.factors.begin_app(actor)
    phone = Phone(house, begun.secret)
    codes = await house.factors.add_app(actor, begun.setup, phone.code())
    (row,) = await house.store.query(APP_OF(actor.account.id if actor.account else ""))
    assert await house.identities.codes.sealing.opened("u_another", row.secret) is None, "it is sealed for its account"
    await house.store.close()
    content = (tmp_path / "parlour.db").read_bytes()
    assert b"alice" in content
    for secret in (begun.secret, begun.secret.hex().encode(), *(code.replace("-", "").encode() for code in codes)):
        assert secret not in content


# --- a server that demands one ---


async def _demand(house: House, value: str) -> None:
    await house.settings.change(OPERATOR, {"second_factor": value})


async def test_whoever_demands_one_has_one(house: House) -> None:
    """Or they would be kept out by their own setting."""
    owner = await house.signed_in(await house.person("olga", "owner"))
    for value in ("admins", "everybody"):
        await refused("bad_parameter", house.settings.change(owner, {"second_factor": value}))
    await set_up(house, owner)
    now = house.identities.current(owner)
    await house.settings.change(now, {"second_factor": "admins"})
    assert house.policies.why_not(now, "administer", "lobby") is None


@pytest.mark.parametrize(("value", "lacking"), [("nobody", []), ("admins", ["adam"]), ("everybody", ["adam", "mia"])])
async def test_who_lacks_a_factor_that_is_demanded_may_set_it_up_and_nothing_else(
    house: House, value: str, lacking: list[str]
) -> None:
    await house.person("olga", "owner")
    people = {"adam": await house.person("adam", "admin"), "mia": await house.person("mia")}
    sessions = {name: await house.signed_in(account) for name, account in people.items()}
    bot = await house.accounts.make_bot(sessions["mia"], "robot", "")
    tokens = {name: await house.token(actor, "admin") for name, actor in sessions.items()}
    made = await house.sign_ins.make_token(sessions["mia"], bot, "cron", frozenset({"post"}), 90)
    robot = await house.identities.identify(Credentials("token", made.secret), ADDRESS)
    assert robot is not None
    await _demand(house, value)
    for name, actor in sessions.items():
        token = await house.identities.identify(Credentials("token", tokens[name]), ADDRESS)
        assert token is not None
        for right in RIGHTS:
            for each in (actor, token):
                refusal = house.policies.why_not(each, right, "lobby")
                is_open = name not in lacking or right == "factor"
                assert (refusal is None or refusal.code != "second_factor_required") is is_open
        assert (house.policies.why_not(actor, "factor", "lobby") is None) is True
    assert house.policies.why_not(robot, "post", "lobby") is None, "a bot has no password that could be guessed"
    assert house.policies.why_not(guest(None, ADDRESS), "post", "lobby") is None
    for name in lacking:
        await set_up(house, sessions[name])
        now = house.identities.current(sessions[name])
        assert house.policies.why_not(now, "account", "lobby") is None
        await refused("forbidden", house.factors.remove_app(now))


async def test_what_is_open_ends_when_a_factor_is_demanded_that_is_not_there(house: House) -> None:
    alice, _ = await person_with_app(house, "alice")
    ended: dict[str, list[Refusal]] = {"alice": [], "bob": []}
    for name, account in (("alice", alice), ("bob", await house.person("bob"))):
        house.identities.watch(await house.signed_in(account), ended[name].append)
    await _demand(house, "everybody")
    assert [(name, len(refusals)) for name, refusals in ended.items()] == [("alice", 0), ("bob", 1)]


async def test_what_changes_is_told_by_mail_once(house: House) -> None:
    actor = await house.signed_in(await house.person("alice"))
    assert actor.account is not None
    await house.store.run(_has_email(actor.account.id))
    phone = await set_up(house, actor)
    await house.sign_ins.sign_in("alice", PASSWORD, "Firefox", ADDRESS, None, phone.recovery[0])
    await house.factors.remove_app(actor)
    mails = await house.store.query(MAILS_DUE(house.clock.ms + 1, 20))
    said = [json.loads(mail.details)["change"] for mail in mails if mail.kind == "factors"]
    assert said == [FACTOR_CHANGES[each] for each in ("app_added", "code_used", "app_removed")]


def _has_email(account: str) -> Transaction[None]:
    yield SET_EMAIL(account, "alice@example.org", "alice@example.org", 1)
