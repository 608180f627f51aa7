"""What rooms look like to each: those at the side, those that may not be there, commands, tokens for one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town, page_after
from tests.people.test_room_pages import made, words
from tests.people.test_rooms import say
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("pages") / "data", "--rate-limits", "off") as running:
        town = Town(running)
        yield town
        town.close()


@pytest.fixture(scope="module")
def ada(town: Town) -> httpx.Client:
    return town.join("ada")


@pytest.fixture(scope="module")
def bob(town: Town) -> httpx.Client:
    return town.join("bob")


def test_everybody_has_their_own_private_rooms_at_the_side_also_where_there_are_many_rooms(
    ada: httpx.Client, bob: httpx.Client
) -> None:
    for number in range(101):
        say(ada, f"crowd-{number}", "here")
    rooms = {ada: made(ada, title="Of Ada", access="private"), bob: made(bob, title="Of Bob", access="private")}
    for browser, other in ((ada, bob), (bob, ada), (ada, bob)):
        page = browser.get("/lobby").text
        assert f'data-room="{rooms[browser]}"' in page
        assert rooms[other] not in page


def test_who_is_signed_in_is_not_told_to_sign_in_at_a_room_that_may_not_be_there(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = made(ada, title="Not for bob", access="private")
    nothing = f"{room[:-6]}zzzzzz"
    for path in ("/{}", "/rooms/{}", "/{}/1"):
        pages = [bob.get(path.format(name)).text.replace(name, "NAME") for name in (room, nothing)]
        assert pages[0] == pages[1]
        assert "If there is such a room, somebody who is in it can add you, or send you a link." in pages[0]
        assert "sign in" not in pages[0]
    guest = town.browser().get(f"/{room}")
    assert "If you have an account that is in it, sign in." in words(guest)


def test_commands_say_who_one_is_to_post_and_where_guests_are_not_let_in(town: Town, ada: httpx.Client) -> None:
    room = made(ada, title="From outside", access="private")
    say(ada, "from-outside", "hi")

    def commands(browser: httpx.Client, name: str) -> list[str]:
        page = re.sub("</?span[^>]*>", "", browser.get(f"/{name}").text)
        return re.findall(r"curl [^<]*(?=<bdi>)", unescape(page))

    assert commands(ada, room) == ["curl -u ada -d hello ", "curl -u ada -N '"]
    assert commands(ada, "from-outside") == ["curl -u ada -d hello ", "curl -N '"]
    assert commands(town.browser(), "from-outside") == ["curl -d hello ", "curl -N '"]
    town.operator("PATCH", "/api/v1/settings", {"access": "members"})
    try:
        assert commands(ada, "from-outside") == ["curl -u ada -d hello ", "curl -u ada -N '"]
    finally:
        town.operator("PATCH", "/api/v1/settings", {"access": "open"})
    curl = ["curl", "-sS", "-u", f"ada:{PASSWORD}", "-d", "hello", f"{town.url}/{room}"]
    subprocess.run([*curl, "--fail"], capture_output=True, check=True, timeout=TIMEOUT_S)


def test_token_is_made_for_one_room_by_the_form(town: Town, ada: httpx.Client) -> None:
    room = made(ada, title="One room", access="private")
    form = {"do": "token", "label": "for one room", "post": "1"}
    page = page_after(ada, "/account", {**form, "room": f"/{room}"})
    command = re.search(r"Bearer (\S+)' -d hello (\S+)</pre>", unescape(page.text))
    assert command is not None
    assert command[2] == f"{town.url}/{room}"
    assert page.text.index(f">{command[1]}</pre>") < page.text.index("Bearer"), "by itself, above the example"
    assert f"only in {room}" in words(page)
    with town.server.client(headers={"Authorization": f"Bearer {command[1]}"}) as program:
        assert program.post(f"/{room}", content="hello").status_code == 201
        assert program.post("/lobby", content="hello").status_code == 403
    wrong = ada.post("/account", data={**form, "room": "no such/name"})
    assert wrong.status_code == 400
    assert 'id="room-error"' in wrong.text
