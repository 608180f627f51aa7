"""The server below /chat of a site, as deploy/nginx-below-a-path.conf has it: a browser stays inside, and so do we."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.conformance.nginx import SITE, nginx
from tests.support.browser import Person, chromium
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, without a slash at its end."""
    data = tmp_path_factory.mktemp("below") / "data"
    with (
        ServerProcess(data, "--trusted-proxies", "127.0.0.1") as server,
        nginx(tmp_path_factory.mktemp("nginx"), server.port, "nginx-below-a-path.conf"),
    ):
        yield f"http://{SITE}:{server.port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def alice(browser: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Person]:
    """Somebody whose browser asks for nothing outside /chat/."""
    person = Person(browser, base_url=site, java_script_enabled=request.param)
    asked: list[str] = []
    person.page.on("request", lambda one: asked.append(one.url))
    person.page.on("websocket", lambda one: asked.append(one.url))
    yield person
    person.context.close()
    assert asked
    assert [address for address in asked if not urlsplit(address).path.startswith("/chat/")] == []
    assert {urlsplit(address).netloc for address in asked} == {urlsplit(site).netloc}
    assert person.complaints == []


def test_browser_finds_everything_and_stays_inside(alice: Person, request: pytest.FixtureRequest) -> None:
    page, room = alice.page, "with" if request.node.callspec.params["alice"] else "without"
    scripted = room == "with"
    page.goto(f"/chat/{room}")
    for number in range(60):
        answer = page.request.post(f"/chat/{room}", data=f"Early {number}", headers={"Content-Type": "text/plain"})
        assert answer.status == 201
    page.reload()
    if scripted:
        alice.wait_for_line("live")
    if scripted:
        alice.write("Hello", name="Alice")
    else:
        page.fill("#name", "Alice")
        page.fill("#message", "Hello")
        page.click(".send")
    expect(page.locator("#messages .text").last).to_have_text("Hello")
    page.reload()
    expect(page.locator("#messages .text").last).to_have_text("Hello")
    expect(page.locator("#name")).to_have_value("Alice")
    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]") if scripted else []
    assert [name for name in kept if not name.startswith("parlour/chat:")] == [], "others of the site have their own"
    assert bool(kept) is scripted
    page.locator("#messages .message").last.hover()  # a time in the gutter is a link when it can be seen
    page.locator("#messages .when").last.click()
    expect(page.locator("#messages .text").last).to_have_text("Hello")
    page.goto(f"/chat/{room}")
    if not scripted:
        page.click("#older a")
        page.wait_for_url("**/chat/*before=*")
        page.click("text=Latest messages")
    page.fill("#room", "Elsewhere")
    page.click("text=Go >> nth=-1")
    expect(page.locator("h1 bdi")).to_have_text("elsewhere")
    page.click(f".rooms >> text={room}")
    expect(page.locator("h1 bdi")).to_have_text(room)
    page.click(".brand")
    expect(page.locator("h1 bdi")).to_have_text("lobby")
    page.click(".ways [href='#connect'], .ways [popovertarget=connect]")
    page.click("text=More about curl")
    expect(page.locator("body")).to_contain_text(f"http://{urlsplit(page.url).netloc}/chat/lobby")


def test_error_page_leads_back_inside(site: str) -> None:
    with httpx.Client(base_url=site, timeout=TIMEOUT_S, headers={"Accept": "text/html"}) as http:
        assert 'href="/chat/lobby"' in http.get("/chat/lobby/999").text
        assert http.get("/chat?room=dev").headers["location"].endswith("/chat/?room=dev")
        assert http.get("/lobby").status_code == 404, "nginx has nothing else there"


def test_commands_take_the_address_of_the_page(site: str) -> None:
    for words in (["send", f"{site}/chat/ops", "from a terminal"], ["tail", f"{site}/chat/ops"]):
        done = subprocess.run(
            [sys.executable, "-m", "parlour", *words], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
        assert done.returncode == 0, done.stderr
    assert "from a terminal" in done.stdout
