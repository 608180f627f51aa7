"""Nobody gets more than they have: not by being faster than their end, not by what they leave behind, not by bots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from parlour.chat.identities import Credentials
from parlour.chat.members import Members
from parlour.chat.profiles import ProfileChange
from parlour.chat.rooms import Rooms
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor
from parlour.core.errors import Refusal
from parlour.core.payloads import Settings
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.support.stores import CountedIds

Deed = Callable[[House, Actor, Account], Awaitable[object]]

DEEDS: dict[str, Deed] = {
    "invite": lambda house, actor, _: house.invitations.make(actor, "member", 1, 7),
    "reset somebody": lambda house, actor, other: house.invitations.reset(actor, other),
    "end an invitation": lambda house, actor, _: house.invitations.end(actor, "i_none"),
    "give a role": lambda house, actor, other: house.accounts.set_role(actor, other, "admin"),
    "disable somebody": lambda house, actor, other: house.accounts.set_active(actor, other, is_active=False),
    "make a token": lambda house, actor, _: house.token(actor, "admin"),
    "make a bot": lambda house, actor, _: house.accounts.make_bot(actor, "deploy", ""),
    "be shown otherwise": lambda house, actor, _: house.accounts.change(actor, ProfileChange(display="Somebody")),
    "take another name": lambda house, actor, _: house.accounts.change(actor, ProfileChange(name="somebody")),
    "end the other sessions": lambda house, actor, _: house.sign_ins.end_others(actor),
    "make a room": lambda house, actor, _: rooms_of(house).create(actor, "kitchen", Settings(title="Kitchen")),
}


def rooms_of(house: House) -> Rooms:
    return Rooms(house.store, CountedIds(900), house.policies)


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_request_under_way_does_nothing_once_its_session_has_ended(house: House, deed: str) -> None:
    adam, other = await house.person("adam", "admin"), await house.person("other")
    for end in ("session", "account"):
        actor = await house.signed_in(adam)
        assert actor.sign_in is not None
        ending = (
            house.sign_ins.end(OPERATOR, adam, actor.sign_in)
            if end == "session"
            else house.accounts.set_active(OPERATOR, adam, is_active=False)
        )
        _, outcome = await asyncio.gather(ending, DEEDS[deed](house, actor, other), return_exceptions=True)
        assert isinstance(outcome, Refusal), outcome
        assert outcome.code == "login_required"


@pytest.mark.parametrize("deed", ["invite", "reset somebody", "give a role", "disable somebody"])
async def test_a_request_under_way_does_nothing_with_a_role_that_has_been_taken_away(house: House, deed: str) -> None:
    adam, other = await house.person("adam", "admin"), await house.person("other")
    actor = await house.signed_in(adam)
    _, outcome = await asyncio.gather(
        house.accounts.set_role(OPERATOR, adam, "member"), DEEDS[deed](house, actor, other), return_exceptions=True
    )
    assert isinstance(outcome, Refusal)
    assert outcome.code == "forbidden"


async def test_an_old_password_does_not_undo_a_new_one(house: House) -> None:
    alice = await house.person("alice")
    credentials = Credentials("password", PASSWORD, "alice")
    thief, curl = [await house.identities.identify(credentials, ADDRESS) for _ in range(2)]
    assert thief is not None
    assert curl is not None
    first, second = await asyncio.gather(
        house.accounts.change_password(curl, PASSWORD, "a wholly new password"),
        house.accounts.change_password(thief, PASSWORD, "the password of a thief"),
        return_exceptions=True,
    )
    assert (first is None) is not (second is None), "one of them was faster"
    assert (await house.sign_ins.of(OPERATOR, alice)) == []


@pytest.mark.parametrize("end", ["disabled", "another role"])
async def test_the_links_of_a_former_admin_end_with_the_role(house: House, end: str) -> None:
    adam, other = await house.person("adam", "admin"), await house.person("other")
    actor = await house.signed_in(adam)
    kept = await house.invitations.make(actor, "admin", 5, 90)
    reset = await house.invitations.reset(actor, other)
    others = await house.invitations.make(OPERATOR, "member", 1, 7)
    if end == "disabled":
        await house.accounts.set_active(OPERATOR, adam, is_active=False)
    else:
        await house.accounts.set_role(OPERATOR, adam, "member")
    await refused("link_gone", house.accounts.register(kept.secret, "mallory", "", PASSWORD))
    await refused("link_gone", house.accounts.reset_password(reset.secret, "the password of a thief"))
    await house.accounts.register(others.secret, "erin", "", PASSWORD)


async def test_a_link_for_an_owner_ends_no_reset_of_an_owner(house: House) -> None:
    olga = await house.person("olga", "owner")
    reset = await house.invitations.reset(OPERATOR, olga)
    await house.invitations.for_owner(OPERATOR)
    await house.accounts.reset_password(reset.secret, "a wholly new password")


async def test_the_last_place_of_an_invitation_is_for_one(house: House) -> None:
    made = await house.invitations.make(OPERATOR, "member", 1, 7)
    names = [f"person{number}" for number in range(5)]
    outcomes = await asyncio.gather(
        *(house.accounts.register(made.secret, name, "", PASSWORD) for name in names), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(Account) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {"link_gone"}


async def test_a_bot_has_no_role_on_the_server(house: House) -> None:
    olga, alice = await house.person("olga", "owner"), await house.person("alice")
    bot = await house.accounts.make_bot(await house.signed_in(alice), "deploy", "")
    for role in ("moderator", "admin", "owner"):
        await refused("forbidden", house.accounts.set_role(await house.signed_in(olga), bot, role))


async def test_a_token_makes_none_that_lasts_longer(house: House) -> None:
    alice = await house.person("alice")
    browser = await house.signed_in(alice)
    made = await house.sign_ins.make_token(browser, alice, "for a day", frozenset(("admin",)), 1)
    program = await house.identities.identify(Credentials("token", made.secret), ADDRESS)
    assert program is not None
    await refused("forbidden", house.sign_ins.make_token(program, alice, "more", frozenset(("read",)), 2))
    await house.sign_ins.make_token(program, alice, "as long", frozenset(("read",)), 1)


async def test_bots_leave_a_room_with_whom_they_belong_to(house: House) -> None:
    ada, bob = await house.person("ada"), await house.person("bob")
    actor, rooms, members = await house.signed_in(ada), rooms_of(house), Members(house.store, house.policies)
    bot = await house.accounts.make_bot(await house.signed_in(bob), "spy", "")
    made = await rooms.create(actor, None, Settings(access="private", title="Leads"))
    for account in (bob, bot):
        await members.add(actor, made.room, account, "member")
    policy = await members.remove(actor, made.room, bob)
    assert set(policy.members) == {ada.id}
    await members.add(actor, made.room, bob, "member")
    await members.add(actor, made.room, bot, "member")
    policy = await members.remove(await house.signed_in(bob), made.room, bob)
    assert set(policy.members) == {ada.id}


async def test_the_links_of_a_former_moderator_of_a_room_end(house: House) -> None:
    ada, bob, eve = [await house.person(name) for name in ("ada", "bob", "eve")]
    actor, rooms, members = await house.signed_in(ada), rooms_of(house), Members(house.store, house.policies)
    made = await rooms.create(actor, None, Settings(access="private", title="Leads"))
    await members.add(actor, made.room, bob, "moderator")
    link = await house.invitations.make(await house.signed_in(bob), "none", 5, 7, made.room)
    await members.add(actor, made.room, bob, "member")
    await refused("link_gone", house.invitations.accept(await house.signed_in(eve), link.secret))


AMBIGUOUS = [
    ("\u026all", "ill"),
    ("\u026all", "lll"),
    ("\u026fike", "mike"),
    ("\u026fike", "wike"),
    ("\u025cva", "eva"),
]


@pytest.mark.parametrize(("name", "like"), AMBIGUOUS)
async def test_a_name_that_can_be_read_in_two_ways_is_like_both(house: House, name: str, like: str) -> None:
    await house.person(like)
    link = await house.invitations.make(OPERATOR, "member", 9, 7)
    await refused("name_taken", house.accounts.register(link.secret, name, "", PASSWORD))
    assert house.identities.accounts.is_taken(name)
    other = await house.accounts.register(link.secret, "other", "", PASSWORD)
    await refused("name_taken", house.accounts.change(await house.signed_in(other), ProfileChange(name=name)))


async def test_nobody_is_shown_under_the_name_of_another_account(house: House) -> None:
    await house.person("olga", "owner")
    link = await house.invitations.make(OPERATOR, "member", 9, 7)
    await refused("name_taken", house.accounts.register(link.secret, "mallory", "O1ga", PASSWORD))
    mallory = await house.accounts.register(link.secret, "mallory", "Mallory M.", PASSWORD)
    actor = await house.signed_in(mallory)
    await refused("name_taken", house.accounts.change(actor, ProfileChange(display="\u041elga")))
    await refused("name_taken", house.accounts.make_bot(actor, "deploy", "olga"))
    await house.accounts.change(actor, ProfileChange(display="Mallory"))
    assert house.identities.accounts.is_taken("Ma11ory"), (
        "neither does a guest take a name that a member is shown under"
    )
    assert not house.identities.accounts.is_taken("Mallory M."), "it is shown under that no more"
