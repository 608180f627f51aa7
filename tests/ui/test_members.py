"""What guests see of a server for members: that it is one, and nothing that could not work."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S
from tests.support.ui import parse, text_of

BROWSER = {"Accept": "text/html"}
READ = ("/", "/lobby", "/lobby/1", "/?room=lobby")
ASKED = [*(("GET", path) for path in READ), ("POST", "/lobby"), ("POST", "/send")]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("members") / "data", "--access", "members") as running:
        yield running


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_page_when_only_members_may_read_says_so_and_offers_nothing(
    members: ServerProcess, method: str, path: str
) -> None:
    form = {"message": "hello"} if method == "POST" else None
    answer = httpx.request(method, members.url + path, headers=BROWSER, data=form, timeout=TIMEOUT_S)
    assert answer.status_code == 401
    assert "For members only" in text_of(answer.text)
    assert "guests can neither read nor write here" in text_of(answer.text)
    assert {tag for tag, _ in parse(answer.text)}.isdisjoint({"form", "input", "textarea", "button", "a", "script"})


@pytest.mark.parametrize("width", [360, 1440])
def test_page_when_only_members_may_read_is_shown_and_no_password_is_asked_for(
    browser: Browser, members: ServerProcess, width: int
) -> None:
    """A browser that knows the challenge asks for a name and a password, which nobody has, instead of showing it."""
    guest = Person(browser, base_url=members.url, viewport={"width": width, "height": 640})
    answer = guest.page.goto("/lobby")
    assert answer is not None
    assert answer.status == 401
    assert guest.page.locator("h1").text_content() == "For members only"
    assert guest.page.evaluate("document.documentElement.scrollWidth") == width
    guest.context.close()
