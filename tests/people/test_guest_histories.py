"""Whatever guests and hosts do: what the tables say is the fold of the logs, and no name is there twice."""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations
from random import Random

import pytest

from parlour.chat.guest_links import Terms, TermsChange
from parlour.chat.passes import NewPass
from parlour.chat.tables.guest_links import GUEST_LINKS_INTO, GuestLink
from parlour.chat.tables.passes import PASSES_OF
from parlour.core.accounts import readings
from parlour.core.actor import OPERATOR, guest
from parlour.core.errors import Refusal
from parlour.core.guest_links import NEWCOMERS
from parlour.core.payloads import SERVER_LOG
from parlour.schema.event_json import payload_of
from tests.people.house import House
from tests.support.fold import Fold

ROOMS = ("class", "handouts", "staff")
NAMES = ("Lena", "lena", "Ken", "L\u0435na", "Mia", "M1a", "Boss")
ADDRESSES = ("192.0.2.1", "192.0.2.2")


class Lesson:
    """A random history of links and guests."""

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._random = Random(seed)
        self._links: list[GuestLink] = []
        self._came: list[NewPass] = []

    async def step(self) -> None:
        """Do something; much of it is refused."""
        choose, house = self._random.choice, self._house
        house.clock.ms += self._random.choice((0, 1000, 120_000))
        act = self._random.choices(
            ("link", "come", "let_in", "remove", "rename", "leave", "change", "end"), (2, 12, 4, 3, 3, 2, 1, 1)
        )[0]
        if act == "link" or not self._links:
            rooms = self._random.sample(ROOMS, choose((1, 1, 2)))
            terms = Terms(choose((1, 3, 50)), choose((5, 60)), choose(NEWCOMERS), 1)
            self._links.append(await house.guest_links.make(OPERATOR, rooms, terms))
            return
        link = choose(self._links)
        if act == "come":
            address = choose(ADDRESSES)
            self._came.append(await house.passes.come_in(guest(None, address), link.code, choose(NAMES), address))
        elif act == "change":
            await house.guest_links.change(
                OPERATOR, link.id, TermsChange(people=choose((1, 5)), minutes=choose((5, None)))
            )
        elif act == "end":
            await house.guest_links.end(OPERATOR, link.id)
        elif self._came:
            came = choose(self._came)
            room, id_ = came.link.rooms[0], came.guest.id
            if act == "let_in":
                await house.passes.let_in(OPERATOR, room, id_)
            elif act == "remove":
                await house.passes.remove(OPERATOR, room, id_)
            elif act == "rename":
                await house.passes.rename(OPERATOR, room, id_, choose(NAMES))
            else:
                await house.passes.leave(came.guest)


async def check(house: House) -> None:
    """The tables are what the logs say."""
    fold = Fold()
    for room in (SERVER_LOG, *ROOMS):
        for event in await house.store.after(room, 0, 10_000, 1 << 30):
            fold.add(room, event.seq, payload_of(event))
    assert await house.store.policies() == fold.policies
    found = [link for room in ROOMS for link in await house.store.query(GUEST_LINKS_INTO(room, 0))]
    links = {link.id: link for link in found}.values()
    assert len(found) == sum(len(link.rooms) for link in links), "each is found for every room that it leads into"
    assert {link.id: link.rooms for link in links} == fold.guest_links
    rows = [row for link in links for row in await house.store.query(PASSES_OF(link.id))]
    assert {row.id: (row.link, row.name, row.state) for row in rows} == fold.passes
    for room, policy in fold.policies.items():
        rooms_of = {link.id: link.rooms for link in links}
        inside = {row.id for row in rows if row.state == "in" and room in rooms_of[row.link]}
        assert policy.guests.keys() == inside
        for one, other in combinations(policy.guests.values(), 2):
            assert readings(one.name).isdisjoint(readings(other.name)), room


async def history(house: House, seed: int, steps: int) -> None:
    lesson = Lesson(house, seed)
    for _ in range(steps):
        with suppress(Refusal):
            await lesson.step()
    await check(house)


async def test_the_tables_are_the_fold_of_the_logs(house: House) -> None:
    await history(house, 1, 120)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 60))
async def test_the_same_for_many_histories(house: House, seed: int) -> None:
    await history(house, seed, 300)
