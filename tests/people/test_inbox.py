"""The list of rooms of an account: read positions, levels and mentions, by everybody's browsers and programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import httpx
import pytest

from parlour.chat.inbox_settings import InboxSettings
from parlour.chat.mentions import Mentions, Named, post
from parlour.chat.policies import Policies
from parlour.chat.rooms import Rooms
from parlour.chat.tables.inbox import MENTIONS
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor, guest
from parlour.core.errors import Refusal
from parlour.core.event import Author, Draft
from parlour.core.limits import Limits
from parlour.core.payloads import Message, Settings, log_of_account
from parlour.core.policy import Membership, Policy
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.store.memory import MemoryStore
from tests.people.house import PASSWORD, House, refused
from tests.people.server import Town
from tests.support.server import ServerProcess
from tests.support.stores import CountedIds, HandClock


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("inbox") / "data", "--rate-limits", "off") as server:
        made = Town(server)
        yield made
        made.close()


@pytest.fixture(scope="module")
def ada(town: Town) -> httpx.Client:
    return town.join("ada")


@pytest.fixture(scope="module")
def bob(town: Town) -> httpx.Client:
    return town.join("bob")


def rooms(browser: httpx.Client) -> dict[str, Any]:
    """The rooms in somebody's list, by their names."""
    return {room["room"]: room for room in browser.get("/api/v1/me/rooms").raise_for_status().json()["rooms"]}


def say(who: httpx.Client, room: str, *texts: str) -> dict[str, Any]:
    """The newest of the events that messages have become."""
    for text in texts:
        assert who.post(f"/api/v1/rooms/{room}/messages", json={"text": text}).status_code == 201
    events = who.get(f"/api/v1/rooms/{room}/messages?limit=1").json()["events"]
    return dict(events[0])


def change(who: httpx.Client, room: str, **changes: object) -> dict[str, Any]:
    return dict(who.patch(f"/api/v1/me/rooms/{room}", json=changes).raise_for_status().json())


def made(who: httpx.Client, room: str, *members: str) -> str:
    """A room with members."""
    assert who.post("/api/v1/rooms", json={"room": room}).status_code == 201
    for name in members:
        assert who.put(f"/api/v1/rooms/{room}/members/{name}", json={}).status_code == 200
    return room


def test_a_position_goes_forward_and_back_only_when_told(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "forward", "ada")  # 1 to 3
    say(bob, "forward", "one", "two", "three")
    assert rooms(ada)["forward"]["unread"] == 3
    assert change(ada, "forward", read=5)["unread"] == 1
    assert change(ada, "forward", read=4)["read_seq"] == 5, "another device was behind"
    assert change(ada, "forward", unread_from=5)["unread"] == 2
    say(ada, "forward", "mine")
    assert rooms(ada)["forward"]["unread"] == 0, "whoever answers has read"
    assert rooms(bob)["forward"]["unread"] == 1
    assert change(ada, "forward", read=10**9)["read_seq"] == 7
    assert rooms(bob)["forward"]["unread"] == 1, "what somebody has read, nobody else has"
    assert ada.patch("/api/v1/me/rooms/forward", json={"read": 1, "unread_from": 2}).status_code == 400


def test_what_is_for_somebody(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "calls", "ada")
    event = say(bob, "calls", "look, @Ada")
    assert event["mentions"] == [ada.get("/api/v1/me").json()["account"]["id"]]
    assert say(bob, "calls", "@room lunch")["everyone"] == "room"
    guest = town.browser()
    guest.headers["Accept"] = "application/json"
    assert "everyone" not in say(guest, "calls", "@room free money")
    assert say(guest, "calls", "hello @ada")["mentions"]
    found = rooms(ada)["calls"]
    assert (found["unread"], found["mentions"]) == (4, 3)
    assert rooms(bob)["calls"]["mentions"] == 0, "nobody is told of what they say"
    listed = ada.get("/api/v1/me/mentions").json()["mentions"]
    assert [(each["why"], each["event"]["text"]) for each in listed[:2]] == [
        ("name", "hello @ada"),
        ("name", "look, @Ada"),
    ]
    assert bob.delete(f"/api/v1/rooms/calls/messages/{event['seq']}").status_code == 204
    assert rooms(ada)["calls"]["mentions"] == 2, "a message that was deleted is for nobody"


def test_everybody_in_an_open_room_is_whoever_has_it_in_the_list(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    """A room that nobody has joined has no members; whoever reads it has it in the list."""
    cy = town.join("cy")
    say(bob, "plaza", "hello", "@room too early")
    change(ada, "plaza", read=1)
    assert say(bob, "plaza", "@room lunch")["everyone"] == "room"
    assert (rooms(ada)["plaza"]["unread"], rooms(ada)["plaza"]["mentions"]) == (2, 2), "all that is not read yet"
    change(cy, "plaza", read=3)
    assert rooms(cy)["plaza"]["mentions"] == 0
    say(bob, "plaza", "@room once more", "and nothing")
    assert (rooms(ada)["plaza"]["mentions"], rooms(cy)["plaza"]["mentions"]) == (3, 1)
    change(cy, "plaza", level="nothing")
    assert rooms(cy)["plaza"]["mentions"] == 0
    assert ada.delete("/api/v1/me/rooms/plaza").status_code == 204
    say(bob, "plaza", "@room last call")
    assert "plaza" not in rooms(ada)


def test_a_muted_room_tells_nobody_and_calls_for_nobody(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "muted", "ada")
    assert change(ada, "muted", level="nothing")["level"] == "nothing"
    say(bob, "muted", "@ada", "@room")
    found = rooms(ada)["muted"]
    assert (found["unread"], found["mentions"]) == (2, 0)
    assert all(each["event"]["room"] != "muted" for each in ada.get("/api/v1/me/mentions").json()["mentions"])
    before = ada.get("/api/v1/me/rooms").json()["badge"]
    change(ada, "muted", level="all", favourite=True)
    assert ada.get("/api/v1/me/rooms").json()["badge"] == before + 2
    assert change(ada, "muted", level=None)["favourite"] is True


def test_words_are_watched_for_in_rooms_one_is_in_and_told_to_nobody(ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "words", "ada")
    set_ = ada.patch("/api/v1/me/inbox", json={"keywords": ["Fire"], "quiet_hours": "00:00-23:59"})
    assert set_.json() == {"keywords": ["fire"], "quiet_hours": "00:00-23:59", "is_quiet": True}
    event = say(bob, "words", "There is a FIRE!")
    assert "mentions" not in event
    say(bob, "elsewhere", "fire")
    assert rooms(ada)["words"]["mentions"] == 1
    assert "elsewhere" not in rooms(ada)
    assert ada.patch("/api/v1/me/inbox", json={"keywords": ["two words"]}).status_code == 400


def test_a_name_brings_a_room_into_the_list_until_it_is_forgotten(ada: httpx.Client, bob: httpx.Client) -> None:
    say(bob, "public", "long ago", "@ada, look here")
    assert (rooms(ada)["public"]["unread"], rooms(ada)["public"]["mentions"]) == (1, 1)
    change(bob, "public", favourite=True)
    assert ada.delete("/api/v1/me/rooms/public").status_code == 204
    assert "public" not in rooms(ada)
    assert rooms(bob)["public"]["favourite"] is True


def test_who_is_blocked_does_not_see_that_in_what_they_say(ada: httpx.Client, bob: httpx.Client) -> None:
    before = say(bob, "square", "hello @ada")
    assert ada.put("/api/v1/me/blocks/bob").status_code == 204
    after = say(bob, "square", "hello again, @ada")
    told = rooms(ada)["square"]["mentions"]
    assert ada.delete("/api/v1/me/blocks/bob").status_code == 204
    assert (after["mentions"], told) == (before["mentions"], 1)


def test_who_is_not_in_a_private_room_is_not_called_there(ada: httpx.Client, bob: httpx.Client) -> None:
    room = bob.post("/api/v1/rooms", json={"title": "Ours", "access": "private"}).json()["room"]
    assert "mentions" not in say(bob, room, "nobody tells @ada")
    assert room not in rooms(ada)
    assert ada.patch(f"/api/v1/me/rooms/{room}", json={"favourite": True}).status_code == 404


def test_what_was_for_somebody_is_shown_to_who_may_read_it_now(ada: httpx.Client, bob: httpx.Client) -> None:
    """In a room that is shown from when one came in, that is not what was said before one came back."""
    settings = {"title": "Since", "access": "private", "history": "joined"}
    room = bob.post("/api/v1/rooms", json=settings).json()["room"]

    def listed() -> list[str]:
        found = ada.get("/api/v1/me/mentions").json()["mentions"]
        return [each["event"]["text"] for each in found if each["event"]["room"] == room]

    bob.put(f"/api/v1/rooms/{room}/members/ada", json={}).raise_for_status()
    say(bob, room, "@ada one")
    assert listed() == ["@ada one"]
    assert bob.delete(f"/api/v1/rooms/{room}/members/ada").status_code == 204
    assert (listed(), room in rooms(ada)) == ([], False)
    bob.put(f"/api/v1/rooms/{room}/members/ada", json={}).raise_for_status()
    say(bob, room, "@ada two")
    assert listed() == ["@ada two"]


async def test_who_is_removed_is_not_told_of_what_is_on_its_way() -> None:
    house = House(MemoryStore(HandClock(), CountedIds()))
    ada, bob = await house.person("ada"), await house.person("bob")
    owner = await house.signed_in(bob)
    room = (
        await Rooms(house.store, CountedIds(), house.policies).create(owner, None, Settings("private", "Ours"))
    ).room
    author, found = Author(bob.id, bob.display, "member"), Named({ada.id: "name", bob.id: "name"}, None, None)
    await house.store.run(post(Draft(room, author, Message("@ada")), found))
    told = [await house.store.query(MENTIONS(account.id, 10)) for account in (ada, bob)]
    assert [len(each) for each in told] == [0, 1], "she was found while she was in the room"
    await house.store.close()
    house.passwords.close()


async def test_everybody_in_a_room_is_called_by_one_person_at_a_rate() -> None:
    """A person counts together with their bots, in each room; its moderators do not count."""
    house = House(MemoryStore(HandClock(), CountedIds()))
    ada, bob = await house.person("ada"), await house.person("bob")
    bots = [Account(f"u_b{n}", f"b{n}", "B", "bot", "member", bob.id, "active") for n in range(2)]
    settings = InboxSettings(house.store, house.clock)
    limits = Limits(room_calls_per_s=0.1, room_calls_burst=3)
    posting = house.posting(limits, Mentions(house.identities, house.policies, settings))

    async def call(account: Account, text: str, room: str = "plaza", key: str | None = None) -> str:
        try:
            await posting.posted(Actor(account.kind, account.id, "token", "192.0.2.7", account), room, text, key)
        except Refusal as refusal:
            return f"{refusal.code} {refusal.retry_after:.0f}"
        return ""

    for each, text in ((bots[0], "@room a"), (bots[1], "@here b"), (bots[0], "@room c"), (bots[1], "d")):
        assert await call(each, text) == ""
    assert await call(bots[0], "@room e") == "rate_limited 10"
    assert [await call(bob, "@here"), await call(bob, "@ada"), await call(bob, "@room", "patio")] == [
        "rate_limited 10",
        *("", ""),
    ]
    assert await call(ada, "@room") == ""
    assert [await call(ada, "@room", "patio", key="once-only") for _ in range(5)] == [""] * 5, "once each"
    house.clock.ms += 10_000
    assert await call(bob, "@here") == ""
    house.policies.learn("plaza", Policy(99, "open", members={bob.id: Membership("moderator", 1)}))
    assert await call(bob, "@here") == ""
    await house.store.close()
    house.passwords.close()


async def test_the_log_of_an_account_opens_to_nobody_else() -> None:
    store, policies = MemoryStore(HandClock(), CountedIds()), Policies("open")
    hub = Hub(store)
    people = {name: Account(f"u_{name}", name, name, "member", "owner", None, "active") for name in ("ada", "bob")}
    ada, bob = [Actor("member", each.id, "session", None, each) for each in people.values()]
    log = log_of_account("u_ada")
    for actor in (bob, guest("cookie", None), OPERATOR):
        await refused("not_found", Door(hub, policies).open(actor, log, "read"))
    (await Door(hub, policies).open(ada, log, "read")).release()
    await hub.close()
    await store.close()


def test_a_token_for_some_rooms_sees_no_list(town: Town, ada: httpx.Client) -> None:
    body = {"label": "one room", "scopes": ["read", "post"], "rooms": ["calls"]}
    secret = ada.post("/api/v1/tokens", json=body).json()["secret"]
    assert httpx.get(f"{town.url}/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 403


def test_nothing_of_a_list_is_left_of_an_account_that_was_deleted(town: Town, bob: httpx.Client) -> None:
    eve = town.join("eve")
    id_ = eve.get("/api/v1/me").json()["account"]["id"]
    say(bob, "with-eve", "hi @eve")
    change(eve, "with-eve", level="all")
    assert eve.post("/api/v1/me/deletion", json={"password": PASSWORD, "messages": "keep"}).status_code == 204
    with apsw.Connection(str(town.server.data / "parlour.db"), flags=apsw.SQLITE_OPEN_READONLY) as database:
        for table in ("my_rooms", "mentions", "inbox_settings"):
            assert not list(database.execute(f"SELECT 1 FROM {table} WHERE account = ?", (id_,))), table  # noqa: S608
        find = "SELECT type FROM events JOIN rooms ON room_no = id >> 36 WHERE name = ?"
        log = list(database.execute(find, (f".{id_}",)))
    assert log == [("redacted",)]
