"""Direct conversations as they are used: by curl, programs, streams, WebSockets, pages and commands."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town, bearer
from tests.support import raw
from tests.support.commands import run_text
from tests.support.talk import Client
from tests.support.terminal import clean_environment
from tests.support.timeout import TIMEOUT_S


@dataclass
class Two:
    """Alice and Bob, each with a browser and a token."""

    town: Town
    browsers: dict[str, httpx.Client]
    tokens: dict[str, str]

    def api(self, name: str, method: str, path: str, **given: Any) -> httpx.Response:
        """What a program of somebody is answered."""
        with self.town.server.client(headers={**bearer(self.tokens[name]), "Accept": "application/json"}) as http:
            return http.request(method, path, **given)

    def curl(self, name: str, *arguments: str) -> str:
        """What curl says to somebody who gives their password."""
        command = ["curl", "--silent", "--show-error", "--user", f"{name}:{PASSWORD}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout


@pytest.fixture(scope="module")
def two(town: Town) -> Two:
    names = ("alice", "bob", "carl", "dora")
    browsers = {name: town.join(name) for name in names}
    tokens = {name: town.token(browser, "admin") for name, browser in browsers.items()}
    found = Two(town, browsers, tokens)
    assert found.api("alice", "POST", "/@bob", json={"text": "Hello Bob"}).status_code == 201
    return found


def test_curl_writes_to_somebody_and_reads_what_they_answer(two: Two) -> None:
    url = two.town.url
    assert re.fullmatch(r"@alice/\d+\n", two.curl("bob", "-d", "Hello Alice", f"{url}/@alice"))
    assert two.curl("alice", f"{url}/@bob").endswith("bob: Hello Alice\n")
    assert re.fullmatch(r"@me/\d+\n", two.curl("bob", "-d", "Milk", f"{url}/@me"))
    assert two.curl("bob", f"{url}/@bob").endswith("bob: Milk\n")
    assert (
        "login_required"
        in subprocess.run(
            ["curl", "-s", f"{url}/@alice"], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
        ).stdout
    )


def test_every_answer_calls_the_room_by_the_others_and_leads_there(two: Two) -> None:
    stored = two.api("alice", "POST", "/api/v1/rooms/@bob/messages", json={"text": "again"})
    assert stored.headers["Location"] == f"/@bob/{stored.json()['seq']}"
    assert stored.json()["room"] == "@bob"
    for name, room in (("alice", "@bob"), ("bob", "@alice")):
        page = two.api(name, "GET", f"/api/v1/rooms/{room}/messages?limit=2").json()
        assert {page["room"], *(event["room"] for event in page["events"])} == {room}
        assert page["next"].startswith(f"/api/v1/rooms/{room}/messages?since=")
        assert two.api(name, "GET", page["next"]).status_code == 200
        told = two.api(name, "GET", f"/api/v1/rooms/{room}").json()
        assert (told["room"], told["title"], told["access"], told["members"]) == (room, room[1:], "direct", 2)
        assert room in [each["room"] for each in two.api(name, "GET", "/api/v1/rooms").json()["rooms"]]
        one = two.api(name, "GET", f"/{room}/{stored.json()['seq']}").json()
        assert (one["room"], one["text"]) == (room, "again")
        gone = two.api(name, "GET", f"/{room}?since=other.1")
        assert (gone.status_code, gone.json()["room"]) == (410, room)
    assert "~" not in two.api("alice", "GET", "/api/v1/rooms").text


def test_nobody_else_sees_that_there_is_one(two: Two) -> None:
    before = two.api("carl", "GET", "/@alice").json()
    assert (before["room"], before["events"], before["head_seq"]) == ("@alice", [], 0)
    assert "direct" not in two.api("carl", "GET", "/api/v1/rooms").text
    with two.town.server.client(headers={"Accept": "application/json"}) as guest:
        for path in ("/@bob", "/@nobody", "/@bob+nobody"):
            assert guest.get(path).json()["code"] == "login_required"
    listed = two.town.owner.get("/api/v1/admin/rooms", headers={"Accept": "application/json"}).json()["rooms"]
    assert [each for each in listed if each["access"] == "direct"] == []
    assert "@" not in two.town.owner.get("/admin").text.partition("<main")[2].partition("Rooms")[2]


def test_a_group_is_the_same_for_all_in_whatever_order_they_are_named(two: Two) -> None:
    stored = two.api("alice", "POST", "/@carl+bob", json={"text": "to both"}).json()
    assert stored["room"] == "@bob+carl"
    for name, room in (("bob", "@alice+carl"), ("carl", "@bob,alice"), ("carl", "@me+alice+bob")):
        assert two.api(name, "GET", f"/{room}").json()["events"][-1]["text"] == "to both"
    stream = "/api/v1/stream?room=@alice+bob&since=" + stored_epoch(two) + ";%40bob%2Balice=0"
    with two.town.server.client(headers=bearer(two.tokens["carl"])) as http, http.stream("GET", stream) as answer:
        lines = answer.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        assert json.loads(first.removeprefix("data: "))["room"] == "@alice+bob"


def stored_epoch(two: Two) -> str:
    return str(two.api("alice", "GET", "/api/v1").json()["epoch"])


def test_one_stream_follows_a_conversation_that_has_not_begun(two: Two) -> None:
    fields = {**bearer(two.tokens["dora"]), "Accept": "application/x-ndjson"}
    with two.town.server.client(headers=fields) as http, http.stream("GET", "/@carl?follow=1") as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines)) == {"type": "caught_up", "room": "@carl", "cursor": f"{stored_epoch(two)}.0"}
        assert two.api("carl", "POST", "/@dora", json={"text": "first"}).status_code == 201
        items = [json.loads(next(lines)) for _ in range(4)]
    assert [(item["room"], item["type"]) for item in items] == [
        ("@carl", "settings"), ("@carl", "member"), ("@carl", "member"), ("@carl", "message"),
    ]  # fmt: skip


def ask(client: Client, op: dict[str, Any]) -> dict[str, Any]:
    """The next item after an operation on a WebSocket."""
    client.send(raw.ws_frame(json.dumps(op).encode()))
    return item(client)


def item(client: Client) -> dict[str, Any]:
    size = client.read(2)[1]
    if size >= 126:
        size = int.from_bytes(client.read(2 if size == 126 else 8), "big")
    found: dict[str, Any] = json.loads(client.read(size))
    return found


def test_a_websocket_of_many_rooms_takes_a_conversation_among_them(two: Two) -> None:
    with Client.to(two.town.server.port) as client:
        client.send(raw.head("GET", "/api/v1/stream", *raw.UPGRADE, f"Authorization: Bearer {two.tokens['bob']}"))
        assert client.head().status == 101
        assert ask(client, {"op": "subscribe", "room": "@Alice"})["room"] == "@alice"
        assert item(client)["type"] == "caught_up"
        event = ask(client, {"op": "send", "room": "@alice", "text": "by socket", "key": "socket-12345"})
        assert (event["type"], event["room"]) == ("message", "@alice")
        ack = item(client)
        assert (ack["type"], ack["room"], ack["seq"]) == ("ack", "@alice", event["seq"])
        assert ask(client, {"op": "subscribe", "room": "@nobody"})["code"] == "not_found"
        assert ask(client, {"op": "unsubscribe", "room": "@alice"}) == {"type": "unsubscribed", "room": "@alice"}


def test_the_page_of_a_conversation_calls_it_by_its_people(two: Two) -> None:
    bob = two.browsers["bob"]
    page = bob.get("/@alice").text
    assert "<title>alice · Parlour</title>" in page
    assert 'data-room="@alice"' in page
    assert 'action="/@alice"' in page
    assert "Hello Bob" in page
    sent = bob.post("/@alice", data={"message": "by form", "key": "form-12345678"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/@alice#latest")
    assert "Nobody but you and <bdi>dora</bdi> reads what is written here." in bob.get("/@dora").text
    assert "Nobody else reads what you write here." in two.browsers["alice"].get("/@me").text
    about = bob.get("/rooms/@alice").text
    assert "Who reads this" in about
    assert "do=" not in about
    assert bob.post("/rooms/@alice", data={"do": "leave"}).status_code == 403
    rooms = bob.get("/rooms").text
    assert rooms.index(">Direct</h2>") < rooms.index('href="/@alice"') < rooms.index('id="others"')
    assert rooms.count('href="/@alice"') == 1
    assert "~" not in page + about + rooms
    guest = two.town.browser()
    assert 'href="/login?next=/@alice"' in guest.get("/@alice").text
    assert guest.get("/rooms/@alice").headers["Location"] == "/login?next=/rooms/@alice"
    assert guest.get("/?room=@alice").headers["Location"] == "/@alice"


def test_who_is_blocked_is_told_one_thing_everywhere(two: Two) -> None:
    told = "alice does not take messages from you."
    assert two.api("carl", "POST", "/@alice", json={"text": "hello"}).status_code == 201
    assert two.api("alice", "PUT", "/api/v1/me/blocks/carl").status_code == 204
    assert [each["name"] for each in two.api("alice", "GET", "/api/v1/me/blocks").json()["blocks"]] == ["carl"]
    refused = two.api("carl", "POST", "/@alice", json={"text": "hello?"})
    assert (refused.status_code, refused.json()["code"], refused.json()["detail"]) == (403, "forbidden", told)
    assert told in two.browsers["carl"].get("/@alice").text
    form = two.browsers["carl"].post("/@alice", data={"message": "hello?", "key": "form-12345678"})
    assert (form.status_code, told in form.text) == (403, True)
    with Client.to(two.town.server.port) as client:
        client.send(raw.head("GET", "/@alice?since=0", *raw.UPGRADE, f"Authorization: Bearer {two.tokens['carl']}"))
        assert client.head().status == 101
        while item(client)["type"] != "caught_up":
            pass
        assert ask(client, {"op": "typing"})["detail"] == told
        assert ask(client, {"op": "send", "text": "hello?"})["detail"] == told
    assert [each["room"] for each in two.api("alice", "GET", "/@carl").json()["events"]], "what was said stays"
    assert two.api("alice", "DELETE", "/api/v1/me/blocks/carl").status_code == 204
    assert two.api("carl", "POST", "/@alice", json={"text": "thanks"}).status_code == 201


def test_what_is_unread_in_a_conversation_is_in_the_list_of_what_needs_one(two: Two) -> None:
    for text in ("@carl, look", "and this"):
        assert two.api("dora", "POST", "/@carl+bob", json={"text": text}).status_code == 201
    rows = {row["room"]: row for row in two.api("carl", "GET", "/api/v1/me/rooms").json()["rooms"]}
    row = rows["@bob+dora"]
    assert (row["unread"], row["mentions"], row["access"], row["title"]) == (2, 1, "direct", "bob, dora")
    read = two.api("carl", "PATCH", "/api/v1/me/rooms/@bob+dora", json={"read": row["head_seq"]}).json()
    assert (read["room"], read["unread"]) == ("@bob+dora", 0)
    assert "@bob+dora" in two.curl("carl", f"{two.town.url}/me")
    assert "~" not in two.curl("carl", f"{two.town.url}/me")


def test_a_conversation_is_a_file_that_is_called_by_its_people(two: Two) -> None:
    for format_ in ("html", "text", "ndjson"):
        file = two.api("bob", "GET", f"/rooms/@alice/export?format={format_}")
        assert file.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''alice.")
        assert "Hello Bob" in file.text
        assert "~" not in file.text
        assert ("<title>alice</title>" in file.text) is (format_ == "html")


def test_a_token_is_bound_to_a_conversation_by_its_people(two: Two) -> None:
    body = {"label": "one", "scopes": ["read", "post"], "days": 9, "rooms": ["@alice"]}
    made = two.api("bob", "POST", "/api/v1/tokens", json=body).json()
    assert made["rooms"] == ["@alice"]
    with two.town.server.client(headers={**bearer(made["secret"]), "Accept": "application/json"}) as http:
        assert http.post("/@alice", json={"text": "bound"}).status_code == 201
        for path in ("/@me", "/@dora", "/@nobody", "/lobby"):
            assert http.get(path).json()["code"] == "forbidden"
    assert two.api("bob", "POST", "/api/v1/tokens", json=body | {"rooms": ["@dora"]}).status_code == 404


def test_the_commands_send_to_people_and_show_what_they_say(two: Two) -> None:
    signed_in = {**clean_environment(), "PARLOUR_TOKEN": two.tokens["alice"]}
    sent = run_text(["send", f"{two.town.url}/@Dora", "from a terminal"], environment=signed_in)
    assert re.fullmatch(r"@dora/\d+\n", sent.stdout), sent
    shown = run_text(["tail", f"{two.town.url}/@dora"], environment=signed_in)
    assert shown.stdout.endswith("alice: from a terminal\n")
