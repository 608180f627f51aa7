"""Who is in a room: counted by people and not by connections, told to who watches, and silent about who wants that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.people.server import Town
from tests.stream.test_websocket import Socket
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def town(server: ServerProcess) -> Iterator[Town]:
    town = Town(server)
    yield town
    town.close()


def _here(town: Town, room: str) -> dict[str, Any]:
    answer = town.browser().get(f"/api/v1/rooms/{room}/presence", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def _until(watcher: Socket, count: int) -> dict[str, Any]:
    """The first item that says so."""
    while (item := watcher.next("presence"))["count"] != count:
        pass
    return item


def test_people_are_counted_once_by_the_name_they_say_and_while_they_are_there(town: Town) -> None:
    address = f"ws://127.0.0.1:{town.server.port}/here"
    with connect(address) as one, connect(address) as two, connect(address) as three:
        watcher = Socket(one)
        watcher.next("caught_up")
        watcher.send(op="presence", name="Maya")
        Socket(two).send(op="presence", name="Jonas", state="away")
        Socket(three).send(op="presence", name="Jonas")
        item = _until(watcher, 2)
        assert item["room"] == "here"
        found = _here(town, "here")
        assert [(each["name"], each["kind"], each.get("away", False)) for each in found["people"]] == [
            ("Jonas", "guest", False), ("Maya", "guest", False),
        ]  # fmt: skip
        Socket(two).send(op="presence", name="Jonas", state="away")
        three.close()
        while not (people := watcher.next("presence")["people"])[-1].get("away"):
            pass
        assert [each["name"] for each in people] == ["Maya", "Jonas"]
        two.close()
        _until(watcher, 1)
        watcher.send(op="presence", name="admin")
        assert watcher.next("error")["code"] == "reserved_name"
    assert _here(town, "here")["count"] == 0


def test_member_who_wants_that_is_shown_to_nobody(town: Town) -> None:
    ada, bob = town.join("ada"), town.join("bob")
    in_json = {"Accept": "application/json"}
    with ada.stream("GET", "/quiet", headers={"Accept": "text/event-stream"}, timeout=TIMEOUT_S) as stream:
        lines = stream.iter_lines()  # kept: the connection ends with it
        assert "event: caught_up" in lines
        assert [each["name"] for each in _here(town, "quiet")["people"]] == ["ada"]
        assert ada.patch("/api/v1/me", json={"hidden": True}, headers=in_json).json()["hidden"] is True
        assert _here(town, "quiet") == {"room": "quiet", "count": 0, "people": []}
        assert "hidden" not in bob.get("/api/v1/accounts/ada", headers=in_json).json()
        assert 'name="hidden" value="1" checked' in ada.get("/account").text
        form = {"do": "profile", "display": "ada", "name": "ada"}
        assert ada.post("/account", data=form).status_code == 200
        assert _here(town, "quiet")["count"] == 1
