"""Who is kept out of the whole server: banned accounts, addresses and guests, newcomers in a raid, and who waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from parlour.chat.provider_links import Stranger
from parlour.chat.proxied import Proxied
from parlour.core.accounts import Account
from parlour.core.actor import Actor, guest_token
from parlour.core.actor import guest as visitor
from parlour.core.errors import Refusal
from parlour.core.payloads import BanChanged
from parlour.core.policy import Policy, Restriction
from parlour.core.ranges import Ranges, address_range
from parlour.store.memory import MemoryStore
from tests.cli.test_admin import admin as command
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.people.server import Town, join, ways_on
from tests.people.test_restrictions import guest, say_as, seq_of
from tests.people.test_rooms import code, say
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.stores import CountedIds, HandClock
from tests.support.talk import Client


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    data = tmp_path_factory.mktemp("bans") / "data"
    with ServerProcess(data, "--rate-limits", "off", "--trusted-proxies", "127.0.0.1") as running:
        town = Town(running)
        town.owner.headers["Accept"] = "application/json"
        yield town
        town.close()


def ban(browser: httpx.Client, **whom: Any) -> str:
    answer = browser.post("/api/v1/bans", json=whom)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def lift(browser: httpx.Client, id_: str) -> None:
    assert browser.delete(f"/api/v1/bans/{id_}").status_code == 204


def test_a_banned_account_can_sign_in_and_see_why_and_nothing_else(town: Town, moss: httpx.Client) -> None:
    bob = join(town, "bob")
    assert code(moss.post("/api/v1/bans", json={"account": "bob"})) == (403, "forbidden")
    with Client.to(town.server.port) as reader:
        cookie = "; ".join(f"{name}={value}" for name, value in bob.cookies.items())
        reader.send(raw.head("GET", "/lobby?follow=1&format=ndjson&since=0", f"Cookie: {cookie}")).head()
        id_ = ban(town.owner, account="bob", reason="Spam", minutes=60)
        assert b'"code":"banned"' in reader.rest()  # it ends without waiting for anything
    refused = say(bob, "lobby", "hello?")
    assert code(refused) == (403, "banned")
    assert refused.json()["detail"].endswith(": Spam")
    assert ways_on(bob, "/lobby") == []
    assert code(bob.get("/api/v1/rooms/lobby/messages")) == (403, "banned")
    assert bob.get("/api/v1/me").json()["account"]["name"] == "bob"
    again = town.browser().post("/api/v1/session", json={"name": "bob", "password": PASSWORD})
    assert again.status_code == 201
    assert [each["subject"] for each in town.owner.get("/api/v1/bans").json()["bans"]] == ["bob"]
    assert moss.get("/api/v1/bans").json() == {"bans": []}
    assert code(moss.delete(f"/api/v1/bans/{id_}")) == (403, "forbidden")
    lift(town.owner, id_)
    assert say(bob, "lobby", "thanks").status_code == 201
    assert code(town.owner.post("/api/v1/bans", json={"account": "olga"})) == (400, "bad_parameter")


def test_a_banned_address_has_no_guests_and_makes_no_accounts(town: Town, moss: httpx.Client) -> None:
    here, there = guest(town, "198.51.100.7"), guest(town, "198.51.100.200")
    link = town.invitation(uses=2)
    id_ = ban(moss, address="198.51.100.0/25", reason="Flood")
    assert code(say_as(here, "lobby", "hello")) == (403, "banned")
    assert here.get("/lobby", headers={"Accept": "text/html"}).status_code == 403
    assert say_as(there, "lobby", "hello").status_code == 201
    new = {"invitation": link.rpartition("/")[2], "name": "newbie", "password": PASSWORD}
    with town.server.client(headers={"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}) as program:
        assert code(program.post("/api/v1/accounts", json=new)) == (403, "banned")
    token = town.token(join(town, "bea"), "post")
    here.headers["Authorization"] = f"Bearer {token}"
    assert say(here, "lobby", "I have an account").status_code == 201
    del here.headers["Authorization"]
    lift(moss, id_)
    assert say_as(here, "lobby", "hello").status_code == 201


def test_a_banned_guest_is_out_of_all_rooms_with_newcomers(town: Town, moss: httpx.Client) -> None:
    mallory, earlier = guest(town, "192.0.2.50"), guest(town, "192.0.2.50")
    seq = seq_of(say_as(mallory, "lobby", "bah", "Mallory"))
    id_ = ban(moss, room="lobby", seq=seq, minutes=60)
    for room in ("lobby", "another"):
        assert code(say_as(mallory, room, "bah", "Other")) == (403, "banned")
    assert code(say_as(guest(town, "192.0.2.50", has_cookie=False), "lobby", "bah")) == (403, "banned")
    assert say_as(earlier, "lobby", "I was here before").status_code == 201
    lift(moss, id_)
    assert say_as(mallory, "lobby", "sorry", "Mallory").status_code == 201


def test_in_a_raid_no_new_guests_come_and_all_rooms_are_slow(town: Town, moss: httpx.Client) -> None:
    known, bob = guest(town, "192.0.2.60"), join(town, "slowpoke")
    page = moss.post("/admin/bans", data={"do": "raid", "raid": "on"}, headers={"Accept": "*/*"})
    assert page.text == "The switch is on.\n"
    empty = moss.post("/admin/bans", data={"do": "ban"}, headers={"Accept": "text/html"})
    assert "Say whom: the name of an account, or else an address." in empty.text
    stranger = town.browser()
    stranger.headers["X-Forwarded-For"] = "192.0.2.61"
    refused = stranger.get("/lobby", headers={"Accept": "text/html"})
    assert refused.status_code == 403
    assert "takes no new guests at the moment" in refused.text
    assert say_as(known, "lobby", "one").status_code == 201
    assert code(say_as(known, "lobby", "two")) == (429, "slow_mode")
    assert [say(bob, "lobby", text).status_code for text in ("one", "two")] == [201, 429]
    assert command(town.server.data, "raid", "off") == (0, "the raid switch is off")
    assert stranger.get("/lobby", headers={"Accept": "text/html"}).status_code == 200
    assert say_as(known, "lobby", "three").status_code == 201
    assert code(bob.post("/admin/bans", data={"do": "raid", "raid": "on"})) == (403, "forbidden")


def test_a_new_account_waits_until_it_is_approved(town: Town, moss: httpx.Client) -> None:
    def are_found(browser: httpx.Client) -> list[str]:
        return [each["name"] for each in browser.get("/api/v1/people", params={"q": "nina"}).json()["people"]]

    command(town.server.data, "set", "approval", "everybody")
    nina = join(town, "nina")
    assert code(say(nina, "lobby", "hello")) == (403, "waiting")
    assert nina.get("/account", headers={"Accept": "text/html"}).status_code == 200
    assert "waits for somebody who runs this server" in nina.get("/lobby", headers={"Accept": "text/html"}).text
    assert (are_found(moss), are_found(town.owner)) == ([], ["nina"]), "what somebody calls themselves reaches nobody"
    html = {"Accept": "text/html"}
    assert "Waiting to be approved" in town.owner.get("/admin", headers=html).text
    row = town.owner.get("/api/v1/bans").json()["bans"][0]
    assert (row["kind"], row["subject"]) == ("waiting", "nina")
    assert "Approved." in town.owner.post("/admin", data={"do": "approve", "id": row["id"]}, headers=html).text
    assert say(nina, "lobby", "hello").status_code == 201
    assert are_found(moss) == ["nina"]
    command(town.server.data, "set", "approval", "nobody")
    assert say(join(town, "nora"), "lobby", "hello").status_code == 201


async def test_nobody_goes_on_by_a_bot_of_theirs() -> None:
    """Neither in the room nor on the server that they are banned from."""
    house = House(MemoryStore(HandClock(), CountedIds()))
    bot = Account("u_bot", "bot", "bot", "bot", "member", "u_eve", "active")
    actor = Actor("bot", bot.id, "token", None, bot)
    house.policies.learn("lobby", Policy(1, "open", restrictions={"u_eve": Restriction("banned")}))
    assert [house.policies.may(actor, "post", room) for room in ("lobby", "another")] == [False, True]
    house.bans.changed(BanChanged("made", "n_1", "account", "u_eve", ""))
    assert not house.policies.may(actor, "post", "another")
    house.bans.changed(BanChanged("lifted", "n_1", "account", "u_eve", ""))
    assert house.policies.may(actor, "post", "another")
    await house.store.close()


async def test_who_comes_from_elsewhere_makes_no_account_at_a_banned_address(house: House) -> None:
    """Neither by a sign-in provider nor by the word of a proxy."""
    owner = await house.signed_in(await house.person("olga", "owner"))
    await house.bans.ban_address(owner, "198.51.100.0/25", "Flood", None)
    stranger = Stranger("https://id.example.org", "1", "Company")
    proxied = Proxied(house.store, house.identities, house.accounts, makes_accounts=True)
    await refused("banned", house.provider_links.make(stranger, "ada", "", "198.51.100.7"))
    await refused("banned", proxied.identify("bea", "198.51.100.7"))
    assert await house.provider_links.make(stranger, "ada", "", "198.51.100.200")
    assert await proxied.identify("bea", "198.51.100.200")


def test_no_link_lets_in_who_is_banned_from_its_open_room(tmp_path: Path) -> None:
    """Others of that address wait for the host; without its cookie the browser is one of them."""
    with ServerProcess(tmp_path / "data") as server:
        town = Town(server)
        way = "/join/" + town.operator("POST", "/api/v1/rooms/class/guest-links", {})["url"].rpartition("/")[2]
        visitor_, later = town.browser(), town.browser()
        visitor_.get("/class")
        seq = seq_of(say(visitor_, "class", "nonsense"))
        town.operator("POST", "/api/v1/rooms/class/restrictions", {"what": "ban", "seq": seq})
        refused = visitor_.post(way, data={"name": "Lena"}, headers={"Accept": "application/json"})
        assert (refused.status_code, "may not use this room" in refused.text) == (403, True)
        assert later.post(way, data={"name": "Ken"}).headers["Location"] == way
        town.close()


@pytest.mark.parametrize("where", ["room", "server"])
def test_who_was_banned_as_a_guest_by_a_link_does_not_go_on_with_an_older_cookie(
    town: Town, moss: httpx.Client, where: str
) -> None:
    """The browser was here before as an ordinary guest, and gives its pass up: the room is open to such."""
    room = f"open-day-{where}"
    lena, earlier = guest(town, "192.0.2.80"), guest(town, "192.0.2.80")
    say_as(lena, room, "I am here", "Visitor")
    way = "/join/" + town.operator("POST", f"/api/v1/rooms/{room}/guest-links", {})["url"].rpartition("/")[2]
    assert lena.post(way, data={"name": "Lena"}).status_code == 200
    seq = seq_of(say(lena, room, "bah"))
    if where == "room":
        town.operator("POST", f"/api/v1/rooms/{room}/restrictions", {"what": "ban", "seq": seq})
    else:
        ban(moss, room=room, seq=seq)
    assert code(say(lena, room, "bah")) == (403, "banned")
    lena.cookies.delete("parlour_pass")
    assert code(say_as(lena, room, "bah", "Visitor")) == (403, "banned")
    assert say_as(earlier, room, "I was here before").status_code == 201


@pytest.mark.parametrize("where", ["room", "server"])
def test_who_was_banned_under_a_cookie_does_not_go_on_by_a_pass(town: Town, moss: httpx.Client, where: str) -> None:
    """The browser had put its pass aside, as somebody without one."""
    room, lena = f"open-eve-{where}", guest(town, "192.0.2.81")
    seq = seq_of(say_as(lena, room, "bah", "Visitor"))
    way = "/join/" + town.operator("POST", f"/api/v1/rooms/{room}/guest-links", {})["url"].rpartition("/")[2]
    assert lena.post(way, data={"name": "Lena"}).status_code == 200
    assert say(lena, room, "I am here").status_code == 201
    if where == "room":
        town.operator("POST", f"/api/v1/rooms/{room}/restrictions", {"what": "ban", "seq": seq})
    else:
        ban(moss, room=room, seq=seq)
    assert code(say(lena, room, "bah")) == (403, "banned")
    lena.cookies.delete("parlour_guest")
    assert code(say(lena, room, "bah")) == (403, "banned"), "the pass knows with which cookie it was got"


async def test_a_raid_begins_when_it_was_switched_on(house: House) -> None:
    """Also for a server that has been restarted since."""
    owner = await house.signed_in(await house.person("olga", "owner"))
    await house.settings.set_raid(owner, True)
    house.clock.ms += 60_000
    since = visitor(guest_token("x" * 22, house.clock.ms), ADDRESS)
    before = visitor(guest_token("y" * 22, house.clock.ms - 120_000), ADDRESS)
    again = House(house.store, clock=house.clock, passwords=house.passwords)
    await again.settings.load()
    for bans in (house.bans, again.bans):
        refusal = bans.kept_out(since, "read")
        assert refusal is not None
        assert refusal.code == "no_new_guests"
        assert bans.kept_out(before, "read") is None


def test_bans_are_in_force_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as running:
        assert command(running.data, "ban", "127.0.0.0/8", "--minutes", "5", "--reason", "test")[1].startswith(
            "banned 127"
        )
    with ServerProcess(data) as running, running.client() as http:
        assert http.get("/lobby").status_code == 403
        _, listed = command(data, "bans")
        assert command(data, "bans", "--lift", listed.partition(" ")[0])[0] == 0
        assert http.get("/lobby").status_code == 200


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.7", "203.0.113.7/32"), ("203.0.113.7/24", "203.0.113.0/24"), ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8:1::/48", "2001:db8:1::/48"), ("0.0.0.0/0", None), ("::/0", None), ("example.org", None), ("", None),
    ],
)  # fmt: skip
def test_a_range_is_one_address_or_what_one_subscriber_has_or_more(text: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(Refusal, match="bad_parameter"):
            address_range(text)
    else:
        assert address_range(text) == kept


def test_an_address_is_in_its_ranges_alone() -> None:
    ranges = Ranges((text, text) for text in ("203.0.113.0/24", "203.0.0.0/16", "203.0.113.7/32", "2001:db8::/48"))
    assert ranges.of("203.0.113.7") == ["203.0.113.0/24", "203.0.0.0/16", "203.0.113.7/32"]
    assert ranges.of("203.0.113.8") == ["203.0.113.0/24", "203.0.0.0/16"]
    assert ranges.of("2001:db8::/64") == ["2001:db8::/48"]
    for key in ("203.1.113.7", "2001:db9::/64", "2001:db8::/32", "unix:", "operator"):
        assert ranges.of(key) == []


async def test_who_waits_to_be_approved_waits_on_after_a_ban_is_over() -> None:
    house = House(MemoryStore(HandClock(), CountedIds()))
    eve = Account("u_eve", "eve", "eve", "member", "member", None, "active")
    actor = Actor("member", eve.id, "password", None, eve)

    def code_now() -> str:
        refusal = house.bans.kept_out(actor, "post")
        return "" if refusal is None else refusal.code

    house.bans.changed(BanChanged("made", "n_1", "waiting", eve.id, ""))
    house.bans.changed(BanChanged("made", "n_2", "account", eve.id, "", until_ms=house.clock.now_ms() + 1000))
    house.clock.ms += 1000
    assert code_now() == "waiting"
    house.bans.changed(BanChanged("lifted", "n_1", "waiting", eve.id, ""))
    assert code_now() == ""
    await house.store.close()
