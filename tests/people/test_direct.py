"""Direct conversations over every store: one room for the same people, and who may write there is judged with it."""

from __future__ import annotations

import asyncio
from asyncio import Future

import pytest

from parlour.chat.directs import Directs
from parlour.chat.members import Members
from parlour.chat.policies import Policies
from parlour.chat.profiles import ProfileChange
from parlour.chat.rooms import Rooms
from parlour.chat.tables.blocks import ALL_BLOCKS
from parlour.core.actor import OPERATOR, Actor, guest
from parlour.core.direct import FIXED
from parlour.core.errors import Refusal
from parlour.core.event import Appended
from parlour.core.limits import Limits
from parlour.core.payloads import MemberChanged, Message, Payload, Settings
from parlour.schema.event_json import payload_of
from tests.people.house import ADDRESS, PASSWORD, House, refused


async def three(house: House) -> tuple[Actor, Actor, Actor]:
    """An owner of the server, and two others."""
    olga = await house.signed_in(await house.person("olga", "owner"))
    alice = await house.signed_in(await house.person("alice"))
    return olga, alice, await house.signed_in(await house.person("bob"))


def post(house: House, actor: Actor, to: str, text: str, key: str | None = None) -> Future[Appended]:
    """Somebody writes to people by their names."""
    return house.posting().posted(actor, house.directs.find(actor, to), text, key)


async def said(house: House, room: str) -> list[Payload]:
    return [payload_of(event) for event in await house.store.after(room, 0, 100)]


async def test_two_who_write_to_each_other_at_the_same_moment_write_into_one_room(house: House) -> None:
    _, alice, bob = await three(house)
    stored = await asyncio.gather(post(house, alice, "@bob", "one"), post(house, bob, "@alice", "two"))
    room = house.directs.find(alice, "@bob")
    assert room == house.directs.find(bob, "@alice") == house.directs.find(bob, "@me+Alice")
    assert [each.seq for each in stored] == [4, 5]
    begin, *members, one, two = await said(house, room)
    assert begin == Settings(access="direct")
    assert {(each.what, each.account, each.role) for each in members if isinstance(each, MemberChanged)} == {
        ("takes_part", actor.id, "member") for actor in (alice, bob)
    }
    assert (one, two) == (Message("one"), Message("two"))
    stored_policy = (await house.store.policies())[room]
    house.policies.load(await house.store.policies())
    assert stored_policy == house.policies.of(room)
    assert stored_policy.access == "direct"
    assert set(stored_policy.members) == {alice.id, bob.id}
    assert (house.directs.address(alice.id, room), house.directs.address(bob.id, room)) == ("@bob", "@alice")


async def test_a_repeat_with_its_key_is_stored_once_the_first_message_too(house: House) -> None:
    _, alice, _ = await three(house)
    first = await post(house, alice, "@bob", "hello", "key-12345678")
    again = await post(house, alice, "@bob", "hello", "key-12345678")
    assert (first.seq, first.replay, again.seq, again.replay) == (4, False, 4, True)


async def test_to_ask_for_a_conversation_makes_none(house: House) -> None:
    _, alice, _ = await three(house)
    room = house.directs.find(alice, "@bob")
    assert (await house.store.log(room)).head_seq == 0
    assert house.policies.rooms_of(alice.id) == frozenset()
    house.policies.require(alice, "read", room)


async def test_names_that_lead_nowhere_are_not_there_and_guests_sign_in(house: House) -> None:
    _, alice, bob = await three(house)
    for name in ("@nobody", "@admin", "@alice+nobody", "@u_Cx2vVJtqRmGm3LrTzpsBKQ"):
        with pytest.raises(Refusal) as caught:
            house.directs.find(alice, name)
        assert (caught.value.code, caught.value.detail) == ("not_found", "There is no such account.")
    for name in ("@alice", "@nobody"):
        with pytest.raises(Refusal) as caught:
            house.directs.find(guest(None, ADDRESS), name)
        assert caught.value.code == "login_required"
    assert house.directs.find(alice, f"@{bob.id}") == house.directs.find(alice, "@bob")


async def test_no_conversation_begins_with_an_account_that_is_disabled(house: House) -> None:
    alice, gone = await house.signed_in(await house.person("alice")), await house.person("gone")
    await house.accounts.set_active(OPERATOR, gone, False)
    with pytest.raises(Refusal, match="Nobody signs in with this account") as caught:
        house.directs.find(alice, "@gone")
    assert caught.value.code == "not_found"


async def test_a_conversation_stays_where_it_is_when_somebody_gets_another_name(house: House) -> None:
    _, alice, bob = await three(house)
    await post(house, alice, "@bob", "hello")
    room = house.directs.find(alice, "@bob")
    house.policies.load(await house.store.policies())
    await house.accounts.change(bob, ProfileChange(name="robert"))
    assert house.directs.find(alice, "@robert") == house.directs.find(alice, "@bob") == room
    assert house.directs.address(alice.id, room) == "@robert"


async def test_a_token_for_some_rooms_reaches_no_other_conversation(house: House) -> None:
    _, alice, _ = await three(house)
    await post(house, alice, "@bob", "hello")
    house.policies.load(await house.store.policies())
    bound = alice._replace(rooms=frozenset({house.directs.find(alice, "@bob")}))
    assert house.directs.find(bound, "@bob") in bound.rooms  # type: ignore[operator]
    for name in ("@me", "@olga", "@nobody", "@a/b"):
        with pytest.raises(Refusal) as caught:
            house.directs.find(bound, name)
        assert caught.value.code == "forbidden"
    alone = await house.sign_ins.make_token(alice, alice.account, "x", frozenset({"read"}), 9, frozenset({"@bob"}))  # type: ignore[arg-type]
    assert alone.sign_in.rooms == house.directs.find(alice, "@bob")
    making = house.sign_ins.make_token(alice, alice.account, "x", frozenset({"read"}), 9, frozenset({"@olga"}))  # type: ignore[arg-type]
    await refused("not_found", making)


async def test_who_is_blocked_writes_no_more_not_even_what_is_on_its_way(house: House) -> None:
    olga, alice, bob = await three(house)
    await post(house, bob, "@alice", "before")
    blocking = asyncio.ensure_future(house.blocks.block(alice, bob.account))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    late = post(house, bob, "@alice", "on its way")
    await blocking
    await refused("forbidden", late)
    with pytest.raises(Refusal) as caught:
        await post(house, bob, "@alice", "after")
    assert caught.value.detail == "alice does not take messages from you."
    await refused("forbidden", post(house, bob, "@alice+olga", "in a group"))
    await refused("forbidden", post(house, alice, "@bob", "to whom I have blocked"))
    await post(house, alice, "@bob+olga", "in a group with both")
    assert house.blocks.is_blocked(bob.id, by=alice.id)
    assert not house.blocks.is_blocked(alice.id, by=bob.id)
    assert [block.blocked for block in await house.blocks.all(alice)] == [bob.id]
    assert await house.blocks.all(olga) == []
    await house.blocks.unblock(alice, bob.account)  # type: ignore[arg-type]
    await post(house, bob, "@alice", "again")
    await refused("not_found", house.blocks.unblock(alice, bob.account))  # type: ignore[arg-type]
    texts = [each.text for each in await said(house, house.directs.find(bob, "@alice")) if isinstance(each, Message)]
    assert texts == ["before", "again"]


async def test_bots_are_blocked_with_their_owner_and_their_owner_blocks_for_them(house: House) -> None:
    _, alice, bob = await three(house)
    bot = await house.accounts.make_bot(bob, "robo", "")
    acting = bob._replace(kind="bot", id=bot.id, account=bot, sign_in=None, credential="password")
    await post(house, acting, "@alice", "beep")
    await post(house, alice, "@robo", "stop")
    await house.blocks.block(alice, bob.account)  # type: ignore[arg-type]
    await refused("forbidden", post(house, acting, "@alice", "beep"))
    await house.blocks.block(bob, alice.account)  # type: ignore[arg-type]
    await house.blocks.unblock(alice, bob.account)  # type: ignore[arg-type]
    await refused("forbidden", post(house, alice, "@robo", "are you there?"))
    await refused("bad_parameter", house.blocks.block(bob, bot))
    await refused("bad_parameter", house.blocks.block(bob, bob.account))  # type: ignore[arg-type]


async def test_who_is_blocked_adds_nobody_to_a_room(house: House) -> None:
    _, alice, bob = await three(house)
    rooms, members = Rooms(house.store, house.ids, house.policies), Members(house.store, house.policies)
    made = await rooms.create(bob, None, Settings(title="Trap", access="private"))
    await house.blocks.block(alice, bob.account)  # type: ignore[arg-type]
    await refused("forbidden", members.add(bob, made.room, alice.account, "member"))  # type: ignore[arg-type]
    await house.blocks.unblock(alice, bob.account)  # type: ignore[arg-type]
    await members.add(bob, made.room, alice.account, "member")  # type: ignore[arg-type]


async def test_who_may_write_to_whom_is_the_rule_of_the_server_at_the_moment_of_storing(house: House) -> None:
    olga, alice, bob = await three(house)
    await post(house, bob, "@alice", "before")
    changing = asyncio.ensure_future(house.settings.change(olga, {"direct": "staff"}))
    await asyncio.sleep(0)
    late = post(house, bob, "@alice", "on its way")
    await changing
    await refused("forbidden", late)
    await post(house, olga, "@alice", "from who runs the server")
    await post(house, alice, "@olga", "to who runs the server")
    await house.settings.change(olga, {"direct": "shared"})
    await refused("forbidden", post(house, bob, "@alice", "strangers"))
    rooms, members = Rooms(house.store, house.ids, house.policies), Members(house.store, house.policies)
    made = await rooms.create(alice, None, Settings(title="Ours", access="private"))
    await members.add(alice, made.room, bob.account, "member")  # type: ignore[arg-type]
    await post(house, bob, "@alice", "together")
    await members.remove(alice, made.room, bob.account)  # type: ignore[arg-type]
    await refused("forbidden", post(house, bob, "@alice", "apart"))
    await house.settings.change(olga, {"direct": "nobody"})
    await refused("forbidden", post(house, olga, "@alice", "even I"))
    await post(house, bob, "@me", "a note")


async def test_nobody_comes_or_goes_or_changes_what_it_is(house: House) -> None:
    olga, alice, bob = await three(house)
    await post(house, alice, "@bob", "hello")
    house.policies.load(await house.store.policies())
    room = house.directs.find(alice, "@bob")
    rooms, members = Rooms(house.store, house.ids, house.policies), Members(house.store, house.policies)
    for changing in (
        members.add(alice, room, olga.account, "member"),  # type: ignore[arg-type]
        members.add(alice, room, bob.account, "owner"),  # type: ignore[arg-type]
        members.remove(alice, room, bob.account),  # type: ignore[arg-type]
        members.remove(alice, room, alice.account),  # type: ignore[arg-type]
        rooms.change(alice, room, Settings(title="Ours")),
        house.invitations.make(alice, "none", 1, 1, room),
    ):
        with pytest.raises(Refusal) as caught:
            await changing
        assert (caught.value.code, caught.value.detail) == ("forbidden", FIXED)
    for changing in (members.join(olga, room), members.add(olga, room, olga.account, "owner")):  # type: ignore[arg-type]
        await refused("not_found", changing)
    assert house.policies.of(room).members.keys() == {alice.id, bob.id}


async def test_what_was_said_with_somebody_whose_account_is_deleted_can_still_be_read(house: House) -> None:
    _, alice, bob = await three(house)
    await post(house, alice, "@bob", "hello")
    house.policies.load(await house.store.policies())
    await house.blocks.block(bob, alice.account)  # type: ignore[arg-type]
    await house.deletions.delete_own(bob, PASSWORD, "keep")
    room = house.directs.find(alice, f"@{bob.id}")
    house.policies.require(alice, "read", room)
    assert house.directs.address(alice.id, room) == f"@{bob.id}"
    with pytest.raises(Refusal) as caught:
        await post(house, alice, f"@{bob.id}", "are you there?")
    assert "was deleted" in caught.value.detail
    with pytest.raises(Refusal):
        house.directs.find(alice, "@bob")
    assert await house.store.query(ALL_BLOCKS()) == []


async def test_a_conversation_has_at_most_twenty_people_and_new_ones_have_a_rate(house: House) -> None:
    _, alice, _ = await three(house)
    for number in range(19):
        await house.accounts.make_bot(alice, f"bot-{number}", "")
    names = [f"bot-{number}" for number in range(19)]
    assert house.directs.find(alice, "@" + "+".join(names))
    with pytest.raises(Refusal) as caught:
        house.directs.find(alice, "@" + "+".join([*names, "bob"]))
    assert caught.value.code == "bad_room_name"
    posting = house.posting(Limits(address_new_rooms_burst=3, address_new_rooms_per_s=0.01))
    for number in range(3):
        await posting.posted(alice, house.directs.find(alice, f"@bob+bot-{number}"), "hello")
    await posting.posted(alice, house.directs.find(alice, "@bob+bot-1"), "one that is there")
    await refused("rate_limited", posting.posted(alice, house.directs.find(alice, "@bob+bot-3"), "one too many"))


async def test_its_name_is_another_one_on_another_server(house: House) -> None:
    _, alice, _ = await three(house)
    other = Directs(b"x" * 32, house.identities, Policies("open"), house.blocks, house.settings)
    assert other.find(alice, "@bob") != house.directs.find(alice, "@bob")
