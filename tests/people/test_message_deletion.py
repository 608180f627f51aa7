"""Deleting a message: by whom it may be done, and that what it said is nowhere any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.people.server import Town, bearer
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client

TEXT = "what nobody should have read"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("deleting") / "data", "--rate-limits", "off") as server:
        town = Town(server)
        yield town
        town.close()


def say(browser: httpx.Client, room: str, text: str = TEXT) -> str:
    """The address of a new message."""
    answer = browser.post(f"/api/v1/rooms/{room}/messages", json={"text": text})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def test_what_is_deleted_is_shown_to_nobody_and_readers_are_told(town: Town) -> None:
    mia = town.join("mia")
    with Client.to(town.server.port) as reader:
        reader.send(raw.head("GET", "/told?follow=1&format=ndjson&since=0"))
        reader.head()
        address = say(mia, "told")
        reader.read_until(TEXT.encode())
        for _ in range(2):  # a repeat is answered the same, and told no more
            assert mia.delete(address).status_code == 204
        say(mia, "told", "next")
        told = reader.read_until(b'"next"')
    assert told.count(b'"type":"redaction"') == 1
    assert b'"ref":1' in told
    events = mia.get("/told?format=json").json()["events"]
    assert [event["type"] for event in events] == ["redacted", "redaction", "message"]
    assert TEXT not in mia.get("/told").text
    assert "* mia deleted a message" in mia.get("/told", headers={"Accept": "text/plain"}).text
    assert mia.get(address, headers={"Accept": "application/json"}).json()["type"] == "redacted"


def test_deleted_many_times_at_once_it_is_told_once(town: Town) -> None:
    many = town.join("many")
    address = say(many, "race")
    clients = [Client.to(town.server.port) for _ in range(20)]
    authorization = f"Authorization: {bearer(town.token(many, 'read', 'post'))['Authorization']}"
    for client in clients:
        client.send(raw.head("DELETE", address, authorization))
    for client in clients:
        assert client.head().status == 204
        client.sock.close()
    events = many.get("/race?format=json").json()["events"]
    assert [event["type"] for event in events] == ["redacted", "redaction"]


def test_it_leaves_the_files(town: Town) -> None:
    """Once the log that is written ahead has been copied, as it is at the end of a server."""
    mona = town.join("mona")
    text = "a text that is in no other message"
    assert mona.delete(say(mona, "on-disk", text)).status_code == 204
    town.server.restart()
    files = [path for path in Path(town.server.data).iterdir() if path.is_file()]
    assert not [path.name for path in files if text.encode() in path.read_bytes()]


def test_who_may_delete_what(town: Town) -> None:
    """Authors their own; moderators of the room, and those who run the server, anybody's; nobody else."""
    owner, author, moderator, other = (town.join(name) for name in ("oona", "ada", "moe", "otto"))
    room = owner.post("/api/v1/rooms", json={"title": "Ours", "access": "private"}).json()["room"]
    for name, role in (("ada", "member"), ("moe", "moderator"), ("otto", "member")):
        assert owner.put(f"/api/v1/rooms/{room}/members/{name}", json={"role": role}).status_code == 200
    address = say(author, room)
    assert other.delete(address).status_code == 403
    assert town.join("stranger").delete(address).status_code == 404
    assert town.owner.delete(address).status_code == 404, "who runs the server is not in this private room"
    assert moderator.delete(address).status_code == 204
    assert author.delete(say(author, room)).status_code == 204
    assert owner.delete(say(author, room)).status_code == 204
    public = say(author, "open-to-all")
    assert moderator.delete(public).status_code == 403
    assert town.owner.delete(public).status_code == 204
    assert owner.delete(f"/{room}/1").status_code == 403, "what a room is cannot be deleted"
    assert owner.delete(f"/{room}/9999").status_code == 404
    mine = say(author, room)
    assert owner.delete(f"/api/v1/rooms/{room}/members/ada").status_code == 204
    assert author.delete(mine).status_code == 404, "who was removed deletes nothing"
    theirs = say(other, room)
    assert owner.patch(f"/api/v1/rooms/{room}", json={"archived": True}).status_code == 200
    for who in (other, owner):
        assert who.delete(theirs).status_code == 403, "nothing of it is changed any more"


def test_guests_delete_what_they_wrote_with_their_cookie(town: Town) -> None:
    """By an address alone nobody is known: many people can have one."""
    fields = {"Origin": town.url}
    with town.server.client(headers=fields) as guest, town.server.client(headers=fields) as other:
        for browser in (guest, other):
            browser.get("/guests", headers={"Accept": "text/html"})
            assert browser.cookies
        named = guest.post("/guests", json={"text": TEXT, "name": "Ann"}).headers["Location"]
        nameless = say(guest, "guests")
        for address in (named, nameless):
            assert other.delete(address).status_code == 401
            assert guest.delete(address).status_code == 204
    with town.server.client() as plain:
        refused = plain.delete(say(plain, "guests"), headers={"Accept": "application/json"})
        assert (refused.status_code, "cookie" in refused.json()["detail"]) == (401, True)


def test_without_scripts_a_form_deletes(town: Town) -> None:
    ivy = town.join("ivy")
    address = say(ivy, "forms")
    assert f'action="{address}/delete"' in ivy.get("/forms").text
    assert f'action="{address}/delete"' not in town.join("uma").get("/forms").text
    answer = ivy.post(f"{address}/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/forms")
    assert TEXT not in ivy.get("/forms").text
