"""An account is deleted: all that it had ends at once, and no event names it any more, whatever happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from parlour.chat.deletions import Deletions, _delete, erase_some
from parlour.chat.guests import author_of
from parlour.chat.identities import Credentials
from parlour.chat.members import Members
from parlour.chat.profiles import ProfileChange
from parlour.chat.rooms import Rooms
from parlour.chat.transactions import Append, Transaction
from parlour.core.accounts import DELETED_NAME, Account, DeletionRule, KeptMessages
from parlour.core.actor import OPERATOR, Actor
from parlour.core.errors import Refusal
from parlour.core.event import Draft
from parlour.core.names import display_name
from parlour.core.payloads import SERVER_LOG, Message, Settings
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.schema.event_json import payload_of
from parlour.store.sqlite.check import check
from parlour.work.erasing import Erasing
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.people.server import Town, bearer, session_of
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.stores import CountedIds
from tests.support.talk import Client
from tests.support.timeout import wait_until


@pytest.fixture
async def rooms(house: House) -> AsyncIterator[Rooms]:
    """The verbs of rooms, with everything that learns of commits."""
    hub = Hub(house.store)
    house.store.on_commit(Door(hub, house.policies).committed)
    house.store.on_redact(hub.redact)
    yield Rooms(house.store, CountedIds(900), house.policies)
    await hub.close()


async def say(house: House, room: str, account: Account, text: str, key: str | None = None) -> None:
    def one() -> Transaction[object]:
        return (yield Append(Draft(room, author_of(account), Message(text), key)))

    await house.store.run(one())


async def said(house: House, room: str) -> list[tuple[str, str, str | None]]:
    """Type, name and text of the events of a room."""
    events = [json.loads(event.json) for event in await house.store.after(room, 0, 1000)]
    return [(event["type"], event["by"]["name"], event.get("text")) for event in events]


async def carry_through(house: House) -> None:
    await Erasing(house.store, house.deletions, step_pause_s=0.0).round()


@pytest.mark.parametrize("messages", ["keep", "remove"])
async def test_no_event_names_an_account_that_was_deleted(house: House, rooms: Rooms, messages: KeptMessages) -> None:
    olga = await house.person("olga", "owner")
    alice = await house.person("alice-a")
    actor = await house.signed_in(alice)
    alice = await house.accounts.change(
        actor, ProfileChange(display="Alice Anders", status="Alice is here", hue=4, time_zone="Asia/Tokyo")
    )
    alice = await house.accounts.change(house.identities.current(actor), ProfileChange(name="alice-b"))
    actor = house.identities.current(actor)
    room = (await rooms.create(actor, None, Settings(access="private", title="Ours"))).room
    await Members(house.store, house.policies).add(actor, room, olga, "member")
    for number in range(5):
        await say(house, room, alice, f"alice says {number}", key=f"key-0000{number}")
        await say(house, "lobby", olga, f"olga answers {number}")
    before = await house.store.log(room)
    redacted: list[str] = []
    house.store.on_redact(lambda name, _: redacted.append(name))
    await house.deletions.delete_own(actor, PASSWORD, messages)
    await carry_through(house)

    for name in (room, SERVER_LOG, "lobby"):
        for event in await house.store.after(name, 0, 1000):
            assert b"lice" not in event.json.replace(b"alice says", b""), event.json
            payload_of(event)
    events = await said(house, room)
    mine = [event for event in events if event[0] in ("message", "redacted")]
    if messages == "keep":
        assert mine == [("message", DELETED_NAME, f"alice says {number}") for number in range(5)]
    else:
        assert mine == [("redacted", DELETED_NAME, None)] * 5
    last = json.loads((await house.store.before(room, 10**9, 1))[0].json)
    assert (last["type"], last["account"], last["messages"], last["by"]["kind"]) == (
        *("deleted", alice.id, messages),
        "system",
    )
    assert all(event[0] == "message" for event in await said(house, "lobby")), "it never spoke there"
    assert (await house.store.log(room)).first_seq == before.first_seq
    assert room in redacted
    assert await house.deletions.waiting() == []


async def test_all_that_an_account_had_ends_with_it(house: House, rooms: Rooms) -> None:
    olga = await house.person("olga", "owner")
    alice = await house.person("alice", "admin")
    actor = await house.signed_in(alice)
    token = Credentials("token", await house.token(actor, "read"))
    bot = await house.accounts.make_bot(actor, "deploy", "")
    made = await house.sign_ins.make_token(actor, bot, "cron", frozenset({"post"}), 30)
    invitation = await house.invitations.make(actor, "member", 5, 7)
    room = (await rooms.create(actor, None, Settings(access="private", title="Ours"))).room
    await Members(house.store, house.policies).add(actor, room, bot, "member")
    ended: list[str] = []
    for name, credentials in (("program", token), ("bot", Credentials("token", made.secret))):
        asking = await house.identities.identify(credentials, ADDRESS)
        assert asking is not None
        house.identities.watch(asking, lambda _, name=name: ended.append(name))  # type: ignore[misc]
    house.identities.watch(actor, lambda _: ended.append("browser"))
    await house.deletions.delete(OPERATOR, alice, None)
    assert sorted(ended) == ["bot", "browser", "program"]
    for credentials in (token, Credentials("token", made.secret), Credentials("password", PASSWORD, "alice")):
        await refused("bad_credentials", house.identities.identify(credentials, ADDRESS))
    await refused("link_gone", house.accounts.register(invitation.secret, "mallory", "", PASSWORD))
    assert not house.policies.of(room).members, "nobody is left"
    assert house.identities.accounts.all() == [olga]
    assert house.identities.accounts.named("alice") is None
    await refused("not_found", house.deletions.delete(OPERATOR, alice, None))


async def test_a_name_is_free_once_no_event_has_it(house: House) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice")
    actor = await house.signed_in(alice)
    await house.accounts.change(actor, ProfileChange(name="anna"))
    await house.deletions.delete(OPERATOR, alice, "keep")
    for name in ("alice", "anna"):
        link = await house.invitations.make(OPERATOR, "member", 1, 7)
        await refused("name_taken", house.accounts.register(link.secret, name, "", PASSWORD))
        assert house.identities.accounts.is_taken(name)
    await carry_through(house)
    again = await house.person("alice")
    assert again.id != alice.id
    assert not house.identities.accounts.is_taken("anna")


async def test_the_member_who_came_first_owns_a_room_whose_last_owner_is_deleted(house: House, rooms: Rooms) -> None:
    await house.person("olga", "owner")
    people = {name: await house.person(name) for name in ("alice", "ben", "cleo", "dan")}
    actor = await house.signed_in(people["alice"])
    members = Members(house.store, house.policies)
    bot = await house.accounts.make_bot(await house.signed_in(people["ben"]), "robot", "")
    plain = (await rooms.create(actor, "plain", Settings(access="open"))).room
    led = (await rooms.create(actor, "led", Settings(access="open"))).room
    shared = (await rooms.create(actor, "shared", Settings(access="open"))).room
    for room in (plain, led, shared):
        for account in (bot, people["ben"], people["cleo"], people["dan"]):
            await members.add(actor, room, account, "member")
    await members.add(actor, led, people["dan"], "moderator")
    await members.add(actor, shared, people["cleo"], "owner")
    await house.deletions.delete(OPERATOR, people["alice"], None)
    owners = {room: house.policies.of(room).owners() for room in (plain, led, shared)}
    assert owners == {plain: [people["ben"].id], led: [people["dan"].id], shared: [people["cleo"].id]}
    assert house.policies.rooms_of(people["alice"].id) == frozenset()
    *_, role, left = await house.store.after(plain, 0, 100)
    assert json.loads(role.json)["by"]["kind"] == "system"
    assert json.loads(left.json)["what"] == "left"


async def test_who_may_delete_whom(house: House) -> None:
    olga, adam = await house.person("olga", "owner"), await house.person("adam", "admin")
    mia = await house.person("mia")
    admin, member, owner = [await house.signed_in(each) for each in (adam, mia, olga)]
    await refused("forbidden", house.deletions.delete(member, adam, None))
    await refused("forbidden", house.deletions.delete(admin, olga, None))
    await refused("forbidden", house.deletions.delete_own(owner, PASSWORD, None))
    await refused("forbidden", house.deletions.delete(OPERATOR, olga, None))
    await refused("bad_credentials", house.deletions.delete_own(member, "not this one at all", None))
    assert house.identities.accounts.get(mia.id) == mia
    await house.deletions.delete(admin, mia, None)
    await house.person("otto", "owner")
    await house.deletions.delete_own(owner, PASSWORD, None)


@pytest.mark.parametrize("rule", ["keep", "remove"])
async def test_the_owner_decides_what_becomes_of_messages(house: House, rule: DeletionRule) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice")
    deletions = Deletions(house.store, house.policies, house.identities, lambda: rule)
    actor, other = await house.signed_in(alice), "remove" if rule == "keep" else "keep"
    await refused("forbidden", deletions.delete_own(actor, PASSWORD, other))  # type: ignore[arg-type]
    assert await deletions.delete_own(actor, PASSWORD, None) == rule


async def test_what_is_asked_for_while_an_account_ends_is_refused(house: House, rooms: Rooms) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice", "admin")
    actor = await house.signed_in(alice)
    deleted = house.store.run(_delete_now(actor, alice))
    late = [
        house.accounts.make_bot(actor, "late-bot", ""),
        house.invitations.make(actor, "member", 1, 7),
        rooms.create(actor, "late-room", Settings(access="open")),
    ]
    await deleted
    for each in late:
        await refused("login_required", each)
    await refused("login_required", house.accounts.change(actor, ProfileChange(display="Still here")))


def _delete_now(actor: Actor, account: Account) -> Transaction[list[str]]:
    return _delete(actor, account.id, "keep")


async def test_deletions_that_come_during_another_are_carried_through_too(house: House) -> None:
    await house.person("olga", "owner")
    first, second = await house.person("first"), await house.person("second")
    for number in range(450):  # more than one step changes
        await say(house, f"room-{number % 3}", first if number % 2 else second, "hello")
    await house.deletions.delete(OPERATOR, first, "remove")
    assert await house.store.run(erase_some())
    await house.deletions.delete(OPERATOR, second, "keep")
    await carry_through(house)
    for number in range(3):
        events = [each for each in await said(house, f"room-{number}") if each[0] != "deleted"]
        assert {(kind, name) for kind, name, _ in events} == {("message", DELETED_NAME), ("redacted", DELETED_NAME)}


async def test_a_draft_that_was_on_its_way_is_by_nobody_too(house: House) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice")
    actor = await house.signed_in(alice)
    deleting = house.store.run(_delete_now(actor, alice))
    await say(house, "lobby", alice, "just in time")
    await deleting
    await carry_through(house)
    assert (await said(house, "lobby"))[0] == ("message", DELETED_NAME, "just in time")


def test_nobody_is_called_like_a_deleted_account() -> None:
    for name in ("deleted account", "Deleted  Account", "de1eted account", "\u0501eleted account"):
        with pytest.raises(Refusal) as caught:
            display_name(name)
        assert caught.value.code == "reserved_name"


# --- on a server ---


def join(town: Town, name: str) -> httpx.Client:
    browser = town.join(name)
    browser.headers["Accept"] = "application/json"
    return browser


def texts(town: Town, room: str) -> list[tuple[str, str | None]]:
    events = town.owner.get(f"/{room}?format=json&since=0&limit=1000").json()["events"]
    return [(event["by"]["name"], event.get("text")) for event in events if event["type"] != "deleted"]


@pytest.mark.parametrize("messages", ["keep", "remove"])
def test_the_page_deletes_the_account_of_who_asks_and_every_reader_learns_it(town: Town, messages: str) -> None:
    name = f"paula-{messages}"
    browser, room = join(town, name), f"paulas-{messages}"
    token = town.token(browser, "read", "post")
    browser.post(f"/api/v1/rooms/{room}/messages", json={"text": "hello"})
    with Client.to(town.server.port) as reader, Client.to(town.server.port) as own:
        reader.send(raw.head("GET", f"/{room}?follow=1&format=ndjson&since=0"))
        own.send(raw.head("GET", f"/{room}?follow=1", f"Cookie: parlour_session={session_of(browser)}"))
        assert (reader.head().status, own.head().status) == (200, 200)
        reader.read_until(b"caught_up")
        form = {"do": "delete", "current": "not my password", "messages": messages}
        html = {"Accept": "text/html"}
        wrong = browser.post("/account", data=form, headers=html)
        assert wrong.status_code == 401
        assert "This is not your password." in wrong.text
        done = browser.post("/account", data=form | {"current": PASSWORD}, headers=html)
        assert done.status_code == 200
        assert "Your account is deleted" in done.text
        assert "parlour_session=;" in done.headers["Set-Cookie"]
        told = json.loads(reader.read_until(b'"type":"deleted"').rsplit(b"\n", 1)[1] + reader.read_until(b"}\n"))
        assert told["type"] == "deleted"
        with pytest.raises(EOFError):
            own.read_until(b"this never comes")
    assert texts(town, room) == [(DELETED_NAME, "hello" if messages == "keep" else None)]
    page = town.owner.get(f"/{room}").text
    assert (DELETED_NAME in page) is (messages == "keep")
    assert name not in page
    with town.server.client(headers=bearer(token)) as program, town.server.client(auth=(name, PASSWORD)) as curl:
        assert program.get("/lobby").status_code == 401
        assert curl.get("/lobby").status_code == 401
    assert town.owner.get(f"/api/v1/accounts/{name}").status_code == 404
    assert name not in town.owner.get("/admin").text


def test_the_operator_and_the_page_of_administration_delete_accounts(town: Town) -> None:
    for name in ("quinn", "rose"):
        join(town, name)
    assert "and what it has said" in town.owner.get("/admin").text
    done = town.owner.post("/admin", data={"do": "delete", "name": "quinn", "messages": "remove"})
    assert "The account of quinn is deleted." in done.text
    town.operator("DELETE", "/api/v1/accounts/rose?messages=keep")
    assert town.owner.get("/api/v1/accounts/rose").status_code == 404
    assert town.owner.delete("/api/v1/accounts/olga").status_code == 403
    assert town.owner.get("/api/v1/me").json()["account"]["name"] == "olga"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data") as server:
        yield server


def test_a_deletion_is_carried_through_after_a_kill(own_server: ServerProcess) -> None:
    town = Town(own_server)
    browser = join(town, "stella")
    rooms = [f"room-{number}" for number in range(4)]
    for number in range(400):
        browser.post(f"/api/v1/rooms/{rooms[number % 4]}/messages", json={"text": f"text {number}"})
    browser.post("/api/v1/rooms", json={"title": "Hers", "access": "private"})
    browser.post("/api/v1/me/deletion", json={"password": PASSWORD, "messages": "remove"})
    for _ in range(3):  # somewhere in the middle of it, most likely
        own_server.kill()
        own_server.start()
    link = town.invitation()
    form = {"name": "stella", "display": "", "password": PASSWORD}
    wait_until(lambda: town.browser().post(link, data=form).status_code == 303)  # it is free when all is done
    for room in rooms:
        assert texts(town, room) == [(DELETED_NAME, None)] * 100
    town.close()
    own_server.stop()
    assert check(own_server.data).problems == []
