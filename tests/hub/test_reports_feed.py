"""How many reports wait is told to those who may look at them; nobody else is asked; many are told in many turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from msgspec.structs import replace

from parlour.chat.inbox import Inbox
from parlour.chat.known_accounts import KnownAccounts
from parlour.chat.open_reports import OpenReports
from parlour.chat.policies import Policies
from parlour.chat.reading import Bill
from parlour.chat.reading import Place as ReadingPlace
from parlour.core.accounts import Account, Role
from parlour.core.actor import Actor
from parlour.core.payloads import AccountChanged, ReportChanged, RoomRole, ServerChanged
from parlour.core.policy import Membership, Policy
from parlour.hub.hub import Hub
from parlour.hub.inbox_feed import InboxFeed
from parlour.hub.reports_feed import AT_ONCE, ReportsFeed
from parlour.store.memory import MemoryStore
from parlour.stream.encoding import TEXT
from parlour.stream.live import Client, LiveSession, Timing
from tests.support.stores import CountedIds, HandClock

CROWD = 100


class Device:
    """Somebody's session, which notes what it is told."""

    def __init__(self, name: str, role: Role = "member") -> None:
        account = Account(f"u_{name}", name, name, "member", role, None, "active")
        self.actor = Actor("member", account.id, "password", None, account)
        self.told: list[int] = []

    def show_reports(self, count: int) -> None:
        self.told.append(count)


class Written:
    """A connection that notes what is written."""

    descriptor = -1

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def buffered(self) -> int:
        return 0

    def wake_in(self, seconds: float) -> None:
        pass

    def pause_reading(self, is_paused: bool) -> None:
        pass

    def close(self) -> None:
        pass

    abort = close


class Asked(OpenReports):
    """The reports, with all who were asked for: the ids of their accounts."""

    def count(self, actor: Actor) -> int:
        self.asked.append(actor.id)
        return super().count(actor)

    asked: list[str]


class Place:
    """A server with reports, and the devices that follow."""

    def __init__(self) -> None:
        self.store, self.policies = MemoryStore(HandClock(), CountedIds()), Policies("open")
        self.accounts = KnownAccounts()
        self.reports = Asked(self.store, self.policies, self.accounts)
        self.reports.asked = []
        self.feed = ReportsFeed(self.reports, self._current, gather_s=0.0)

    def _current(self, actor: Actor) -> Actor:
        return actor._replace(account=self.accounts[actor.id])

    def come(self, *devices: Device) -> None:
        for device in devices:
            assert device.actor.account is not None
            self.accounts.learn(device.actor.account)
            self.feed.join(device)
        self.reports.asked.clear()

    def furnish(self, room: str, roles: Mapping[str, RoomRole]) -> None:
        seq = self.policies.of(room).seq + 1
        members = {f"u_{name}": Membership(role, 1) for name, role in roles.items()}
        self.policies.learn(room, Policy(seq, "open", members=members))

    def report(self, room: str, id_: str = "r_1", *, closed: bool = False) -> None:
        self.reports.changed(ReportChanged("closed" if closed else "made", id_, room, 1))


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    yield place
    place.feed.close()
    await place.store.close()


async def until_told(device: Device, *counts: int) -> None:
    while device.told != list(counts):
        await asyncio.sleep(0)


async def test_only_who_moderates_the_room_or_the_server_is_asked(place: Place) -> None:
    here, elsewhere, order = Device("here"), Device("elsewhere"), Device("order", "moderator")
    people = [Device(f"p{number}") for number in range(CROWD)]
    roles: dict[str, RoomRole] = {f"p{number}": "member" for number in range(CROWD)}
    place.furnish("square", {**roles, "here": "owner"})
    place.furnish("market", {"elsewhere": "moderator"})
    place.come(*people, here, elsewhere, order)
    for number in range(5):
        place.report("square", f"r_{number}")
    await until_told(here, 5)
    assert sorted(place.reports.asked) == ["u_here", "u_order"], "five reports in one moment are one number"
    assert (order.told, elsewhere.told, [each for each in people if each.told]) == ([5], [], [])


async def test_many_are_told_in_many_turns_of_the_loop(place: Place) -> None:
    moderators = [Device(f"m{number}", "moderator") for number in range(CROWD)]
    place.come(*moderators)
    place.report("square")
    before = 0
    while before < CROWD:
        await asyncio.sleep(0)
        assert len(place.reports.asked) - before <= AT_ONCE
        before = len(place.reports.asked)
    assert all(each.told == [1] for each in moderators)


async def test_who_gets_another_role_in_a_room_with_reports_is_asked_alone(place: Place) -> None:
    ann, ben = Device("ann"), Device("ben")
    place.furnish("square", {"ann": "member", "ben": "owner"})
    place.report("square")
    place.come(ann, ben)
    place.furnish("square", {"ann": "moderator", "ben": "owner"})
    await until_told(ann, 1)
    place.furnish("square", {"ann": "member", "ben": "owner"})
    await until_told(ann, 1, 0)
    assert place.reports.asked == ["u_ann", "u_ann"]


async def test_who_needs_a_second_factor_sees_no_reports_until_they_have_one(place: Place) -> None:
    ann = Device("ann", "moderator")
    place.report("square")
    place.come(ann)
    place.policies.second_factor = "everybody"
    place.reports.changed(ServerChanged("second_factor", "everybody"))
    await until_told(ann, 1, 0)
    account = replace(place.accounts["u_ann"], factors=1)
    place.accounts.learn(account)
    place.reports.changed(AccountChanged("factors", account))
    await until_told(ann, 1, 0, 1)


async def test_a_slow_peer_is_told_how_many_there_are_once_it_has_read_what_came_before(place: Place) -> None:
    ann, sink = Device("ann"), Written()
    place.furnish("square", {"ann": "owner"})
    address, hub = "192.0.2.7", Hub(place.store)
    inbox = InboxFeed(place.store, place.policies, Inbox(place.store, place.policies), lambda _, room: room, place.feed)
    rule, who = place.policies.lasting_rule(ann.actor, "read"), place.policies.who(ann.actor)
    client = Client(
        ann.actor, Bill(None, HandClock(), address), ReadingPlace(None, address).keep(), who, rule, feed=inbox
    )
    session = LiveSession(hub, TEXT, [], client, Timing(25, 30, lambda: 0.5))
    session.started(sink)
    place.come(ann)
    place.feed.join(session)
    session.paused()
    place.report("square")
    await until_told(ann, 1)
    assert sink.written == b""
    session.resumed()
    assert sink.written == b"1 open report\n"
    session.paused()
    place.report("square", closed=True)
    await until_told(ann, 1, 0)
    session.closed()
    session.resumed()
    assert sink.written == b"1 open report\n", "nothing is said to who has gone"


def test_a_report_that_is_told_twice_counts_once(place: Place) -> None:
    for _ in range(2):
        place.report("square")
    moderator = Device("order", "moderator").actor
    assert place.reports.count(moderator) == 1
    for _ in range(2):
        place.report("square", closed=True)
    assert place.reports.count(moderator) == 0


def test_a_token_for_one_room_sees_no_reports(place: Place) -> None:
    place.report("square")
    actor = Device("order", "moderator").actor
    assert place.reports.count(actor._replace(rooms=frozenset({"square"}))) == 0
    assert place.reports.count(actor._replace(scopes=frozenset({"read"}))) == 0
