"""Who is muted or banned in a room writes nothing after that event, or is shown nothing after it, and stays out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from parlour import start_server_async
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.restrictions import Wanted
from parlour.core.actor import OPERATOR, guest_token
from parlour.core.actor import guest as guest_actor
from parlour.core.errors import Refusal
from tests.people.server import Town, join, ways_on
from tests.people.test_rooms import add, code, make, say, texts
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

OPTIONS = ("--rate-limits", "off", "--trusted-proxies", "127.0.0.1")
"""Of the server: requests say where they come from."""


def guest(town: Town, address: str = "192.0.2.1", *, has_cookie: bool = True) -> httpx.Client:
    """A guest, behind a proxy that says where from; with the cookie that the page of a room gives."""
    browser = town.browser()
    browser.headers.update({"Accept": "text/html", "X-Forwarded-For": address})
    if has_cookie:
        assert browser.get("/lobby").status_code == 200
    browser.headers["Accept"] = "application/json"
    return browser


def restrict(browser: httpx.Client, room: str, what: str, **whom: Any) -> httpx.Response:
    return browser.post(f"/api/v1/rooms/{room}/restrictions", json={"what": what, **whom})


def say_as(browser: httpx.Client, room: str, text: str, name: str | None = None) -> httpx.Response:
    by = {} if name is None else {"name": name}
    return browser.post(f"/api/v1/rooms/{room}/messages", json={"text": text, **by})


def seq_of(answer: httpx.Response) -> int:
    assert answer.status_code == 201, answer.text
    return int(answer.json()["seq"])


def test_who_is_muted_reads_and_does_not_write_until_it_is_lifted(ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="quiet")
    add(ada, room, "bob")
    answer = restrict(ada, room, "mute", name="bob", minutes=10)
    (row,) = answer.json()["restrictions"]
    assert (row["account"], row["what"]) == ("bob", "muted")
    event = bob.get(f"/api/v1/rooms/{room}/messages").json()["events"][-1]
    assert (event["type"], event["what"], event["name"]) == ("restriction", "muted", "bob")
    assert code(say(bob, room, "now?")) == (403, "muted")
    assert bob.post(f"/{room}", content="and so?", headers={"Accept": "text/plain"}).status_code == 403
    assert texts(bob, room) == []
    assert code(bob.get(f"/api/v1/rooms/{room}/restrictions")) == (403, "forbidden")
    assert ada.delete(f"/api/v1/rooms/{room}/restrictions/bob").status_code == 204
    assert say(bob, room, "thanks").status_code == 201
    assert ada.get(f"/api/v1/rooms/{room}/restrictions").json() == {"restrictions": []}
    assert code(ada.delete(f"/api/v1/rooms/{room}/restrictions/bob")) == (404, "not_found")


def test_who_is_banned_is_out_at_that_event_and_is_no_member_any_more(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = make(ada, room="strict")
    add(ada, room, "bob")
    with Client.to(town.server.port) as reader:
        cookie = "; ".join(f"{name}={value}" for name, value in bob.cookies.items())
        request = raw.head("GET", f"/{room}?follow=1&format=ndjson&since=0", f"Cookie: {cookie}")
        reader.send(request).head()
        assert restrict(ada, room, "ban", name="bob").status_code == 200
        say(ada, room, "he is gone")
        shown = reader.rest().decode()
    assert '"what":"banned"' in shown
    assert '"type":"closed"' in shown
    assert '"code":"banned"' in shown
    assert "he is gone" not in shown
    assert code(bob.get(f"/api/v1/rooms/{room}/messages")) == (403, "banned")
    assert code(say(bob, room, "let me in")) == (403, "banned")
    assert ways_on(bob, f"/{room}") == ["/rooms"], "other rooms are open to them"
    assert code(add(bob, room, "bob")) == (403, "banned")
    assert code(add(ada, room, "bob")) == (403, "forbidden")
    members = ada.get(f"/api/v1/rooms/{room}/members").json()["members"]
    assert [each["name"] for each in members] == ["ada"]


def test_no_link_brings_back_who_is_banned(town: Town, ada: httpx.Client) -> None:
    """From the room, or from the whole server."""
    room = make(ada, title="Ours", access="private")
    link = ada.post(f"/api/v1/rooms/{room}/invitations", json={"uses": 5}).json()["url"].rpartition("/")[2]
    carl = join(town, "carl")
    assert restrict(ada, room, "ban", name="carl").status_code == 200
    assert code(carl.post("/api/v1/join", json={"invitation": link})) == (403, "banned")
    assert ada.delete(f"/api/v1/rooms/{room}/restrictions/carl").status_code == 204
    ban = town.operator("POST", "/api/v1/bans", {"account": "carl"})
    assert code(carl.post("/api/v1/join", json={"invitation": link})) == (403, "banned")
    town.operator("DELETE", f"/api/v1/bans/{ban['id']}")
    assert [each["name"] for each in ada.get(f"/api/v1/rooms/{room}/members").json()["members"]] == ["ada"]
    assert carl.post("/api/v1/join", json={"invitation": link}).status_code == 200


def test_a_guest_is_known_under_another_name_and_behind_the_same_address(town: Town, ada: httpx.Client) -> None:
    room = make(ada, room="class")
    mallory, earlier = guest(town), guest(town)
    seq = seq_of(say_as(mallory, room, "bah", "Mallory"))
    assert restrict(ada, room, "ban", seq=seq, minutes=60).status_code == 200
    assert code(say_as(mallory, room, "bah", "Mallory")) == (403, "banned")
    assert code(say_as(mallory, room, "bah", "Somebody else")) == (403, "banned")
    assert code(mallory.get(f"/api/v1/rooms/{room}/messages")) == (403, "banned")
    assert ways_on(mallory, f"/{room}") == ["/rooms", f"/login?next=/{room}"]
    for newcomer in (guest(town), guest(town, has_cookie=False)):  # a private window, and curl
        assert code(say_as(newcomer, room, "bah", "New")) == (403, "banned")
    assert say_as(earlier, room, "I was here before", "Earlier").status_code == 201
    assert say_as(guest(town, "192.0.2.2"), room, "from elsewhere", "Other").status_code == 201
    assert say_as(mallory, "lobby", "in another room", "Mallory").status_code == 201


def test_without_newcomers_only_the_guest_is_held(town: Town, ada: httpx.Client) -> None:
    room = make(ada, room="lesson")
    mallory = guest(town)
    seq = seq_of(say_as(mallory, room, "bah", "Mallory"))
    (row,) = restrict(ada, room, "mute", seq=seq, newcomers=False).json()["restrictions"]
    assert "newcomers" not in row
    assert code(say_as(mallory, room, "bah", "M")) == (403, "muted")
    assert say_as(guest(town), room, "I am late", "Late").status_code == 201
    assert ada.delete(f"/api/v1/rooms/{room}/restrictions/{row['id']}").status_code == 204
    assert say_as(mallory, room, "sorry", "Mallory").status_code == 201


def test_who_moderates_or_runs_the_server_is_not_muted(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="ranks")
    add(ada, room, "bob", "moderator")
    mod = join(town, "moira")
    add(ada, room, "moira", "moderator")
    assert code(restrict(mod, room, "mute", name="bob")) == (403, "forbidden")
    assert code(restrict(mod, room, "ban", name="bob")) == (403, "forbidden")
    assert code(restrict(mod, room, "mute", name="moira")) == (400, "bad_parameter")
    assert code(restrict(ada, room, "ban", name="olga")) == (403, "forbidden")
    assert code(restrict(mod, room, "ban", name="ada")) == (403, "forbidden")
    town.owner.headers["Accept"] = "application/json"
    assert code(restrict(town.owner, room, "ban", name="ada")) == (409, "last_owner")
    assert code(restrict(mod, room, "mute", name="nobody")) == (404, "not_found")
    assert code(restrict(mod, room, "mute")) == (400, "bad_parameter")
    assert code(restrict(mod, room, "mute", seq=999)) == (404, "not_found")
    assert restrict(ada, room, "ban", name="bob").status_code == 200


def test_a_moderator_of_the_server_keeps_order_in_public_rooms_alone(town: Town, ada: httpx.Client) -> None:
    moss = town.join("moss", "moderator")
    moss.headers["Accept"] = "application/json"
    public, private = make(ada, room="square"), make(ada, title="Ours", access="private")
    seq = seq_of(say(join(town, "max"), public, "spam"))
    assert restrict(moss, public, "mute", seq=seq, minutes=5).status_code == 200
    assert moss.delete(f"/api/v1/rooms/{public}/messages/{seq}").status_code == 204
    assert code(restrict(moss, private, "mute", name="max")) == (404, "not_found")
    add(ada, private, "moss")
    assert code(restrict(moss, private, "mute", name="max")) == (403, "forbidden")
    assert code(moss.patch(f"/api/v1/rooms/{public}", json={"title": "Mine"})) == (403, "forbidden")


def test_it_is_in_force_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, "--rate-limits", "off", "--trusted-proxies", "127.0.0.1") as running:
        town = Town(running)
        seq = seq_of(say_as(mallory := guest(town), "lobby", "bah", "Mallory"))
        token = town.token(town.owner, "admin")
        cookies = dict(mallory.cookies)
        town.close()
    with ServerProcess(data, "--rate-limits", "off", "--trusted-proxies", "127.0.0.1") as running:
        with running.client(headers={"Authorization": f"Bearer {token}", "Accept": "application/json"}) as owner:
            assert restrict(owner, "lobby", "ban", seq=seq).status_code == 200  # nobody remembers who it was
        with running.client(cookies=cookies, headers={"Accept": "application/json"}) as again:
            assert code(say_as(again, "lobby", "bah", "Mallory")) == (403, "banned")
            assert code(say_as(again, "lobby", "bah", "Other")) == (403, "banned")


def test_the_page_of_a_room_mutes_and_lifts(town: Town, ada: httpx.Client) -> None:
    room = make(ada, room="forms")
    seq = seq_of(say_as(guest(town), room, "bah", "Mallory"))
    html = {"Accept": "text/html"}
    actions = ada.get(f"/{room}", headers=html).text
    assert f'/rooms/{room}?whom={seq}#order">Mute or ban' in actions
    assert "<bdi>Mallory</bdi></b>, who wrote" in ada.get(f"/rooms/{room}?whom={seq}", headers=html).text
    form = {"do": "restrict", "what": "mute", "seq": str(seq), "minutes": "10"}
    page = ada.post(f"/rooms/{room}", data=form, headers=html).text
    assert "Mallory can read this room, and not write in it." in page
    (row,) = ada.get(f"/api/v1/rooms/{room}/restrictions").json()["restrictions"]
    lifted = ada.post(f"/rooms/{room}", data={"do": "lift", "id": row["id"]}, headers={"Accept": "*/*"})
    assert (lifted.status_code, lifted.text) == (200, "Lifted.\n")
    refused = ada.post(f"/rooms/{room}", data=form | {"what": "shout"}, headers={"Accept": "*/*"})
    assert (refused.status_code, json.dumps(refused.text).count("bad_form")) == (400, 1)


async def test_no_message_is_stored_after_the_event_that_mutes_its_author(tmp_path: Path) -> None:
    """It was on its way when the event was stored."""
    async with asyncio.timeout(TIMEOUT_S), await start_server_async(0, data=tmp_path, rate_limits=False) as server:
        context = server.app.context
        mallory = guest_actor(guest_token("t" * 22, context.clock.now_ms()), "192.0.2.1")
        first = await context.posting.posted(mallory, "lobby", "bah", name="Mallory")
        author = context.guests.author(mallory, "Mallory")
        muting = asyncio.ensure_future(context.restrictions.restrict(OPERATOR, "lobby", author, Wanted("muted", 10)))
        await asyncio.sleep(0)  # it is in the queue of the store
        late = context.posting.posted(mallory, "lobby", "bah", name="Other")
        policy = await muting
        with pytest.raises(Refusal, match="muted"):
            await late
        assert (first.seq, policy.seq) == (1, 2)
        assert (await context.store.log("lobby")).head_seq == 2


def test_a_digest_of_a_guest_says_nothing_in_another_room() -> None:
    marks, mallory = GuestMarks(b"s" * 32), guest_actor(None, "192.0.2.1")
    assert set(marks.of("one", mallory.id, mallory.address)).isdisjoint(marks.of("two", mallory.id, mallory.address))
