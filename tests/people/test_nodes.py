"""Several nodes on one database: who somebody is, and what has ended, is the same on each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.people.house import PASSWORD
from tests.people.server import Town, bearer, session_of
from tests.people.test_inbox import made, say
from tests.people.test_inbox_followed import caught_up, device_at, reports, shows, until
from tests.stream.test_websocket import Socket
from tests.support import raw
from tests.support.nats import NatsProcess
from tests.support.node_changes import CHANGES
from tests.support.nodes import Nodes
from tests.support.postgres import Databases
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import wait_until

TYPIST = "Ada"

STREAMS = {
    "ndjson": "/{room}?follow=1&format=ndjson",
    "sse": "/{room}?format=sse",
    "many rooms": "/api/v1/stream?room={room}",
    "websocket": "/{room}",
}


@pytest.fixture(scope="module", params=["notify", "nats"])
def town(
    request: pytest.FixtureRequest, postgres: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    directory = tmp_path_factory.mktemp("nodes")
    with ExitStack() as stack:
        options = ["--rate-limits", "off"]
        if request.param == "nats":
            options += ["--relay", stack.enter_context(NatsProcess(directory)).url]
        url = stack.enter_context(postgres.with_tables())
        running = stack.enter_context(Nodes(directory / "node", url, *options))
        town = Town(running)
        yield town
        town.close()


def nodes(town: Town) -> tuple[ServerProcess, ServerProcess]:
    assert isinstance(town.server, Nodes)
    first, second = town.server.nodes
    return first, second


def test_a_session_and_a_token_made_on_one_node_count_on_the_other_at_once(town: Town) -> None:
    """Also those of an account that was made a moment ago."""
    first, second = nodes(town)
    for number in range(5):
        with first.client(headers={"Origin": town.url}) as here, second.client() as there:
            made = here.post(town.invitation(), data={"name": f"new{number}", "display": "", "password": PASSWORD})
            assert made.status_code == 303
            there.cookies.set("parlour_session", here.cookies["parlour_session"])
            assert there.get("/api/v1/me").json()["account"]["name"] == f"new{number}"
            token = here.post("/api/v1/tokens", json={"label": "cron", "scopes": ["read"]}).json()["secret"]
            assert there.get("/api/v1/me", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("stream", STREAMS)
def test_what_ends_on_one_node_ends_streams_of_the_other(town: Town, stream: str) -> None:
    """The membership of a room, and whatever an account has open that is disabled."""
    first, second = nodes(town)
    name = f"ends-{stream}".replace(" ", "")
    browser = town.join(name)
    room = str(town.owner.post("/api/v1/rooms", json={"title": "Ours", "access": "private"}).json()["room"])
    assert town.owner.put(f"/api/v1/rooms/{room}/members/{name}", json={"role": "member"}).status_code < 300
    upgrade = raw.UPGRADE if stream == "websocket" else ()
    fields = [f"Cookie: parlour_session={session_of(browser)}", f"Origin: {town.url}"]

    def opened() -> Client:
        client = Client.to(second.port)
        client.send(raw.head("GET", STREAMS[stream].format(room=room), *fields, *upgrade))
        assert client.head().status in (200, 101)
        return client

    with opened() as client, first.client(cookies=dict(town.owner.cookies), headers={"Origin": town.url}) as owner:
        assert owner.post(f"/{room}", data={"message": "for members"}).status_code < 300
        client.read_until(b"for members")
        assert owner.delete(f"/api/v1/rooms/{room}/members/{name}").status_code < 300
        assert owner.post(f"/{room}", data={"message": "behind their back"}).status_code < 300
        with pytest.raises(EOFError) as caught:
            client.read_until(b"behind their back")
        assert b"behind their back" not in caught.value.args[0], "no event after the removal is shown"
        with second.client(cookies={"parlour_session": session_of(browser)}) as removed:
            assert removed.get(f"/{room}").status_code == 404
        room = "open-to-all"
        with opened() as other:
            assert owner.patch(f"/api/v1/accounts/{name}", json={"state": "disabled"}).status_code == 200
            with pytest.raises(EOFError):
                other.read_until(b"never said")


def test_a_guest_is_the_same_one_on_every_node_until_the_host_of_another_says_otherwise(town: Town) -> None:
    first, second = nodes(town)
    room = str(town.owner.post("/api/v1/rooms", json={"title": "Class", "access": "private"}).json()["room"])
    with first.client(cookies=dict(town.owner.cookies), headers={"Origin": town.url}) as host:
        link = host.post(f"/api/v1/rooms/{room}/guest-links", json={}).json()
        with second.client() as there:
            came = there.post("/api/v1/guests", json={"link": link["code"], "name": "Lena"}).json()
        guest = bearer(came["token"])
        path = f"/api/v1/rooms/{room}/guests/{came['id']}"
        for server in (first, second):
            with server.client(headers=guest) as here:
                assert here.post(f"/{room}", content="hi").status_code == 201
        assert host.patch(path, json={"name": "Ben"}).status_code == 200
        with second.client(headers=guest) as there, Client.to(second.port) as stream:
            wait_until(lambda: there.get("/api/v1/me").json()["guest"]["name"] == "Ben")
            stream.send(raw.head("GET", f"/{room}?follow=1", f"Authorization: {guest['Authorization']}"))
            assert stream.head().status == 200
            assert host.delete(path).status_code == 204
            stream.rest()
            assert there.post(f"/{room}", content="hi").status_code == 403
            wait_until(lambda: there.get("/api/v1/me").json()["guest"]["state"] == "removed")


def test_who_is_typing_is_shown_on_every_node(town: Town) -> None:
    first, second = nodes(town)

    def op(name: str) -> bytes:
        return raw.ws_frame(json.dumps({"op": "typing", "name": name}).encode())

    with Client.to(first.port) as here, Client.to(second.port) as there:
        for client in (here, there):
            client.send(raw.head("GET", "/typed-in", *raw.UPGRADE))
            assert client.head().status == 101
        there.timeout_s = 0.1
        is_shown = False
        while not is_shown:  # the first notices may come before the other node is subscribed
            here.send(op(TYPIST))
            here.read_until(f'"name":"{TYPIST}"'.encode())
            with suppress(TimeoutError):
                is_shown = bool(there.read_until(f'"name":"{TYPIST}"'.encode()))


def test_a_ticket_is_good_once_on_any_node(town: Town) -> None:
    first, second = nodes(town)
    with first.client(cookies=dict(town.owner.cookies), headers={"Origin": town.url}) as owner:
        secret = owner.post("/api/v1/tickets").json()["ticket"]
    for node, status in ((second, 200), (first, 401), (second, 401)):
        with Client.to(node.port) as client:
            client.send(raw.head("GET", f"/lobby?format=sse&ticket={secret}"))
            assert client.head().status == status


def test_a_message_is_read_on_any_node_as_soon_as_it_is_acknowledged(town: Town) -> None:
    first, second = nodes(town)
    with first.client() as writer, second.client() as reader:
        for number in range(20):
            assert writer.post("/both", data={"message": f"number {number}"}).status_code < 300
            assert f"number {number}" in reader.get("/both").text


def test_a_server_that_is_closed_on_one_node_is_closed_on_all(town: Town) -> None:
    _, second = nodes(town)
    with Client.to(second.port) as guest, second.client() as late:
        guest.send(raw.head("GET", "/lobby?follow=1"))
        assert guest.head().status == 200
        town.operator("PATCH", "/api/v1/settings", {"access": "members"})
        try:
            with pytest.raises(EOFError):
                guest.read_until(b"never said")
            wait_until(lambda: late.post("/lobby", data={"message": "let me in"}).status_code == 401)
        finally:
            town.operator("PATCH", "/api/v1/settings", {"access": "open"})
        wait_until(lambda: late.post("/lobby", data={"message": "thank you"}).status_code < 300)


def test_who_is_refused_again_and_again_is_slowed_down(postgres: Databases, tmp_path: Path) -> None:
    """Each refusal costs a look at the database."""
    with (
        postgres.with_tables() as url,
        ServerProcess(tmp_path / "data", "--store", url, rate_limits=True) as server,
        server.client() as stranger,
    ):
        answers = [stranger.post("/~zz-abcdef", data={"message": "hello"}).status_code for _ in range(60)]
    assert (answers[0], answers[-1]) == (404, 429)


def test_who_may_post_since_a_moment_ago_may_on_any_node(postgres: Databases, tmp_path: Path) -> None:
    """In a room that another node has made, also where nobody has told of it yet; several messages keep their order."""
    silent = (f"{CHANGES}:announce_nothing",)
    with (
        postgres.with_tables() as url,
        Nodes(tmp_path / "node", url, "--rate-limits", "off", changes=silent) as running,
    ):
        town = Town(running)
        first, second = nodes(town)
        owner = {"cookies": dict(town.owner.cookies), "headers": {"Origin": town.url}}
        with first.client(**owner) as here, second.client(**owner) as there:
            for number in range(3):
                made = here.post("/api/v1/rooms", json={"title": f"Room {number}", "access": "private"})
                room = made.json()["room"]
                assert there.post(f"/{room}", data={"message": "hello"}).status_code < 300
                here.post("/api/v1/rooms", json={"title": f"Other {number}", "access": "private"})
            room = here.post("/api/v1/rooms", json={"title": "Ordered", "access": "private"}).json()["room"]
            ops = [raw.ws_frame(json.dumps({"op": "send", "room": room, "text": str(n)}).encode()) for n in range(9)]
            with Client.to(second.port) as client:
                fields = [f"Cookie: parlour_session={town.owner.cookies['parlour_session']}", f"Origin: {town.url}"]
                client.send(raw.head("GET", "/api/v1/stream", *fields, *raw.UPGRADE) + b"".join(ops))
                assert client.read_until(b'"type":"ack"', 9).count(b'"type":"error"') == 0
            texts = [event["text"] for event in here.get(f"/{room}?format=json").json()["events"] if "text" in event]
            assert texts == [str(number) for number in range(9)]
            outsider = second.client()
            assert outsider.post(f"/{room}", data={"message": "let me in"}).status_code == 404
            outsider.close()
        town.close()


def test_a_guest_of_one_node_is_banned_on_another_with_newcomers_from_its_address(town: Town) -> None:
    """Only the node on which the guest has written knows from where that was, and says so."""
    first, second = nodes(town)
    cookie = f"parlour_guest={raw.guest_cookie(second.port)}"
    with second.client(headers={"Cookie": cookie}) as mallory, second.client() as newcomer, first.client() as olga:
        olga.headers.update({"Origin": town.url, "Cookie": f"parlour_session={session_of(town.owner)}"})
        said = mallory.post("/api/v1/rooms/order/messages", json={"text": "bah", "name": "Mallory"})
        seq = said.json()["seq"]
        body = {"what": "ban", "seq": seq}
        assert olga.post("/api/v1/rooms/order/restrictions", json=body).status_code == 200
        wait_until(lambda: mallory.get("/api/v1/rooms/order/messages").status_code == 403)
        wait_until(lambda: newcomer.get("/api/v1/rooms/order/messages").status_code == 403)


def test_a_conversation_is_one_on_all_nodes_and_a_block_counts_there_at_once(town: Town) -> None:
    first, second = nodes(town)
    ann, ben = town.join("ann"), town.join("ben")
    fields = {"Origin": town.url, "Accept": "application/json"}
    with (
        first.client(cookies=dict(ann.cookies), headers=fields) as here,
        second.client(cookies=dict(ben.cookies), headers=fields) as there,
        Client.to(second.port) as stream,
    ):
        stream.send(raw.head("GET", "/@ann?follow=1&format=ndjson", f"Cookie: parlour_session={session_of(ben)}"))
        assert stream.head().status == 200
        assert here.post("/@ben", json={"text": "one"}).json()["room"] == "@ben"
        assert b'"room":"@ann"' in stream.read_until(b'"text":"one"')
        assert there.post("/@ann", json={"text": "two"}).json()["seq"] == 5
        assert [each.get("text") for each in here.get("/@ben").json()["events"]][-2:] == ["one", "two"]
        assert here.put("/api/v1/me/blocks/ben").status_code == 204
        refused = there.post("/@ann", json={"text": "three"})
        assert (refused.status_code, refused.json()["detail"]) == (403, "ann does not take messages from you.")


def test_devices_on_two_nodes_show_what_is_unread_and_what_one_of_them_has_read(town: Town) -> None:
    first, second = nodes(town)
    ada, bob = town.join("ada-two"), town.join("bob-two")
    room, token = made(bob, "on-two-nodes", "ada-two"), town.token(ada, "read", "post")
    with device_at(first.url, token) as one, device_at(second.url, token) as two:
        for device in (one, two):
            until(device, caught_up)
        say(bob, room, "look, @ada-two")  # by one of the nodes
        for device in (one, two):
            until(device, shows(room, unread=1, mentions=1))
        two.send(json.dumps({"op": "read", "room": room, "seq": 4}))
        for device in (one, two):
            until(device, shows(room, read_seq=4, unread=0))
    for node, word in ((first, "fire"), (second, "water")):
        with node.client(headers={"Authorization": f"Bearer {token}"}) as client:
            assert client.patch("/api/v1/me/inbox", json={"keywords": [word]}).status_code == 200
        with (second if node is first else first).client() as other:
            wait_until(partial(_is_told_of, other, room, word, token))


def test_who_may_look_at_a_report_is_told_of_it_on_every_node(town: Town) -> None:
    first, second = nodes(town)
    ann, ben = town.join("ann-looks"), town.join("ben-reports")
    room, token = made(ann, "looked-at"), town.token(ann, "admin")
    seq = say(ben, room, "buy pills")["seq"]
    with device_at(first.url, token) as one, device_at(second.url, token) as two:
        for device in (one, two):
            until(device, caught_up)
        made_ = ben.post(f"/api/v1/rooms/{room}/messages/{seq}/report", json={"reason": "spam"}).json()
        for device in (one, two):
            until(device, reports(1))
        ann.patch(f"/api/v1/reports/{made_['id']}", json={"state": "closed"}).raise_for_status()
        for device in (one, two):
            until(device, reports(0))


def test_here_is_whoever_has_the_room_open_on_any_node(town: Town) -> None:
    """Also in a room that nobody has joined."""
    first, second = nodes(town)
    names = ("ada-here", "bob-here", "cy-here")
    ada, bob, cy = [bearer(town.token(town.join(name), "read", "post")) for name in names]
    with (
        connect(f"{second.url.replace('http', 'ws')}/plaza", additional_headers=ada),
        connect(f"{first.url.replace('http', 'ws')}/plaza", additional_headers=cy),
        connect(f"{first.url.replace('http', 'ws')}/plaza", additional_headers=bob) as open_here,
        first.client(headers=bob) as here,
        second.client() as there,
    ):
        watcher = Socket(open_here)
        watcher.next("caught_up")
        watcher.send(op="presence")
        while watcher.next("presence")["count"] != 3:
            pass
        assert here.post("/plaza", content="@here look").status_code == 201
        for each, texts in ((ada, ["@here look"]), (cy, ["@here look"]), (bob, [])):
            listed = there.get("/api/v1/me/mentions", headers=each).json()["mentions"]
            assert [mention["event"]["text"] for mention in listed] == texts


def _is_told_of(client: httpx.Client, room: str, word: str, token: str) -> bool:
    """Whether a message with a word, by this node, is for whoever has the token."""
    assert client.post(f"/{room}", content=word).status_code == 201
    listed = client.get("/api/v1/me/mentions", headers={"Authorization": f"Bearer {token}"}).json()["mentions"]
    return bool(listed and listed[0]["event"]["text"] == word)
