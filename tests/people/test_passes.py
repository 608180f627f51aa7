"""Passes in their table: the last place, one name for one, the end of a link and what is known of it afterwards."""

from __future__ import annotations

import asyncio

import pytest

from parlour.chat.guest_cookies import GuestCookies
from parlour.chat.guest_link_steps import end_guest_links
from parlour.chat.guest_links import Terms
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.guests import SYSTEM
from parlour.chat.passes import NewPass
from parlour.chat.posting import Posting
from parlour.chat.tables.passes import FIND_ENDED_PASS
from parlour.core.actor import OPERATOR, Actor
from parlour.core.actor import guest as visitor
from parlour.core.guest_links import ENDED_KEPT_DAYS, EndedPass
from parlour.core.payloads import GuestLinkChanged
from parlour.core.secret import digest
from parlour.work.expiry import Expiry
from tests.people.house import ADDRESS, House, refused


async def posted(posting: Posting, room: str, name: str) -> None:
    """Somebody without a pass says something."""
    await posting.posted(visitor("x", ADDRESS), room, "hi", name=name)


async def test_nobody_else_in_an_open_room_takes_the_name_of_a_guest(house: House) -> None:
    made_link = await house.guest_links.make(OPERATOR, ["class"], Terms())
    lena = (await house.passes.come_in(visitor(None, ADDRESS), made_link.code, "Lena", ADDRESS)).guest
    await learn(house)
    posting = house.posting()
    for name in ("lena", "L\u0435na"):
        await refused("reserved_name", posted(posting, "class", name))
        await posted(posting, "elsewhere", name)
    actor = Actor("guest", lena.id, "pass", ADDRESS, guest_pass=lena)
    assert b'"name":"Lena"' in (await posting.posted(actor, "class", "hi")).json


async def test_a_link_ends_when_its_time_is_over(house: House) -> None:
    short = await house.guest_links.make(OPERATOR, ["class", "handouts"], Terms(minutes=5))
    await house.guest_links.make(OPERATOR, ["class"], Terms(minutes=60))
    came = await house.passes.come_in(visitor(None, ADDRESS), short.code, "Lena", ADDRESS)
    assert await house.known_passes.identify(came.secret, ADDRESS) is not None
    expiry = Expiry(house.store, house.identities, house.clock)
    assert await expiry.round() == 300.0
    await learn(house)
    assert house.policies.of("class").guests.keys() == {came.guest.id}
    house.clock.ms += 300_000
    ended = EndedPass(("class", "handouts"), house.clock.ms)
    assert await house.known_passes.identify(came.secret, ADDRESS) is None, "at the moment itself"
    assert house.known_passes.ended(came.secret) == ended
    assert await expiry.round() == 0.0
    assert await house.known_passes.identify(came.secret, ADDRESS) is None
    assert house.known_passes.ended(came.secret) == ended
    await learn(house)
    assert not house.policies.of("class").guests
    assert not house.policies.of("handouts").guests
    assert house.log[-1] == GuestLinkChanged("ended", short.id)
    await refused("link_gone", house.passes.come_in(visitor(None, ADDRESS), short.code, "Ken", ADDRESS))
    house.clock.ms += ENDED_KEPT_DAYS * 86_400_000
    while await expiry.round() == 0.0:
        pass
    assert await house.store.query(FIND_ENDED_PASS(digest(came.secret))) == []


@pytest.mark.parametrize("how", ["refused", "ended", "over"])
async def test_who_only_waited_is_told_nothing_of_the_rooms(house: House, how: str) -> None:
    """Neither that they were removed from one, nor that the link to it has ended: they were in none."""
    made_link = await house.guest_links.make(OPERATOR, ["class"], Terms(minutes=5, newcomers="ask"))
    waits = await house.passes.come_in(visitor(None, ADDRESS), made_link.code, "Lena", ADDRESS)
    was_in = await house.passes.come_in(visitor(None, ADDRESS), made_link.code, "Ken", ADDRESS)
    await house.passes.let_in(OPERATOR, "class", was_in.guest.id)
    if how == "refused":
        for each in (waits, was_in):
            await house.passes.remove(OPERATOR, "class", each.guest.id)
        await learn(house)
        codes = [await code_of(house, each) for each in (waits, was_in)]
        assert codes == ["forbidden", "removed"], "as to whoever has no pass for this room; as to who was there"
        return
    if how == "ended":
        await house.guest_links.end(OPERATOR, made_link.id)
    else:
        house.clock.ms += 300_000
    assert [await house.known_passes.identify(each.secret, ADDRESS) for each in (waits, was_in)] == [None, None]
    assert house.known_passes.ended(waits.secret) is None
    assert house.known_passes.ended(was_in.secret) == EndedPass(("class",), house.clock.ms)


async def code_of(house: House, came: NewPass) -> str:
    """What somebody with a pass is told who wants to read the room."""
    actor = await house.known_passes.identify(came.secret, ADDRESS)
    assert actor is not None
    refusal = house.policies.why_not(actor, "read", "class")
    return "" if refusal is None else refusal.code


async def test_the_passes_of_links_that_ended_first_are_forgotten_first(house: House) -> None:
    came = []
    for name in ("Lena", "Ken"):
        link = await house.guest_links.make(OPERATOR, ["class"], Terms())
        came.append(await house.passes.come_in(visitor(None, ADDRESS), link.code, name, ADDRESS))
        await house.store.run(end_guest_links(SYSTEM, [link], most_ended=1))
        house.clock.ms += 1000
    assert [await house.known_passes.identify(each.secret, ADDRESS) for each in came] == [None, None]
    assert [house.known_passes.ended(each.secret) is not None for each in came] == [False, True]


async def test_who_asks_again_in_the_same_way_is_the_same_actor(house: House) -> None:
    """So that it costs no look at the cookies, and what is remembered of who has written last is not written again."""
    made_link = await house.guest_links.make(OPERATOR, ["class"], Terms())
    came = await house.passes.come_in(visitor(None, ADDRESS), made_link.code, "Lena", ADDRESS)
    sealed, own = GuestCookies(house.store.secret).sealed, GuestMarks(house.store.secret).own
    for cookie, browser in (
        (sealed("one"), own(visitor("one", ADDRESS).id)),
        (sealed("two"), own(visitor("two", ADDRESS).id)),
        ("one.made-up", None),
        (None, None),
    ):
        actor = await house.known_passes.identify(came.secret, ADDRESS, cookie)
        assert actor is not None
        assert actor.browser == browser
        again = house.known_passes.actor(came.secret, ADDRESS, cookie)
        assert again == actor
        assert again is actor or cookie == "one.made-up", "nothing of others' making is kept"


async def learn(house: House) -> None:
    """Know the policies of rooms as they are stored."""
    house.policies.load(await house.store.policies())


async def coming(house: House, terms: Terms, *names: str) -> int:
    """How many come in of those who open a link at the same time."""
    made_link = await house.guest_links.make(OPERATOR, ["class"], terms)
    all_ = [house.passes.come_in(visitor(None, ADDRESS), made_link.code, name, ADDRESS) for name in names]
    found = await asyncio.gather(*all_, return_exceptions=True)
    return [type(each) is NewPass for each in found].count(True)


async def test_the_last_place_of_a_link_is_for_one(house: House) -> None:
    assert await coming(house, Terms(people=1), "Lena", "Ken") == 1
    await learn(house)
    assert len(house.policies.of("class").guests) == 1


async def test_two_at_once_do_not_get_one_name(house: House) -> None:
    assert await coming(house, Terms(), "Lena", "lena") == 1


async def test_who_leaves_and_comes_again_is_somebody_else(house: House) -> None:
    made_link = await house.guest_links.make(OPERATOR, ["class"], Terms())
    first = await house.passes.come_in(visitor(None, ADDRESS), made_link.code, "Lena", ADDRESS)
    await house.passes.leave(first.guest)
    assert await house.known_passes.identify(first.secret, ADDRESS) is None
    second = await house.passes.come_in(visitor(None, ADDRESS), made_link.code, "Lena", ADDRESS)
    assert second.guest.id != first.guest.id
