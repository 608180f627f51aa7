"""A form that is refused: the page comes back at the field that is wrong, also where that is far down."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.people.test_rooms import make
from tests.support.server import ServerProcess
from tests.support.ui import parse


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("refused") / "data", "--rate-limits", "off") as running:
        town = Town(running)
        town.join("ada")
        town.join("otto", "owner")  # else the owner could not delete the own account
        yield town
        town.close()


FORMS: dict[str, tuple[str, dict[str, str], str, str]] = {
    "wrong old password": (
        "/account",
        {"do": "password", "old": "not this one", "password": PASSWORD},
        "old",
        "This is not your password.",
    ),
    "weak password": (
        "/account",
        {"do": "password", "old": PASSWORD, "password": "short"},
        "password",
        "A password has",
    ),
    "wrong password for the deletion": (
        "/account",
        {"do": "delete", "current": "not this one"},
        "current",
        "This is not your password.",
    ),
    "name of a bot": ("/account", {"do": "bot", "bot": "admin"}, "bot", "The server needs the name"),
    "token for nothing": (
        "/account",
        {"do": "token", "label": " ", "post": "1"},
        "label",
        "Say what the token is for.",
    ),
    "token without a scope": ("/account", {"do": "token", "label": "cron"}, "scopes", "Choose one of them, or both."),
    "time zone": (
        "/account",
        {"do": "profile", "display": "O", "name": "olga", "time_zone": "Nowhere"},
        "time_zone",
        "A time zone",
    ),
    "uses of an invitation": (
        "/admin",
        {"do": "invite", "uses": "5000", "days": "7", "role": "member"},
        "uses",
        "An invitation is for",
    ),
    "owner of a room": (
        "/admin",
        {"do": "own", "room": "lost", "name": "nobody"},
        "owner",
        "Nobody here has this name.",
    ),
    "title of a room": ("/rooms/square", {"do": "settings", "title": "x" * 81}, "title", "A name has at most"),
    "somebody to add": ("/rooms/square", {"do": "add", "name": "nobody"}, "name", "Nobody here has this name."),
    "next owner": ("/rooms/square", {"do": "hand_over", "to": "nobody"}, "to", "Nobody here has this name."),
    "days of a link": ("/rooms/square", {"do": "invite", "uses": "1", "days": "500"}, "days", "An invitation lasts"),
}
"""Path, form, the field that is wrong, and what is said of it."""


@pytest.fixture(scope="module", autouse=True)
def square(town: Town) -> None:
    """A room of the owner, with somebody to hand it over to; nobody can sign in who owns the other one."""
    with town.server.client(auth=("olga", PASSWORD)) as program:
        make(program, room="square")
        assert program.put("/api/v1/rooms/square/members/ada", json={}).status_code == 200
    town.join("gone")
    with town.server.client(auth=("gone", PASSWORD)) as program:
        make(program, room="lost")
    town.operator("PATCH", "/api/v1/accounts/gone", {"state": "disabled"})


def focused(page: httpx.Response) -> list[str]:
    return [
        attributes.get("id") or attributes["name"] for _, attributes in parse(page.text) if "autofocus" in attributes
    ]


@pytest.mark.parametrize("case", FORMS)
def test_page_of_a_refused_form_stands_at_the_field_and_leads_there(town: Town, case: str) -> None:
    path, form, field, sentence = FORMS[case]
    page = town.owner.post(path, data=form)
    assert 400 <= page.status_code < 500
    assert focused(page) == ["read" if field == "scopes" else field]
    links = re.findall(r'<p class="error" role="alert"><a href="#(\w+)">(.*?)</a></p>', page.text)
    assert [name for name, _ in links] == [field]
    assert sentence in links[0][1]
    assert page.text.index(links[0][1]) < page.text.index("<section")
    assert f'id="{field}"' in page.text
    assert f'id="{field}-error"' in page.text


def test_display_name_that_is_refused_has_its_error_at_its_own_field(town: Town) -> None:
    form = {"name": "display-1", "display": "System", "password": PASSWORD}
    page = town.browser().post(town.invitation(), data=form)
    assert page.status_code == 400
    assert 'id="display-error"' in page.text
    assert 'id="name-error"' not in page.text
    with town.server.client(headers={"Accept": "application/json"}) as program:
        secret = town.invitation().rpartition("/")[2]
        refused = program.post("/api/v1/accounts", json={**form, "invitation": secret}).json()
    assert (refused["code"], refused["field"]) == ("reserved_name", "display")
