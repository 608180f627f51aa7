"""A passkey opens what it was asked for, once, here, and for the account that it belongs to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parlour.chat.identities import RECENT_MS, Credentials
from parlour.chat.passkeys import CHALLENGE_MS
from parlour.chat.sign_ins import HalfSignIn, NewSignIn
from parlour.chat.tables.passkeys import PASSKEYS_OF
from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.passkeys import Place, place_of
from parlour.core.payloads import FactorChanged
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.people.keys import HERE, PRESENT, Key, add_key
from tests.people.phones import set_up

EVIL = "https://chat.example.evil.test"


async def with_key(house: House, name: str) -> tuple[Account, Key]:
    """Somebody who has a passkey."""
    actor = await house.signed_in(await house.person(name))
    key = await add_key(house, actor)
    account = house.identities.current(actor).account
    assert account is not None
    return account, key


async def challenge(house: House) -> str:
    return (await house.sign_ins.passkey_challenge(None))[0]


async def half_of(house: House, name: str) -> HalfSignIn:
    half = await house.sign_ins.first_step(name, PASSWORD, "Firefox", ADDRESS)
    assert isinstance(half, HalfSignIn)
    return half


async def test_a_passkey_signs_in_without_name_and_password_and_is_a_second_factor(house: House) -> None:
    account, key = await with_key(house, "alice")
    assert account.factors == 1
    made = await house.sign_ins.by_passkey(key.shown(await challenge(house)), HERE, "Firefox")
    assert made.account.id == account.id
    await refused("code_required", house.sign_ins.sign_in("alice", PASSWORD, "Firefox", ADDRESS))
    half = await half_of(house, "alice")
    asked, (row,) = await house.sign_ins.passkey_challenge(half)
    assert (row.label, row.rp, row.counter, row.used_ms) == ("my key", "localhost", 1, house.clock.ms)
    made = await house.sign_ins.by_passkey(key.shown(asked, flags=PRESENT), HERE, "Firefox", half)
    assert made.account.id == account.id


async def test_a_passkey_alone_has_to_know_its_holder(house: House) -> None:
    _, key = await with_key(house, "alice")
    answer = key.shown(await challenge(house), flags=PRESENT)
    await refused("bad_passkey", house.sign_ins.by_passkey(answer, HERE, "Firefox"))


async def test_a_challenge_counts_once_and_for_five_minutes(house: House) -> None:
    _, key = await with_key(house, "alice")
    asked = await challenge(house)
    answer = key.shown(asked)
    assert await house.sign_ins.by_passkey(answer, HERE, "Firefox")
    house.log.clear()
    await refused("bad_passkey", house.sign_ins.by_passkey(answer, HERE, "Firefox"))
    await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(asked), HERE, "Firefox"))
    assert house.log == [], "what is sent twice is no copy"
    late = await challenge(house)
    house.clock.ms += CHALLENGE_MS + 1
    await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(late), HERE, "Firefox"))


async def test_a_challenge_is_for_one_purpose_and_one_account(house: House) -> None:
    alice, key = await with_key(house, "alice")
    bob, other = await with_key(house, "bob")
    actor = await house.signed_in(alice)
    half = await half_of(house, "alice")
    asked = {
        "sign_in": await challenge(house),
        "second_step": (await house.sign_ins.passkey_challenge(half))[0],
        "confirm": (await house.sign_ins.confirm_challenge(actor))[0],
        "add": (await house.factors.begin_passkey(actor))[0],
    }
    for purpose, text in asked.items():
        if purpose != "sign_in":
            await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(text), HERE, "Firefox"))
        if purpose != "second_step":
            await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(text), HERE, "Firefox", half))
        if purpose != "confirm":
            await refused("bad_passkey", house.sign_ins.reauthenticate_by_passkey(actor, key.shown(text), HERE))
        if purpose != "add":
            made = Key(alice.id.encode()).made(text)
            await refused("bad_passkey", house.factors.add_passkey(actor, "", made, HERE))
    await refused("bad_passkey", house.sign_ins.by_passkey(other.shown(asked["second_step"]), HERE, "Firefox", half))
    his, _ = await house.sign_ins.passkey_challenge(await half_of(house, "bob"))
    await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(his), HERE, "Firefox", half))
    for none in ("", "AAAA", "x" * 9000, "é"):
        await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(none), HERE, "Firefox"))
    assert bob.factors == 1


WRONG: dict[str, dict[str, object]] = {
    "origin": {"origin": EVIL},
    "another port": {"origin": "http://localhost:9090"},
    "another host": {"rp": "evil.test"},
    "what was signed at a false page": {"origin": EVIL, "rp": "evil.test"},
    "somebody else's user handle": {"user": b"u_somebody"},
    "nobody there": {"flags": 0},
    "another kind": {"kind": "create"},
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_was_signed_elsewhere_or_otherwise_opens_nothing(house: House, what: str) -> None:
    _, key = await with_key(house, "alice")
    answer = key.shown(await challenge(house), **WRONG[what])  # type: ignore[arg-type]
    await refused("bad_passkey", house.sign_ins.by_passkey(answer, HERE, "Firefox"))


async def test_a_passkey_of_another_name_of_this_server_opens_nothing_here(house: House) -> None:
    """A server without `--public-url` answers to several names, and pages at one know nothing of another."""
    _, key = await with_key(house, "alice")
    there = Place("https://chat.example", "chat.example")
    answer = replace(key, place=there).shown(await challenge(house))
    await refused("bad_passkey", house.sign_ins.by_passkey(answer, there, "Firefox"))


async def test_a_key_that_is_not_the_one_that_was_set_up_opens_nothing(house: House) -> None:
    account, key = await with_key(house, "alice")
    for false in (Key(account.id.encode()), Key(account.id.encode(), id=key.id)):
        answer = false.shown(await challenge(house))
        await refused("bad_passkey", house.sign_ins.by_passkey(answer, HERE, "Firefox"))
    answer = key.shown(await challenge(house))
    for broken in (
        answer._replace(signature=answer.signature[:-1]),
        answer._replace(authenticator_data=b""),
        answer._replace(client_data=b"[" * 50_000),
        answer._replace(client_data=b'{"challenge":7}'),
        answer._replace(credential="x" * 5000),
    ):
        await refused("bad_passkey", house.sign_ins.by_passkey(broken, HERE, "Firefox"))
    assert isinstance(await house.sign_ins.by_passkey(answer, HERE, "Firefox"), NewSignIn)


async def test_a_copy_of_a_key_is_refused_and_told_to_its_owner(house: House) -> None:
    account, key = await with_key(house, "alice")
    copy = replace(key)
    assert await house.sign_ins.by_passkey(key.shown(await challenge(house)), HERE, "Firefox")
    house.log.clear()
    await refused("bad_passkey", house.sign_ins.by_passkey(copy.shown(await challenge(house)), HERE, "Firefox"))
    assert house.log == [FactorChanged("refused", account.id, "passkey")]
    changes = (await house.factors.of(await house.signed_in(account))).changes
    assert changes[0].what == "passkey_refused"


async def test_a_key_that_does_not_count_is_used_as_often_as_one_likes(house: House) -> None:
    actor = await house.signed_in(await house.person("alice"))
    assert actor.account is not None
    key = await add_key(house, actor, Key(actor.account.id.encode(), counts=False))
    for _ in range(3):
        assert await house.sign_ins.by_passkey(key.shown(await challenge(house)), HERE, "Firefox")


async def test_a_passkey_stands_for_the_password_once_more(house: House) -> None:
    account, key = await with_key(house, "alice")
    session = await house.signed_in(account)
    house.clock.ms += RECENT_MS + 1
    await refused("reauthentication_required", house.factors.new_codes(session))
    asked, _ = await house.sign_ins.confirm_challenge(session)
    answer = key.shown(asked, flags=PRESENT)
    await refused("bad_passkey", house.sign_ins.reauthenticate_by_passkey(session, answer, HERE))
    again = await house.sign_ins.reauthenticate_by_passkey(session, key.shown(asked), HERE)
    assert len(await house.factors.new_codes(again.actor)) == 10
    assert again.secret is not None
    assert await house.identities.identify(Credentials("session", again.secret), ADDRESS) is not None


async def test_a_passkey_is_taken_away_by_its_owner_alone_and_with_the_account(house: House) -> None:
    alice, key = await with_key(house, "alice")
    bob, _ = await with_key(house, "bob")
    (row,) = await house.store.query(PASSKEYS_OF(alice.id))
    await refused("not_found", house.factors.remove_passkey(await house.signed_in(bob), row.id))
    actor = await house.signed_in(alice)
    await set_up(house, actor)
    await house.factors.remove_passkey(actor, row.id)
    await refused("bad_passkey", house.sign_ins.by_passkey(key.shown(await challenge(house)), HERE, "Firefox"))
    await refused("code_required", house.sign_ins.sign_in("alice", PASSWORD, "Firefox", ADDRESS))
    await house.deletions.delete_own(await house.signed_in(bob), PASSWORD, "keep")
    assert await house.store.query(PASSKEYS_OF(bob.id)) == []


async def test_one_key_is_set_up_once_and_a_disabled_account_is_not_let_in(house: House) -> None:
    alice, key = await with_key(house, "alice")
    bob = await house.signed_in(await house.person("bob"))
    await refused("forbidden", add_key(house, bob, key))
    owner = await house.signed_in(await house.person("olga", "owner"))
    await house.accounts.set_active(owner, alice, is_active=False)
    await refused("forbidden", house.sign_ins.by_passkey(key.shown(await challenge(house)), HERE, "Firefox"))


def test_passkeys_are_for_names() -> None:
    assert place_of("https://chat.example:8443") == Place("https://chat.example:8443", "chat.example")
    for number in ("http://127.0.0.1:8080", "http://[::1]:8080", "http://"):
        with pytest.raises(Refusal, match="name"):
            place_of(number)
