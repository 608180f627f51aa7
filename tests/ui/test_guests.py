"""A guest by a link in a real browser: a name, the room at once, and out at once; and the pages of the host."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.people.server import Town, session_of
from tests.support.axe import violations_in_both_schemes
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.ui.test_fits import OUTSIDE

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("guests") / "data", "--access", "members") as running:
        town = Town(running)
        town.owner.headers["Accept"] = "application/json"
        yield town
        town.close()


@pytest.fixture
def phone(browser: Browser, town: Town) -> Iterator[Person]:
    somebody = Person(browser, base_url=town.url, viewport=PHONE)
    yield somebody
    somebody.context.close()
    assert [words for words in somebody.complaints if "status of 4" not in words] == []


def test_guest_comes_in_by_a_name_talks_and_is_out_when_the_host_says_so(town: Town, phone: Person) -> None:
    host, page = town.owner, phone.page
    room = host.post("/api/v1/rooms", json={"title": "Class 7B", "access": "private"}).json()["room"]
    link = host.post(f"/api/v1/rooms/{room}/guest-links", json={}).json()
    found = {}
    page.goto(f"/join/{link['code']}")
    found["question"] = violations_in_both_schemes(phone)
    page.fill("#name", "olga")
    page.click("text=Come in >> nth=-1")
    expect(page.locator("#name-error")).to_contain_text("choose another name")
    page.fill("#name", "Lena")
    page.click("main button.primary")
    phone.wait_for_line("live")
    phone.write("Good morning")
    phone.see("Good morning")
    expect(page.locator("#messages .message .name")).to_have_text("Lena")
    with town.server.client() as another:
        assert another.post("/api/v1/guests", json={"link": link["code"], "name": "Paul"}).status_code == 201
    came = [re.compile(f"{name} (joined|came in)") for name in ("olga", "Lena", "Paul")]
    expect(page.locator(".notice.passing")).to_have_text(came)
    expect(page.locator(".passing .when:visible")).to_have_count(2)  # before the message, and after it
    assert not page.evaluate(OUTSIDE)
    found["room"] = violations_in_both_schemes(phone)
    guest = host.get(f"/api/v1/rooms/{room}/guests").json()["guests"][0]
    assert guest["present"] is True
    assert host.delete(f"/api/v1/rooms/{room}/guests/{guest['id']}").status_code == 204
    expect(page.locator("#connection .words")).to_have_text("Closed")
    expect(page.locator("#closed")).to_contain_text("You were removed from this room")
    found["out"] = violations_in_both_schemes(phone)
    page.goto(f"/{room}")
    expect(page.get_by_role("heading", name="You were removed from this room")).to_be_visible()
    found["out, reloaded"] = violations_in_both_schemes(phone)
    page.goto(f"/join/{link['code']}")
    expect(page.get_by_text("The host has removed you")).to_be_visible()
    found["removed"] = violations_in_both_schemes(phone)
    page.context.clear_cookies()
    page.goto(f"/join/{link['code']}")
    page.fill("#name", "Nobody")
    page.click("main button.primary")
    expect(page.get_by_role("heading", name="Wait a moment")).to_be_visible()
    found["waiting"] = violations_in_both_schemes(phone)
    waiting = host.get(f"/api/v1/rooms/{room}/guests").json()["guests"][0]
    assert host.patch(f"/api/v1/rooms/{room}/guests/{waiting['id']}", json={"state": "in"}).status_code == 200
    page.wait_for_url(f"**/{room}")
    phone.wait_for_line("live")
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "parlour_session", "value": session_of(host), "url": town.url}])
    for path in (f"/rooms/{room}/guests", link["sheet"]):
        page.goto(path)
        assert not page.evaluate(OUTSIDE), path
        found[path] = violations_in_both_schemes(phone)
    assert {where: what for where, what in found.items() if what} == {}
    page.clock.install()
    page.goto(f"/rooms/{room}/guests")
    with town.server.client() as another:
        assert another.post("/api/v1/guests", json={"link": link["code"], "name": "Late"}).json()["state"] == "waiting"
    page.clock.run_for(3000)
    expect(page.locator("section[aria-labelledby=waiting]")).to_contain_text("Late")
    expect(page).to_have_title("(1) Guests of Class 7B · Parlour")
    page.goto(f"/{room}")
    expect(page.locator("#asking")).to_contain_text("1 guest waits to be let in.")
    assert not page.evaluate(OUTSIDE)
    late = host.get(f"/api/v1/rooms/{room}/guests").json()["guests"][0]
    assert host.patch(f"/api/v1/rooms/{room}/guests/{late['id']}", json={"state": "in"}).status_code == 200
    page.clock.run_for(5000)
    expect(page.locator("#asking")).to_have_count(0)
