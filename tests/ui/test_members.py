"""What guests see of a server for members: that it is one, and where to sign in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S
from tests.support.ui import parse, text_of

BROWSER = {"Accept": "text/html"}
ASKED = [
    ("GET", "/", "/login"),
    ("GET", "/lobby", "/login?next=/lobby"),
    ("GET", "/lobby/1", "/login?next=/lobby"),
    ("GET", "/caf%C3%A9", "/login?next=/caf%25C3%25A9"),
    ("GET", "/?room=lobby", "/login"),
    ("POST", "/lobby", "/login?next=/lobby"),
    ("POST", "/send", "/login"),
]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("members") / "data", "--access", "members") as running:
        town = Town(running)
        town.join("maya")
        yield running
        town.close()


@pytest.fixture
def guest(browser: Browser, members: ServerProcess) -> Iterator[Person]:
    person = Person(browser, base_url=members.url, viewport={"width": 360, "height": 640})
    yield person
    person.context.close()


@pytest.mark.parametrize(("method", "path", "sign_in"), ASKED)
def test_page_when_only_members_may_read_says_so_and_leads_to_signing_in_alone(
    members: ServerProcess, method: str, path: str, sign_in: str
) -> None:
    form = {"message": "hello"} if method == "POST" else None
    answer = httpx.request(method, members.url + path, headers=BROWSER, data=form, timeout=TIMEOUT_S)
    assert answer.status_code == 401
    assert "For members only" in text_of(answer.text)
    assert "This server is for members only: sign in." in text_of(answer.text)
    parsed = parse(answer.text)
    assert {tag for tag, _ in parsed}.isdisjoint({"form", "input", "textarea", "button", "script"})
    assert [attributes["href"] for tag, attributes in parsed if tag == "a"] == [sign_in]


@pytest.mark.parametrize("room", ["lobby", "café"])
def test_member_when_a_room_asked_for_it_signs_in_and_is_in_that_room(guest: Person, room: str) -> None:
    guest.page.goto(f"/{room}")
    guest.page.click("a")
    guest.page.fill("#name", "maya")
    guest.page.fill("#password", PASSWORD)
    guest.page.click("button")
    guest.wait_for_line("live")
    guest.write("in at last")
    guest.see("in at last")
    assert guest.page.locator("h1").text_content() == f"/{room}"
    assert guest.page.locator("#messages .name").text_content() == "maya"


@pytest.mark.parametrize("width", [360, 1440])
def test_page_when_only_members_may_read_is_shown_and_no_password_is_asked_for(guest: Person, width: int) -> None:
    """A browser that knows the challenge asks for a name and a password itself, instead of showing the page."""
    guest.page.set_viewport_size({"width": width, "height": 640})
    answer = guest.page.goto("/lobby")
    assert answer is not None
    assert answer.status == 401
    assert guest.page.locator("h1").text_content() == "For members only"
    assert guest.page.evaluate("document.documentElement.scrollWidth") == width
