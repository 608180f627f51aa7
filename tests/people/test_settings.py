"""Settings of the server: changed while it runs, kept, judged by the store, and told to those who follow its log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from parlour.chat.server_settings import set_settings
from parlour.chat.tables.server_settings import SETTINGS
from parlour.chat.transactions import Append, Transaction
from parlour.core.accounts import Role
from parlour.core.actor import OPERATOR, guest
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Author, Draft
from parlour.core.payloads import SERVER_LOG, Message, ServerChanged
from parlour.core.server_settings import SERVER_SETTINGS, ServerSettings
from tests.people.house import ADDRESS, House, nothing, refused
from tests.support.stores import HandClock, open_sqlite
from tests.support.timeout import TIMEOUT_S

VISITOR = guest(None, ADDRESS)


class Visitors:
    """Guests of a house who post."""

    def __init__(self, house: House) -> None:
        self._posting = house.posting()
        self.answers: list[str] = []

    def post(self, text: str, room: str = "lobby", key: str | None = None) -> None:
        """Queue a message; how it ends is added to the answers once it does."""

        def done(answer: Answer) -> None:
            self.answers.append(f"{text}: {answer.code}" if isinstance(answer, Refusal) else f"{text}: stored")

        try:
            self._posting.post(VISITOR, room, text, done, key=key)
        except Refusal as refusal:
            done(refusal)


def test_each_setting_has_a_default_that_it_can_be_set_to() -> None:
    assert tuple(row.name for row in SERVER_SETTINGS) == ServerSettings._fields
    for row in SERVER_SETTINGS:
        assert row.default in row.values


async def test_a_change_is_an_event_of_the_log_and_a_row_of_the_table(house: House) -> None:
    alice = await house.person("alice", "owner")
    actor = await house.signed_in(alice)
    house.log.clear()
    now = await house.settings.change(actor, {"registration": "open", "rooms": "admins"})
    assert now == ServerSettings(registration="open", rooms="admins") == house.settings.now
    assert house.log == [ServerChanged("registration", "open"), ServerChanged("rooms", "admins")]
    await house.settings.change(OPERATOR, {"rooms": "admins"})
    assert len(house.log) == 2, "what is set already is no change"
    rows = await house.store.query(SETTINGS())
    assert [(row.name, row.value) for row in rows] == [("registration", "open"), ("rooms", "admins")]
    assert {row.name: row.seq for row in rows} == house.settings.set_at
    await house.settings.change(OPERATOR, {"rooms": "members"})
    assert house.settings.now.rooms == "members"


@pytest.mark.parametrize(
    "values", [{"colour": "red"}, {"access": "private"}, {"rooms": "admins", "deletion": "perhaps"}]
)
async def test_a_value_that_there_is_not_changes_nothing(house: House, values: dict[str, str]) -> None:
    await refused("bad_parameter", house.settings.change(OPERATOR, values))
    assert house.settings.now == ServerSettings()
    assert not house.log


@pytest.mark.parametrize("role", ["member", "moderator"])
async def test_only_those_who_run_the_server_change_settings(house: House, role: Role) -> None:
    actor = await house.signed_in(await house.person("bob", role))
    await refused("forbidden", house.settings.change(actor, {"rooms": "admins"}))
    await refused("login_required", house.settings.change(VISITOR, {"rooms": "admins"}))


async def test_a_server_without_an_owner_is_not_closed(house: House) -> None:
    await refused("bad_parameter", house.settings.change(OPERATOR, {"registration": "open", "access": "members"}))
    assert house.settings.now == ServerSettings(), "all of them, or none"
    await house.person("alice", "owner")
    await house.settings.change(OPERATOR, {"access": "members"})
    assert house.policies.server == "members"


async def test_no_message_of_a_guest_is_stored_after_the_event_that_closed_the_server(house: House) -> None:
    """Everything is queued in one turn of the loop, so by one batch, and judged before anybody knows of the event."""
    await house.person("alice", "owner")
    visitors = Visitors(house)
    visitors.post("first", key="key-0001")
    await house.store.run(nothing())
    visitors.post("before")
    closing = house.store.run(set_settings(OPERATOR, {"access": "members"}))
    visitors.post("after")
    visitors.post("a new room", "another")
    visitors.post("first", key="key-0001")
    await closing
    await house.store.run(nothing())
    assert visitors.answers == [
        "first: stored",
        "before: stored",
        "after: login_required",
        "a new room: login_required",
        "first: login_required",
    ]
    assert (await house.store.log("another")).head_seq == 0
    visitors.post("much later")
    async with asyncio.timeout(TIMEOUT_S):
        while len(visitors.answers) < 6:
            await asyncio.sleep(0.001)
    assert visitors.answers[-1] == "much later: login_required"


async def test_a_closed_server_is_opened_again(house: House) -> None:
    await house.person("alice", "owner")
    visitors = Visitors(house)
    await house.settings.change(OPERATOR, {"access": "members"})
    await house.settings.change(OPERATOR, {"access": "open"})
    visitors.post("hello again")
    await house.store.run(nothing())
    assert visitors.answers == ["hello again: stored"]


async def test_a_change_that_is_taken_back_closes_nothing(house: House) -> None:
    def fails() -> Transaction[None]:
        yield Append(Draft(SERVER_LOG, Author("system", "system", "system"), ServerChanged("access", "members")))
        raise Refusal("forbidden")

    visitors = Visitors(house)
    failing = house.store.run(fails())
    visitors.post("hello")
    await refused("forbidden", failing)
    await house.store.run(nothing())
    assert visitors.answers == ["hello: stored"]


async def test_the_store_knows_after_a_restart_who_may_take_part(tmp_path: Path) -> None:
    clock = HandClock()
    house = House(await open_sqlite(tmp_path, clock=clock), clock=clock)
    await house.person("alice", "owner")
    await house.settings.change(OPERATOR, {"access": "members", "deletion": "keep"})
    await house.store.close()
    house = House(await open_sqlite(tmp_path, clock=clock), clock=clock)
    await house.settings.load()
    assert house.settings.now == ServerSettings(access="members", deletion="keep")
    late = Draft("lobby", Author("g_1", "guest", "guest"), Message("late"), None, None, 0)
    answers: list[Answer] = []
    house.store.append(late, answers.append)
    await house.store.run(nothing())
    assert isinstance(answers[0], Refusal)
    assert answers[0].code == "login_required"
    await house.store.close()


async def test_who_may_make_rooms(house: House) -> None:
    await house.person("alice", "owner")
    visitors = Visitors(house)
    visitors.post("here before", "kitchen")
    await house.store.run(nothing())
    await house.settings.change(OPERATOR, {"rooms": "admins"})
    visitors.post("nowhere", "nowhere")
    visitors.post("here still", "kitchen")
    visitors.post("the front room is always there")
    await house.store.run(nothing())
    assert visitors.answers == [
        "here before: stored",
        "nowhere: forbidden",
        "here still: stored",
        "the front room is always there: stored",
    ]
    done: list[Answer] = []
    house.posting().post(OPERATOR, "nowhere", "made", done.append)
    await house.store.run(nothing())
    assert isinstance(done[0], Appended)


async def test_who_is_no_admin_any_more_changes_nothing_with_what_was_judged_before(house: House) -> None:
    await house.person("alice", "owner")
    bob = await house.person("bob", "admin")
    actor = await house.signed_in(bob)
    demoting = house.accounts.set_role(OPERATOR, bob, "member")
    changing = house.settings.change(actor, {"rooms": "admins"})
    await demoting
    with pytest.raises(Refusal):
        await changing
    assert house.settings.now.rooms == "members"
