"""What needs somebody, followed: by a stream, by a WebSocket, and by three devices at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.people.server import Town
from tests.people.test_inbox import change, made, say
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("followed") / "data", "--rate-limits", "off") as server:
        town = Town(server)
        yield town
        town.close()


@pytest.fixture(scope="module")
def ada(town: Town) -> httpx.Client:
    return town.join("ada")


@pytest.fixture(scope="module")
def bob(town: Town) -> httpx.Client:
    return town.join("bob")


@contextmanager
def device(town: Town, who: httpx.Client) -> Iterator[ClientConnection]:
    """A WebSocket that follows somebody's own log."""
    with device_at(town.url, town.token(who, "read", "post")) as socket:
        yield socket


@contextmanager
def device_at(url: str, token: str) -> Iterator[ClientConnection]:
    """The same at an address, with a token."""
    fields = {"Authorization": f"Bearer {token}"}
    address = url.replace("http", "ws") + "/api/v1/stream"
    with connect(address, additional_headers=fields, open_timeout=TIMEOUT_S, close_timeout=1) as socket:
        socket.send('{"op":"me"}')
        yield socket


def until(socket: ClientConnection, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first item that is meant, among heartbeats and others. Raises TimeoutError if none comes."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        item = json.loads(socket.recv(timeout=max(0.0, deadline - time.monotonic())))
        if found(item):
            return dict(item)


def shows(room: str, **expected: object) -> Callable[[dict[str, Any]], bool]:
    """An item that says this of a room."""
    wanted = {"type": "unread", "room": room, **expected}
    return lambda item: wanted.items() <= item.items()


def caught_up(item: dict[str, Any]) -> bool:
    return bool(item["type"] == "caught_up")


def reports(open_: int) -> Callable[[dict[str, Any]], bool]:
    return lambda item: item == {"type": "reports", "open": open_}


def test_who_may_look_at_reports_sees_how_many_wait(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "market")
    seq = say(ada, "market", "buy pills")["seq"]
    with device_at(town.url, town.token(bob, "admin")) as owner, device(town, ada) as other:
        for socket in (owner, other):
            until(socket, caught_up)
        path = f"/api/v1/rooms/market/messages/{seq}/report"
        id_ = ada.post(path, json={"reason": "spam"}).json()["id"]
        until(owner, reports(1))
        with device_at(town.url, town.token(bob, "admin")) as late:
            until(late, reports(1))  # also where it was made before
        bob.patch(f"/api/v1/reports/{id_}", json={"state": "closed"}).raise_for_status()
        until(owner, reports(0))
        say(bob, "market", "@ada gone")
        for item in iter(lambda: json.loads(other.recv(TIMEOUT_S)), None):
            assert item["type"] != "reports", "whoever moderates nothing is told nothing"
            if shows("market", mentions=1)(item):
                break
    change(ada, "market", read=99)


def test_who_gets_or_loses_a_role_is_told_how_many_reports_they_may_look_at(town: Town, bob: httpx.Client) -> None:
    mo = town.join("mo")
    made(bob, "bazaar", "mo")
    path = f"/api/v1/rooms/bazaar/messages/{say(mo, 'bazaar', 'buy pills')['seq']}/report"
    id_ = mo.post(path, json={"reason": "spam"}).json()["id"]

    def in_room(role: str) -> None:
        bob.put("/api/v1/rooms/bazaar/members/mo", json={"role": role}).raise_for_status()

    def on_server(role: str) -> None:
        town.operator("PATCH", "/api/v1/accounts/mo", {"role": role})

    with device_at(town.url, town.token(mo, "admin")) as socket:
        until(socket, caught_up)
        for give in (in_room, on_server):
            give("moderator")
            until(socket, reports(1))
            give("member")
            until(socket, reports(0))
    bob.patch(f"/api/v1/reports/{id_}", json={"state": "closed"}).raise_for_status()


def test_three_devices_see_what_is_unread_and_that_one_of_them_has_read(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    made(bob, "crew", "ada")
    say(bob, "crew", "before")
    with device(town, ada) as one, device(town, ada) as two, device(town, ada) as three, device(town, bob) as other:
        devices = (one, two, three)
        for each in devices:
            until(each, shows("crew", unread=1))  # what is unread when they come
            until(each, caught_up)
        until(other, caught_up)
        say(bob, "crew", "look @ada", "and more")
        for each in devices:
            until(each, shows("crew", unread=3, mentions=1))
        one.send('{"op":"read","room":"crew","seq":5}')
        until(one, lambda item: item["type"] == "marked")
        for each in devices:
            until(each, shows("crew", read_seq=5, unread=1, mentions=0))
        bob.delete("/api/v1/rooms/crew/messages/6")
        for each in devices:
            until(each, shows("crew", unread=0))
        say(ada, "crew", "hello all")
        until(other, shows("crew", unread=1))
        other.send('{"op":"ping"}')
        seen: list[dict[str, Any]] = []
        until(other, lambda item: seen.append(item) or item["type"] == "pong")  # type: ignore[func-returns-value]
    own = f".{ada.get('/api/v1/me').json()['account']['id']}"
    assert all(item.get("room") != own and item.get("mentions") != 1 for item in seen)


def test_a_stream_tells_it_as_text_and_goes_on_where_it_was(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "told", "ada")
    cursor = ada.get("/api/v1/me/rooms").json()["cursor"]
    change(ada, "told", level="all")
    with ada.stream("GET", "/me?follow=1", headers={"Accept": "text/plain"}) as stream:
        lines = stream.iter_lines()
        say(bob, "told", "hello")
        assert "told  1 unread" in lines
    with ada.stream("GET", f"/me?follow=1&format=ndjson&since={cursor}") as stream:
        items = (json.loads(line) for line in stream.iter_lines())
        seen = []
        for item in items:
            seen.append(item)
            if item["type"] == "caught_up":
                break
    assert [item["type"] for item in seen if item.get("room") != "crew"] == ["unread", "notify", "caught_up"]
    assert (seen[-2]["of"], seen[-2]["level"]) == ("told", "all")


def test_who_moderates_reads_as_text_how_many_reports_wait(town: Town, ada: httpx.Client) -> None:
    cy = town.join("cy")
    made(cy, "fair")
    paths = [f"/api/v1/rooms/fair/messages/{say(ada, 'fair', text)['seq']}/report" for text in ("pills", "more")]
    ids = [ada.post(paths[0], json={"reason": "spam"}).json()["id"]]
    with cy.stream("GET", "/me?follow=1", headers={"Accept": "text/plain"}) as stream:
        lines = stream.iter_lines()
        assert "1 open report" in lines
        ids.append(ada.post(paths[1], json={"reason": "spam"}).json()["id"])
        assert "2 open reports" in lines
    for id_ in ids:
        cy.patch(f"/api/v1/reports/{id_}", json={"state": "closed"}).raise_for_status()


def test_one_stream_has_rooms_and_the_own_log(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    made(bob, "beside", "ada")
    accept = {"Accept": "text/event-stream"}
    with ada.stream("GET", "/api/v1/stream?room=beside&me=1", headers=accept) as stream:
        lines = stream.iter_lines()
        say(bob, "beside", "@ada")
        data = (json.loads(line[6:]) for line in lines if line.startswith("data: "))
        types: set[str] = set()
        while not {"message", "mention", "unread"} <= types:
            types.add(next(data)["type"])


def test_nobody_follows_what_is_not_theirs(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    id_ = ada.get("/api/v1/me").json()["account"]["id"]
    with device(town, bob) as socket:
        socket.send(json.dumps({"op": "subscribe", "room": f".{id_}"}))
        assert until(socket, lambda item: item["type"] == "error")["code"] == "bad_room_name"
        socket.send('{"op":"me"}')
        assert until(socket, lambda item: item["type"] == "error")["code"] == "bad_op"
    guest = httpx.get(f"{town.url}/me?follow=1")
    assert guest.status_code == 401
    assert httpx.get(f"{town.url}/api/v1/stream?me=1").status_code == 401
