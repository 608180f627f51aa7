"""Accounts are made by invitations, signed in with a password, and end at once with everything they were used for."""

from __future__ import annotations

import asyncio

import pytest

from parlour.chat.accounts import MAX_BOTS
from parlour.chat.identities import Credentials
from parlour.chat.profiles import ProfileChange
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from tests.people.house import ADDRESS, PASSWORD, House, nothing, refused


async def test_the_first_owner_is_made_by_a_link_of_one_use_and_one_hour(house: House) -> None:
    first = await house.invitations.for_owner(OPERATOR)
    second = await house.invitations.for_owner(OPERATOR)
    await refused("link_gone", house.accounts.register(first.secret, "alice", "", PASSWORD))
    assert not house.identities.accounts.has_owner()
    alice = await house.accounts.register(second.secret, "Alice", "Alice A.", PASSWORD)
    assert (alice.name, alice.display, alice.role) == ("alice", "Alice A.", "owner")
    assert house.identities.accounts.has_owner()
    await refused("link_gone", house.accounts.register(second.secret, "mallory", "", PASSWORD))
    third = await house.invitations.for_owner(OPERATOR)
    house.clock.ms += 3_600_001
    await refused("link_gone", house.accounts.register(third.secret, "mallory", "", PASSWORD))


async def test_names_that_look_alike_are_one_name(house: House) -> None:
    await house.person("alice")
    names = {"alice": "bob", "ALICE": "carol", "\u0430lice": "dave", "a1ice": "erin"}  # U+0430 is Cyrillic
    for name, other in names.items():
        invitation = await house.invitations.make(OPERATOR, "member", 1, 7)
        await refused("name_taken", house.accounts.register(invitation.secret, name, "", PASSWORD))
        assert house.identities.accounts.is_taken(name)
        await house.accounts.register(invitation.secret, other, "", PASSWORD)  # it was not used up


async def test_admins_end_what_others_are_signed_in_with_and_owners_that_of_owners(house: House) -> None:
    olga = await house.signed_in(await house.person("olga", "owner"))
    ada = await house.signed_in(await house.person("ada", "admin"))
    bob = await house.signed_in(await house.person("bob"))
    assert olga.account is not None
    assert ada.account is not None
    assert bob.account is not None
    assert len(await house.sign_ins.of(ada, bob.account)) == 1
    await refused("not_found", house.sign_ins.of(ada, olga.account))
    await refused("not_found", house.sign_ins.of(bob, ada.account))
    await refused("not_found", house.sign_ins.end(bob, ada.account, ada.sign_in or ""))
    await refused("not_found", house.sign_ins.make_token(ada, bob.account, "spy", frozenset({"read"}), 1))
    await house.sign_ins.end(olga, ada.account, ada.sign_in or "")
    assert await house.sign_ins.of(olga, ada.account) == []


@pytest.mark.parametrize("display", ["olga", "Olga", "0lga", "Olga Ostrova", "\u041elga Ostrova"])  # a Cyrillic O
async def test_nobody_is_shown_like_somebody_else(house: House, display: str) -> None:
    olga = await house.signed_in(await house.person("olga", "owner"))
    await house.accounts.change(olga, ProfileChange(display="Olga Ostrova"))
    eve = await house.signed_in(await house.person("eve"))
    await refused("name_taken", house.accounts.change(eve, ProfileChange(display=display)))
    await refused("name_taken", house.accounts.make_bot(eve, "helper", display))
    invitation = await house.invitations.make(OPERATOR, "member", 1, 7)
    await refused("name_taken", house.accounts.register(invitation.secret, "mallory", display, PASSWORD))


@pytest.mark.parametrize(("typed", "shown"), [("Bob", "Bob"), ("bob", "bob"), ("Bo-B", "Bo-B"), ("Ｂob", "bob")])
async def test_who_says_no_other_name_is_shown_as_they_have_typed_it(house: House, typed: str, shown: str) -> None:
    invitation = await house.invitations.make(OPERATOR, "member", 1, 7)
    made = await house.accounts.register(invitation.secret, typed, "", PASSWORD)
    assert (made.name, made.display) == (shown.lower(), shown)


@pytest.mark.parametrize("name", ["admin", "\u0430dmin", "guest-abcd", "x", "a b", "a" * 33, "login"])
async def test_names_that_nobody_can_have(house: House, name: str) -> None:
    invitation = await house.invitations.make(OPERATOR, "member", 1, 7)
    with pytest.raises(Refusal) as caught:
        await house.accounts.register(invitation.secret, name, "", PASSWORD)
    assert caught.value.code in ("bad_name", "reserved_name")


@pytest.mark.parametrize("password", ["", "short", "x" * 40, "password1234567", "123456789012345", "alicealicealice1"])
async def test_passwords_that_are_guessed_first_are_refused(house: House, password: str) -> None:
    invitation = await house.invitations.make(OPERATOR, "member", 1, 7)
    await refused("weak_password", house.accounts.register(invitation.secret, "alice", "", password))


async def test_signing_in_needs_the_password(house: House) -> None:
    alice = await house.person("alice")
    session = await house.sign_ins.sign_in("Alice", PASSWORD, "Firefox", ADDRESS)
    actor = await house.identities.identify(Credentials("session", session.secret), ADDRESS)
    assert actor is not None
    assert actor.account == alice
    await refused("bad_credentials", house.sign_ins.sign_in("alice", "something else entirely", "", ADDRESS))
    await refused("bad_credentials", house.sign_ins.sign_in("nobody", PASSWORD, "", ADDRESS))
    assert await house.identities.identify(Credentials("session", "made up"), ADDRESS) is None


async def test_guessing_slows_down_the_guesser_and_nobody_else(house: House) -> None:
    await house.person("alice")
    for _ in range(5):
        await refused("bad_credentials", house.sign_ins.sign_in("alice", "wrong password!", "", "198.51.100.1"))
    await refused("rate_limited", house.sign_ins.sign_in("alice", PASSWORD, "", "198.51.100.1"))
    await house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS)
    for host in range(40):
        for _ in range(5):
            with pytest.raises(Refusal):
                await house.sign_ins.sign_in("alice", "wrong password!", "", f"203.0.113.{host}")
    await refused("rate_limited", house.sign_ins.sign_in("alice", PASSWORD, "", "203.0.113.200"))
    await house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS)  # it has signed in before
    house.clock.ms += 900_001
    await house.sign_ins.sign_in("alice", PASSWORD, "", "203.0.113.200")


async def test_a_session_ends_when_it_is_not_used_and_after_a_month(house: House) -> None:
    alice = await house.person("alice")
    idle, used = [await house.sign_ins.begin(alice, "Firefox") for _ in range(2)]
    for day in range(1, 33):
        house.clock.ms += DAY_MS
        for session, last in ((idle, 13), (used, 30)):
            if session is idle and day < 14:
                continue
            actor = await house.identities.identify(Credentials("session", session.secret), ADDRESS)
            assert (actor is not None) is (day < last), (session is idle, day)
            await house.store.run(nothing())


async def test_what_ends_is_forgotten_at_once_and_its_streams_are_told(house: House) -> None:
    alice = await house.person("alice")
    browser, phone = await house.signed_in(alice), await house.signed_in(alice)
    secret = await house.token(browser, "read", "post")
    program = await house.identities.identify(Credentials("token", secret), ADDRESS)
    assert program is not None
    ended: list[str] = []
    for name, actor in (("browser", browser), ("phone", phone), ("program", program)):
        house.identities.watch(actor, lambda _, name=name: ended.append(name))  # type: ignore[misc]
    assert phone.sign_in is not None
    assert program.sign_in is not None
    await house.sign_ins.end(browser, alice, phone.sign_in)
    assert ended == ["phone"]
    await house.sign_ins.end(browser, alice, program.sign_in)
    assert ended == ["phone", "program"]
    await refused("bad_credentials", house.identities.identify(Credentials("token", secret), ADDRESS))
    await refused("not_found", house.sign_ins.end(browser, alice, program.sign_in))
    await house.person("carol", "owner")
    await house.accounts.set_active(OPERATOR, alice, is_active=False)
    assert ended == ["phone", "program", "browser"]
    await refused("forbidden", house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS))


async def test_a_new_password_ends_the_other_sessions(house: House) -> None:
    alice = await house.person("alice")
    here, elsewhere = await house.signed_in(alice), await house.sign_ins.begin(alice, "Phone")
    await refused("bad_credentials", house.accounts.change_password(here, "not the old one at all", "a wholly new one"))
    await house.accounts.change_password(here, PASSWORD, "a wholly new password")
    assert await house.identities.identify(Credentials("session", elsewhere.secret), ADDRESS) is None
    assert [row.id for row in await house.sign_ins.of(here, alice)] == [here.sign_in]
    await refused("bad_credentials", house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS))
    await house.sign_ins.sign_in("alice", "a wholly new password", "", ADDRESS)


async def test_a_password_in_each_request_is_hashed_once_and_ends_with_the_password(house: House) -> None:
    alice = await house.person("alice")
    credentials = Credentials("password", PASSWORD, "alice")
    assert house.identities.actor(credentials, ADDRESS) is None
    assert (await house.identities.identify(credentials, ADDRESS)) is not None
    assert house.identities.actor(credentials, ADDRESS) is not None
    link = await house.invitations.reset(OPERATOR, alice)
    await house.accounts.reset_password(link.secret, "a wholly new password")
    assert house.identities.actor(credentials, ADDRESS) is None
    await refused("link_gone", house.accounts.reset_password(link.secret, "yet another password"))


async def test_the_last_owner_stays(house: House) -> None:
    alice = await house.person("alice", "owner")
    actor = await house.signed_in(alice)
    await refused("forbidden", house.accounts.set_role(actor, alice, "member"))
    await refused("forbidden", house.accounts.set_active(actor, alice, is_active=False))
    bob = await house.person("bob", "owner")
    await house.accounts.set_role(actor, alice, "member")
    assert house.identities.accounts.get(alice.id) == Account(
        alice.id, "alice", "alice", "member", "member", None, "active"
    )
    await refused("forbidden", house.accounts.set_role(await house.signed_in(bob), bob, "admin"))


async def test_an_admin_does_nothing_to_an_owner(house: House) -> None:
    owner, admin, member = (
        await house.person("o1", "owner"),
        await house.person("a1", "admin"),
        await house.person("m1"),
    )
    actor = await house.signed_in(admin)
    await refused("forbidden", house.accounts.set_role(actor, owner, "member"))
    await refused("forbidden", house.accounts.set_role(actor, member, "owner"))
    await refused("forbidden", house.invitations.make(actor, "owner", 1, 1))
    await refused("forbidden", house.invitations.reset(actor, owner))
    assert (await house.accounts.set_role(actor, member, "moderator")).role == "moderator"
    ordinary = await house.signed_in(member)
    await refused("forbidden", house.invitations.make(ordinary, "member", 1, 1))
    await refused("forbidden", house.accounts.set_role(ordinary, member, "admin"))


async def test_a_token_does_no_more_than_its_scopes(house: House) -> None:
    alice = await house.person("alice", "owner")
    secret = await house.token(await house.signed_in(alice), "read")
    program = await house.identities.identify(Credentials("token", secret), ADDRESS)
    assert program is not None
    assert house.policies.may(program, "read", "lobby")
    assert not house.policies.may(program, "post", "lobby")
    await refused("forbidden", house.invitations.make(program, "member", 1, 1))
    await refused("forbidden", house.sign_ins.make_token(program, alice, "more", frozenset({"post"}), 1))
    await refused("forbidden", house.accounts.change(program, ProfileChange(display="Somebody")))
    await refused("bad_credentials", house.identities.identify(Credentials("token", secret[:-1] + "z"), ADDRESS))


async def test_a_bot_belongs_to_its_owner(house: House) -> None:
    alice, bob = await house.person("alice"), await house.person("bob")
    actor, other = await house.signed_in(alice), await house.signed_in(bob)
    bot = await house.accounts.make_bot(actor, "deploy", "Deploy")
    assert (bot.kind, bot.owner) == ("bot", alice.id)
    token = await house.sign_ins.make_token(actor, bot, "cron", frozenset({"post"}), 30)
    as_bot = await house.identities.identify(Credentials("token", token.secret), ADDRESS)
    assert isinstance(as_bot, Actor)
    assert (as_bot.kind, as_bot.account) == ("bot", bot)
    await refused("not_found", house.sign_ins.make_token(other, bot, "cron", frozenset({"post"}), 30))
    await refused("bad_credentials", house.sign_ins.sign_in("deploy", PASSWORD, "", ADDRESS))
    await refused("bad_name", house.accounts.make_bot(actor, "deploy", "\x9b"))  # before that its name is taken


async def test_no_secret_is_in_the_log_of_the_server(house: House) -> None:
    alice = await house.person("alice")
    secret = await house.token(await house.signed_in(alice), "read")
    assert house.log
    assert not any(secret in repr(payload) or PASSWORD in repr(payload) for payload in house.log)
    assert await house.store.rooms(10) == [], "it is no room"


async def test_only_an_owner_makes_an_owner(house: House) -> None:
    alice, adam = await house.person("alice", "owner"), await house.person("adam", "admin")
    admin, owner = await house.signed_in(adam), await house.signed_in(alice)
    await refused("forbidden", house.invitations.for_owner(admin))
    await refused("forbidden", house.invitations.make(admin, "owner", 1, 7))
    await refused("forbidden", house.accounts.set_role(admin, adam, "owner"))
    await refused("forbidden", house.invitations.reset(admin, alice))
    await refused("forbidden", house.accounts.set_role(admin, alice, "member"))
    await house.invitations.for_owner(owner)


async def test_the_bots_of_a_disabled_account_are_disabled_with_it(house: House) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice")
    browser = await house.signed_in(alice)
    bot = await house.accounts.make_bot(browser, "deploy", "")
    made = await house.sign_ins.make_token(browser, bot, "cron", frozenset(("post",)), 90)
    credentials = Credentials("token", made.secret)
    program = await house.identities.identify(credentials, ADDRESS)
    assert program is not None
    ended: list[Refusal] = []
    house.identities.watch(program, ended.append)
    await house.accounts.set_active(OPERATOR, alice, is_active=False)
    assert len(ended) == 1
    await refused("bad_credentials", house.identities.identify(credentials, ADDRESS))
    await house.accounts.set_active(OPERATOR, alice, is_active=True)
    await refused("bad_credentials", house.identities.identify(credentials, ADDRESS))
    assert [each.state for each in house.identities.accounts.all() if each.name == "deploy"] == ["disabled"]


async def asked_until(over: asyncio.Task[object], house: House, credentials: Credentials) -> None:
    """Ask with credentials, again and again, while something goes on, also when it is just over."""
    while not over.done():
        await asyncio.gather(
            *(house.identities.identify(credentials, ADDRESS) for _ in range(8)), return_exceptions=True
        )


async def test_what_ends_while_it_is_looked_up_is_not_found_afterwards(house: House) -> None:
    alice = await house.person("alice")
    here = await house.signed_in(alice)
    for _ in range(20):
        session = await house.sign_ins.begin(alice, "Phone")
        credentials = Credentials("session", session.secret)
        ending = asyncio.ensure_future(house.sign_ins.end(here, alice, session.sign_in.id))
        await asked_until(ending, house, credentials)
        assert house.identities.actor(credentials, ADDRESS) is None
        assert await house.identities.identify(credentials, ADDRESS) is None


async def test_a_password_that_is_being_changed_lets_nobody_in_afterwards(house: House) -> None:
    alice = await house.person("alice")
    old, new = PASSWORD, "a wholly new password"
    for _ in range(10):
        link = await house.invitations.reset(OPERATOR, alice)
        credentials = Credentials("password", old, "alice")
        resetting = asyncio.ensure_future(house.accounts.reset_password(link.secret, new))
        session, _ = await asyncio.gather(
            house.sign_ins.sign_in("alice", old, "Phone", ADDRESS),
            asked_until(resetting, house, credentials),
            return_exceptions=True,
        )
        assert house.identities.actor(credentials, ADDRESS) is None
        if not isinstance(session, BaseException):
            assert await house.identities.identify(Credentials("session", session.secret), ADDRESS) is None
        house.clock.ms += 900_001
        old, new = new, old


async def test_streams_opened_with_a_password_end_with_it(house: House) -> None:
    alice = await house.person("alice")
    curl = await house.identities.identify(Credentials("password", PASSWORD, "alice"), ADDRESS)
    token = await house.token(await house.signed_in(alice), "read")
    program = await house.identities.identify(Credentials("token", token), ADDRESS)
    assert curl is not None
    assert program is not None
    ended: list[str] = []
    house.identities.watch(curl, lambda _: ended.append("curl"))
    house.identities.watch(program, lambda _: ended.append("program"))
    link = await house.invitations.reset(OPERATOR, alice)
    await house.accounts.reset_password(link.secret, "a wholly new password")
    assert ended == ["curl"]


async def test_an_account_has_a_bounded_number_of_bots(house: House) -> None:
    browser = await house.signed_in(await house.person("alice"))
    for number in range(MAX_BOTS):
        bot = await house.accounts.make_bot(browser, f"deploy{number}", "")
    await refused("forbidden", house.accounts.make_bot(browser, "one-more", ""))
    await house.deletions.delete(OPERATOR, bot, "keep")
    await house.accounts.make_bot(browser, "another", "")
    await refused("forbidden", house.accounts.make_bot(browser, "one-more", ""))
    await house.accounts.make_bot(await house.signed_in(await house.person("bob")), "one-more", "")
