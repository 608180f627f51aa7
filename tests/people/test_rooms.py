"""Rooms of people: private ones, members and their roles, announcements, archives, and links into a room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.people.server import Town, bearer, join
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("rooms") / "data", "--rate-limits", "off") as running:
        town = Town(running)
        yield town
        town.close()


def make(browser: httpx.Client, **settings: Any) -> str:
    """A room; its name."""
    answer = browser.post("/api/v1/rooms", json=settings)
    assert answer.status_code == 201, answer.text
    room = str(answer.json()["room"])
    assert answer.headers["Location"] == f"/{room}"
    return room


def say(browser: httpx.Client, room: str, text: str) -> httpx.Response:
    return browser.post(f"/api/v1/rooms/{room}/messages", json={"text": text})


def texts(browser: httpx.Client, room: str, since: int = 0) -> list[str]:
    answer = browser.get(f"/api/v1/rooms/{room}/messages", params={"since": since})
    assert answer.status_code == 200, answer.text
    return [event["text"] for event in answer.json()["events"] if event["type"] == "message"]


def add(browser: httpx.Client, room: str, name: str, role: str = "member") -> httpx.Response:
    return browser.put(f"/api/v1/rooms/{room}/members/{name}", json={"role": role})


def remove(browser: httpx.Client, room: str, name: str) -> httpx.Response:
    return browser.delete(f"/api/v1/rooms/{room}/members/{name}")


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_private_room_is_for_its_members(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, title="The Leads", topic="Who does what", access="private")
    assert room.startswith("~the-leads-")
    info = ada.get(f"/api/v1/rooms/{room}").json()
    assert (info["access"], info["title"], info["topic"], info["role"]) == (
        "private",
        "The Leads",
        "Who does what",
        "owner",
    )
    assert say(ada, room, "hello").status_code == 201
    assert say(bob, room, "let me in").status_code == 404
    assert add(ada, room, "bob").status_code == 200
    assert say(bob, room, "thanks").status_code == 201
    assert texts(bob, room) == ["hello", "thanks"]
    names = [member["name"] for member in bob.get(f"/api/v1/rooms/{room}/members").json()["members"]]
    assert names == ["ada", "bob"]
    for browser, is_listed in ((ada, True), (bob, True), (town.owner, False)):
        listed = [each["room"] for each in browser.get("/api/v1/rooms").json()["rooms"]]
        assert (room in listed) is is_listed


WAYS_IN = {
    "page": ("GET", "/{room}", None, "application/json"),
    "html": ("GET", "/{room}", None, "text/html"),
    "text": ("GET", "/{room}", None, "text/plain"),
    "follow": ("GET", "/{room}?follow=1", None, "text/plain"),
    "sse": ("GET", "/{room}", None, "text/event-stream"),
    "resume": ("GET", "/{room}?since=1&format=sse", None, "text/event-stream"),
    "long-poll": ("GET", "/{room}?since=1&wait=1&format=json", None, "application/json"),
    "event": ("GET", "/{room}/1", None, "application/json"),
    "later event": ("GET", "/{room}/999", None, "application/json"),
    "room": ("GET", "/api/v1/rooms/{room}", None, "application/json"),
    "several": ("GET", "/api/v1/stream?room={room}", None, "text/event-stream"),
    "post": ("POST", "/{room}", b"hi", "text/plain"),
    "send": ("POST", "/send", b"room={room}&message=hi", "application/json"),
    "put": ("PUT", "/{room}/12345678", b"hi", "application/json"),
    "change": ("PATCH", "/api/v1/rooms/{room}", b'{"title":"x"}', "application/json"),
    "members": ("GET", "/api/v1/rooms/{room}/members", None, "application/json"),
    "join": ("PUT", "/api/v1/rooms/{room}/members/bob", b"{}", "application/json"),
    "add": ("PUT", "/api/v1/rooms/{room}/members/ada", b"{}", "application/json"),
    "leave": ("DELETE", "/api/v1/rooms/{room}/members/bob", None, "application/json"),
    "invite": ("POST", "/api/v1/rooms/{room}/invitations", b"{}", "application/json"),
    "invitations": ("GET", "/api/v1/rooms/{room}/invitations", None, "application/json"),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_who_is_not_in_a_private_room_cannot_tell_whether_there_is_one(
    way: str, town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    """Everything but the date and the made-up key of a form is the same, to the byte."""
    room = make(ada, title="Hidden", access="private")
    nothing = f"{room[:-6]}zzzzzz"
    say(ada, room, "secret")
    add(ada, room, "bob")
    assert remove(ada, room, "bob").status_code == 204
    method, path, body, accept = WAYS_IN[way]
    kinds = {b"{": "application/json", b"r": "application/x-www-form-urlencoded", b"h": "text/plain"}
    kind = {"Content-Type": kinds[body[:1]]} if body else {}
    with town.server.client() as guest:
        for browser in (bob, guest):
            seen = []
            for name in (room, nothing):
                content = None if body is None else body.replace(b"{room}", name.encode())
                answer = browser.request(
                    method, path.format(room=name), content=content, headers={"Accept": accept, **kind}
                )
                fields = {key: value for key, value in answer.headers.items() if key not in ("date", "content-length")}
                seen.append((answer.status_code, fields, answer.text.replace(name, "NAME")))
            assert seen[0] == seen[1]
            assert seen[0][0] == 404 or (browser is guest and seen[0][0] == 401)


def test_a_public_room_with_an_owner_can_be_joined_and_left(ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="kitchen", title="Kitchen")
    taken = ada.post("/api/v1/rooms", json={"room": "Kitchen"})
    assert (*code(taken), taken.json()["field"]) == (409, "name_taken", "room")
    assert add(bob, room, "bob").status_code == 200
    assert code(bob.patch(f"/api/v1/rooms/{room}", json={"title": "Mine"})) == (403, "forbidden")
    assert remove(bob, room, "bob").status_code == 204
    assert code(remove(bob, room, "bob")) == (404, "not_found")
    assert code(ada.patch(f"/api/v1/rooms/{room}", json={"access": "private"})) == (400, "bad_parameter")
    assert code(ada.patch(f"/api/v1/rooms/{room}", json={"history": "joined"})) == (400, "bad_parameter")


def test_whoever_is_removed_is_shown_nothing_more_and_posts_nothing_more(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = make(ada, title="Short stay", access="private")
    add(ada, room, "bob")
    with bob.stream("GET", f"/{room}?format=ndjson&follow=1&since=0", timeout=TIMEOUT_S) as stream:
        lines = stream.iter_lines()
        while json.loads(next(lines))["type"] != "caught_up":
            pass
        say(ada, room, "before")
        remove(ada, room, "bob")
        say(ada, room, "after")
        rest = []
        for line in lines:
            rest.append(json.loads(line))
            assert rest[-1].get("text") != "after", "the stream goes on"
    assert [item.get("text") or item.get("what") or item["type"] for item in rest] == ["before", "removed", "closed"]
    assert rest[-1]["detail"] == "You are not in this room any more."
    assert code(say(bob, room, "still here")) == (404, "not_found")
    assert texts(ada, room) == ["before", "after"]


def test_roles_in_a_room(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, title="Roles", access="private")
    town_carl = join(town, "carl")
    add(ada, room, "bob")
    assert code(add(bob, room, "carl")) == (403, "forbidden")
    assert add(ada, room, "bob", "moderator").status_code == 200
    assert add(bob, room, "carl").status_code == 200
    assert code(add(bob, room, "carl", "owner")) == (403, "forbidden")
    assert code(remove(bob, room, "ada")) == (403, "forbidden")
    assert code(bob.patch(f"/api/v1/rooms/{room}", json={"topic": "x"})) == (403, "forbidden")
    assert code(remove(ada, room, "ada")) == (409, "last_owner")
    assert code(add(ada, room, "ada", "member")) == (409, "last_owner")
    assert add(ada, room, "carl", "owner").status_code == 200
    assert remove(ada, room, "ada").status_code == 204
    assert code(say(ada, room, "hm")) == (404, "not_found")
    assert town_carl.patch(f"/api/v1/rooms/{room}", json={"topic": "x"}).json()["topic"] == "x"


def test_an_admin_sets_a_private_room_right_and_is_seen_doing_it(town: Town, ada: httpx.Client) -> None:
    room = make(ada, title="No owner", access="private")
    say(ada, room, "said before")
    assert town.owner.get(f"/{room}", headers={"Accept": "application/json"}).status_code == 404
    assert town.owner.get(f"/api/v1/rooms/{room}/members").status_code == 200
    assert add(town.owner, room, "olga", "owner").status_code == 200
    events = ada.get(f"/api/v1/rooms/{room}/messages?since=0").json()["events"]
    assert events[-1]["what"] == "added"
    assert events[-1]["by"]["name"] == "olga"


def test_announcements_and_archives(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="news", read_only=True)
    with town.server.client() as guest:
        assert code(guest.post(f"/{room}", content="me too", headers={"Accept": "application/json"})) == (
            403,
            "read_only",
        )
        assert code(say(bob, room, "me too")) == (403, "read_only")
        assert say(ada, room, "the news").status_code == 201
        assert ada.patch(f"/api/v1/rooms/{room}", json={"archived": True}).json()["archived"] is True
        assert code(say(ada, room, "more")) == (403, "read_only")
        assert code(add(bob, room, "bob")) == (403, "read_only")
        for who in (ada, town.owner):
            link = who.post(f"/api/v1/rooms/{room}/invitations", json={"uses": 1})
            for refused in (add(who, room, "bob"), add(who, room, "bob", "owner"), link):
                assert refused.status_code == 403
                assert "This room is archived: nobody joins it any more." in refused.text
        assert add(town.owner, room, "ada", "owner").status_code == 200
        assert texts(guest, room) == ["the news"]
        ada.patch(f"/api/v1/rooms/{room}", json={"archived": False, "read_only": False})
        assert say(bob, room, "at last").status_code == 201


def test_history_since_joining(ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, title="From now on", access="private", history="joined")
    say(ada, room, "not for bob")
    add(ada, room, "bob")
    say(ada, room, "after")
    since = bob.get(f"/api/v1/rooms/{room}").json()["first_seq"]
    assert since == 4
    assert code(bob.get(f"/api/v1/rooms/{room}/messages?since=0")) == (410, "cursor_gone")
    assert code(bob.get(f"/api/v1/rooms/{room}/messages/3")) == (410, "gone")
    page = bob.get(f"/api/v1/rooms/{room}/messages?limit=1000").json()
    assert [event["seq"] for event in page["events"]] == [4, 5]
    assert page["first_seq"] == 4
    assert page["prev"] is None
    assert "not for bob" not in bob.get(f"/{room}", headers={"Accept": "text/html"}).text
    assert bob.get(f"/api/v1/rooms/{room}/messages?before=4").json()["events"] == []
    with bob.stream("GET", f"/{room}?format=ndjson&follow=1&since=1", timeout=TIMEOUT_S) as stream:
        first = json.loads(next(stream.iter_lines()))
    assert (first["type"], first["reason"], first["first_seq"]) == ("reset", "before_joining", 4)
    assert [event["seq"] for event in ada.get(f"/api/v1/rooms/{room}/messages?since=0").json()["events"]] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_a_link_into_a_room(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, title="By link", access="private")
    made = ada.post(f"/api/v1/rooms/{room}/invitations", json={"uses": 1}).json()
    secret = made["url"].rpartition("/")[2]
    answer = town.browser().post(
        "/api/v1/accounts",
        json={"invitation": secret, "name": "dora", "password": "a few words of hers"},
        headers={"Accept": "application/json"},
    )
    assert code(answer) == (403, "forbidden")
    assert code(ada.post(f"/api/v1/rooms/{room}/invitations", json={"accounts": True})) == (403, "forbidden")
    assert bob.post("/api/v1/join", json={"invitation": secret}).status_code == 200
    assert bob.post("/api/v1/join", json={"invitation": secret}).status_code == 410
    assert say(bob, room, "I am in").status_code == 201
    other = ada.post(f"/api/v1/rooms/{room}/invitations", json={"uses": 5}).json()
    assert [each["id"] for each in ada.get(f"/api/v1/rooms/{room}/invitations").json()["invitations"]] == [other["id"]]
    assert ada.delete(f"/api/v1/invitations/{other['id']}").status_code == 204
    assert code(bob.post("/api/v1/join", json={"invitation": other["url"].rpartition("/")[2]})) == (410, "link_gone")


def test_a_token_for_one_room(town: Town, ada: httpx.Client) -> None:
    room = make(ada, title="Cron", access="private")
    made = ada.post("/api/v1/tokens", json={"label": "cron", "scopes": ["read", "post"], "rooms": [room]}).json()
    assert made["rooms"] == [room]
    with town.server.client(headers=bearer(made["secret"])) as program:
        assert say(program, room, "tick").status_code == 201
        assert code(say(program, "lobby", "tick")) == (403, "forbidden")
        assert code(program.get("/api/v1/rooms/lobby")) == (403, "forbidden")
        assert [each["room"] for each in program.get("/api/v1/rooms").json()["rooms"]] == [room]


def test_a_bot_with_the_scope_read_sees_who_is_in_its_room(town: Town, ada: httpx.Client) -> None:
    assert ada.post("/api/v1/bots", json={"name": "greeter"}).status_code == 201
    room, other = make(ada, title="Greeted", access="private"), make(ada, title="Not greeted", access="private")
    add(ada, room, "greeter")

    def asked(where: str, **token: object) -> httpx.Response:
        body = {"label": "greet", "account": "greeter", **token}
        secret = ada.post("/api/v1/tokens", json=body).json()["secret"]
        with town.server.client(headers=bearer(secret)) as program:
            return program.get(f"/api/v1/rooms/{where}/members")

    for token in ({"scopes": ["read"]}, {"scopes": ["read"], "rooms": [room, "lobby"]}):
        seen = asked(room, **token)
        assert {each["name"] for each in seen.json()["members"]} == {"ada", "greeter"}
        assert code(asked(other, **token))[0] in (403, 404)
        assert asked("lobby", **token).status_code == 200
    assert code(asked(room, scopes=["read"], rooms=["lobby"])) == (403, "forbidden")
    assert code(asked(room, scopes=["post"])) == (403, "forbidden")
    with town.server.client() as guest:
        assert code(guest.get("/api/v1/rooms/lobby/members")) == (401, "login_required")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"access": "private", "title": "x" * 81}, "bad_text"),
        ({"title": "two\nlines"}, "bad_text"),
        ({"title": "turned\u202earound"}, "bad_text"),
        ({}, "bad_room_name"),
        ({"room": "~mine"}, "bad_room_name"),
        ({"room": "login"}, "reserved_name"),
        ({"room": "yes", "history": "joined"}, "bad_parameter"),
        ({"room": "yes", "access": "secret"}, "bad_json"),
    ],
)
def test_what_is_no_room_is_refused(body: dict[str, str], refusal: str, ada: httpx.Client) -> None:
    assert ada.post("/api/v1/rooms", json=body).json()["code"] == refusal


def test_rooms_are_what_they_were_after_a_kill(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    with server:
        town = Town(server)
        ada, bob = join(town, "ada"), join(town, "bob")
        room = make(ada, title="Kept", access="private", history="joined")
        add(ada, room, "bob")
        add(ada, room, "olga", "moderator")
        remove(ada, room, "bob")
        before = ada.get(f"/api/v1/rooms/{room}").json(), ada.get(f"/api/v1/rooms/{room}/members").json()
        cookies = dict(ada.cookies), dict(bob.cookies)
        server.kill()
        server.start()
        with server.client(cookies=cookies[0]) as again, server.client(cookies=cookies[1]) as out:
            assert (
                again.get(f"/api/v1/rooms/{room}").json(),
                again.get(f"/api/v1/rooms/{room}/members").json(),
            ) == before
            assert out.get(f"/api/v1/rooms/{room}").status_code == 404
        town.close()
