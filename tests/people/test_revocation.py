"""What somebody is signed in with ends, and so does everything that was opened with it, at once, on every transport."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town, bearer, session_of
from tests.support import raw
from tests.support.talk import Client

Ending = Callable[[Town, str], None]


def sign_out(town: Town, name: str) -> None:
    browser = town.browser()
    browser.cookies.set("parlour_session", SESSIONS[name])
    assert browser.post("/logout").status_code == 303


def disable(town: Town, name: str) -> None:
    assert town.owner.patch(f"/api/v1/accounts/{name}", json={"state": "disabled"}).status_code == 200


def new_password(town: Town, name: str) -> None:
    link = town.owner.post(f"/api/v1/accounts/{name}/reset").json()["url"].removeprefix(town.url)
    assert town.browser().post(link, data={"password": "a wholly new password"}).status_code == 303


SESSIONS: dict[str, str] = {}
ENDINGS: dict[str, Ending] = {"sign out": sign_out, "disable": disable, "new password": new_password}
STREAMS = {
    "text": "/live?follow=1",
    "ndjson": "/live?follow=1&format=ndjson",
    "sse": "/live?format=sse",
    "many rooms": "/api/v1/stream?room=live&room=other",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("stream", [*STREAMS, "websocket"])
def test_a_stream_ends_with_what_it_was_opened_with(town: Town, stream: str, ending: str) -> None:
    name = f"{ending}-{stream}".replace(" ", "")
    SESSIONS[name] = session_of(town.join(name))
    fields = [f"Cookie: parlour_session={SESSIONS[name]}", "Origin: http://localhost"]
    path = STREAMS.get(stream, "/live")
    upgrade = raw.UPGRADE if stream == "websocket" else ()
    with Client.to(town.server.port) as client:
        client.send(raw.head("GET", path, *fields, *upgrade))
        assert client.head().status in (200, 101)
        town.owner.post("/live", data={"message": f"before-{name}"})
        client.read_until(f"before-{name}".encode())
        ENDINGS[ending](town, name)
        town.owner.post("/live", data={"message": f"after-{name}"})
        with pytest.raises(EOFError):
            client.read_until(f"after-{name}".encode())


def test_a_long_poll_that_waits_is_refused(town: Town) -> None:
    browser = town.join("poll")
    with Client.to(town.server.port) as waiting:
        waiting.send(raw.head("GET", "/quiet?format=json&wait=55", f"Cookie: parlour_session={session_of(browser)}"))
        browser.get("/api/v1/me")  # once this is answered, what was sent before it has been read
        assert browser.post("/logout").status_code == 303
        assert waiting.head().status == 401


def test_a_token_that_ends_takes_its_streams_and_no_others(town: Town) -> None:
    first, second = (town.token(town.owner, "read", label=label) for label in ("first", "second"))
    with Client.to(town.server.port) as one, Client.to(town.server.port) as two:
        for client, token in ((one, first), (two, second)):
            client.send(raw.head("GET", "/both?follow=1", f"Authorization: {bearer(token)['Authorization']}"))
            assert client.head().status == 200
        town.owner.post("/both", data={"message": "before"})
        for client in (one, two):
            client.read_until(b"before")
        (row,) = [each for each in town.owner.get("/api/v1/sign-ins").json()["sign_ins"] if each["label"] == "first"]
        assert town.owner.delete(f"/api/v1/sign-ins/{row['id']}").status_code == 204
        town.owner.post("/both", data={"message": "after-the-end"})
        two.read_until(b"after-the-end")
        with pytest.raises(EOFError):
            one.read_until(b"after-the-end")


def test_a_guest_stays_when_members_go(town: Town) -> None:
    with Client.to(town.server.port) as guest:
        guest.send(raw.head("GET", "/live?follow=1"))
        assert guest.head().status == 200
        town.join("goes")
        disable(town, "goes")
        town.owner.post("/live", data={"message": "still here"})
        guest.read_until(b"still here")


def test_password_in_each_request_ends_with_the_password(town: Town) -> None:
    town.join("curly")
    with town.server.client(auth=("curly", PASSWORD)) as curl:
        assert curl.get("/lobby").status_code == 200
        new_password(town, "curly")
        assert curl.get("/lobby").status_code == 401


def test_a_token_ends_itself_and_no_other(town: Town) -> None:
    token, other = (town.token(town.owner, "post", label=label) for label in ("ends itself", "stays"))
    ids = {row["label"]: row["id"] for row in town.owner.get("/api/v1/sign-ins").json()["sign_ins"]}
    with town.server.client(headers=bearer(token)) as program, town.server.client() as guest:
        assert program.get("/api/v1/me").json()["sign_in"]["id"] == ids["ends itself"]
        assert program.delete(f"/api/v1/sign-ins/{ids['stays']}").status_code == 404
        assert guest.delete(f"/api/v1/sign-ins/{ids['ends itself']}").status_code == 404
        assert program.delete(f"/api/v1/sign-ins/{ids['ends itself']}").status_code == 204
        assert program.get("/api/v1/me").status_code == 401
    with town.server.client(headers=bearer(other)) as program:
        assert program.get("/api/v1/me").status_code == 200
