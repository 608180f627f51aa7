"""The pages of people, signed out and in: nothing that axe finds, nothing that sticks out, and all of it by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, expect

from parlour.core.sign_outs import SIGNED_OUT
from parlour.ui.qr import qr_file
from tests.people.house import PASSWORD
from tests.people.server import Town, session_of
from tests.support.axe import violations_in_both_schemes
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.ui.test_fits import EACH_WIDTH_OR_SIZE, OUTSIDE, SIZES

LONG = "an-extraordinarily-long-name-WWW"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("town") / "data") as running:
        town = Town(running)
        town.join(LONG)
        yield town
        town.close()


@pytest.fixture
def person(browser: Browser, town: Town) -> Iterator[Person]:
    somebody = Person(browser, base_url=town.url)
    yield somebody
    somebody.context.close()
    assert [words for words in somebody.complaints if "status of 4" not in words] == []


def _open_as(person: Person, who: httpx.Client, path: str) -> None:
    """Open a page as somebody who is signed in, with a session of their own."""
    cookie = {"name": "parlour_session", "value": session_of(who), "url": str(who.base_url)}
    person.context.add_cookies([cookie])  # type: ignore[list-item]
    person.page.goto(path)


def _sign_in(person: Person, name: str, path: str = "/") -> None:
    person.page.goto(f"/login?next={path}")
    person.page.fill("#name", name)
    person.page.fill("#password", PASSWORD)
    person.page.click("main button")
    person.page.wait_for_url(f"**{path}")


@EACH_WIDTH_OR_SIZE
def test_page_of_people_in_every_state_has_nothing_that_axe_finds_and_fits(
    town: Town, person: Person, sizes: list[tuple[int, int]]
) -> None:
    page = person.page
    found: dict[str, list[str]] = {}

    def judge(state: str) -> None:
        page.set_viewport_size({"width": 360, "height": 700})
        found[state] = violations_in_both_schemes(person)
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            found[state] += [f"{what} at {width} × {height}" for what in page.evaluate(OUTSIDE)]

    for state, path in (("invited", town.invitation()), ("sign in", "/login"), ("guest", "/lobby")):
        page.goto(path)
        judge(state)
    page.goto(town.invitation())
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_selector("[aria-invalid]")
    judge("name refused")
    page.goto("/join/" + "a" * 43)
    judge("link that is gone")
    _sign_in(person, LONG)
    judge("signed in, long name")
    page.goto("/account")
    judge("account, long name")
    for path in ("/me", "/people", "/people/olga", "/@olga", "/rooms/@olga"):
        page.goto(path)
        judge(path)
    page.click("text=Sign out")
    _sign_in(person, "olga", "/admin")
    page.click("summary >> nth=0")
    judge("administration")
    page.click("main button.primary")
    page.wait_for_selector(".once")
    judge("new link")
    page.goto("/account")
    page.fill("#label", "nightly backup")
    page.click("button:has-text('Make a token')")
    page.wait_for_selector(".once")
    judge("new token")
    assert {state: what for state, what in found.items() if what} == {}


def test_new_token_is_selected_whole_by_one_press_and_stands_before_the_example(town: Town, person: Person) -> None:
    page = person.page
    _open_as(person, town.join("nils"), "/account")
    page.fill("#label", "cron")
    page.click("button:has-text('Make a token')")
    first, example = page.locator(".once pre").all()
    first.click(position={"x": 30, "y": 20})
    token = page.evaluate("() => getSelection().toString().trim()")
    assert re.fullmatch(r"parlour_[\w-]+", token)
    assert example.text_content() == f"curl -H 'Authorization: Bearer {token}' -d hello {town.url}/lobby"


@pytest.mark.parametrize("place", ["/lobby", "/lobby?before=1"], ids=["live", "past"])
def test_bar_of_a_room_on_a_phone_leads_to_signing_in_and_to_the_account(
    town: Town, person: Person, place: str
) -> None:
    page = person.page
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(place)
    way = page.locator("header .me")
    assert way.bounding_box()["height"] >= 44  # type: ignore[index]
    page.get_by_role("banner").get_by_role("link", name="Sign in").click()
    page.fill("#name", LONG)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/lobby")
    page.goto(place)
    assert way.bounding_box()["height"] >= 44  # type: ignore[index]
    page.get_by_role("banner").get_by_role("link", name="Your account").click()
    page.wait_for_url("**/account")


def test_person_when_invited_makes_an_account_and_speaks_under_its_name(town: Town, person: Person) -> None:
    page = person.page
    page.goto(town.invitation())
    page.fill("#name", "jonas")
    page.fill("#display", "Jonas W.")
    page.fill("#password", PASSWORD)
    page.click("main button")
    person.wait_for_line("live")
    person.write("hello as myself")
    page.wait_for_selector("#messages .message:has-text('hello as myself')")
    assert page.locator("#messages .name").last.text_content() == "Jonas W."
    assert page.locator(".bar .me").get_attribute("title") == "Signed in as Jonas W."


def test_form_without_scripts_when_its_session_has_ended_is_not_sent_as_a_guest(town: Town, browser: Browser) -> None:
    page = town.browser()
    form = {"name": "klara", "display": "Klara K.", "password": PASSWORD}
    assert page.post(town.invitation(), data=form).status_code == 303
    with_no_scripts = Person(browser, base_url=town.url, java_script_enabled=False)
    _sign_in(with_no_scripts, "klara", "/plain")
    with_no_scripts.page.fill("#message", "as myself")
    with_no_scripts.page.click(".send")
    with_no_scripts.page.wait_for_selector("#messages .message:has-text('as myself')")
    page.post("/account", data={"do": "others"})
    with_no_scripts.page.fill("#message", "for later")
    with_no_scripts.page.click(".send")
    expect(with_no_scripts.page.locator("#refused")).to_contain_text("name of a member")
    assert with_no_scripts.page.locator("#message").input_value() == "for later"
    assert with_no_scripts.page.locator("#messages .name").all_text_contents() == ["Klara K."]
    with_no_scripts.context.close()


def test_all_pages_show_times_in_the_time_zone_of_the_account(town: Town, browser: Browser) -> None:
    """A room, by the server and by the script, the list of rooms, and the settings of a room."""
    tokyo = town.join("tomo")
    form = {"do": "profile", "display": "tomo", "name": "tomo", "time_zone": "Pacific/Kiritimati"}
    assert tokyo.post("/account", data=form).status_code == 200
    assert tokyo.post("/far-east", data={"message": "hello from tomorrow"}).status_code < 400
    at = tokyo.get("/api/v1/rooms/far-east/messages", headers={"Accept": "application/json"}).json()["events"][-1]["at"]
    there = datetime.fromisoformat(at).astimezone(ZoneInfo("Pacific/Kiritimati"))
    plain = tokyo.get("/far-east").text
    assert f">{there:%H:%M}</time>" in plain
    assert f'<time datetime="{there:%Y-%m-%d}">' in plain
    assert f"{there:%H:%M}</time>" in tokyo.get("/rooms").text
    guest = town.browser().get("/rooms").text
    assert " UTC</time>" in guest
    person = Person(browser, base_url=town.url, locale="en-GB", timezone_id="America/New_York")
    _open_as(person, tokyo, "/far-east")
    person.wait_for_line("live")
    message = person.page.locator("#messages .message:has-text('hello from tomorrow')")
    expect(message.locator("time")).to_have_text(f"{there:%H:%M}")
    expect(person.page.locator("#messages .day time")).to_have_attribute("datetime", f"{there:%Y-%m-%d}")
    person.context.close()


def test_page_without_scripts_when_a_form_far_down_is_refused_shows_its_error(town: Town, browser: Browser) -> None:
    options = {"java_script_enabled": False, "viewport": {"width": 360, "height": 640}}
    person = Person(browser, base_url=town.url, **options)
    _open_as(person, town.join("maya"), "/account")
    page = person.page
    for do, field, values in (
        ("password", "old", {"old": "not this one", "password": PASSWORD}),
        ("password", "password", {"old": PASSWORD, "password": "password123456789"}),
        ("delete", "current", {"current": "not this one"}),
    ):
        form = page.locator(f"form:has(input[name=do][value={do}])")
        if do == "delete":
            page.click("summary:has-text('Delete it')")
        for name, value in values.items():
            form.locator(f"[name={name}]").fill(value)
        form.locator("button").click()
        expect(page.locator(f"#{field}-error")).to_be_in_viewport()
        expect(page.locator(f"#{field}")).to_be_focused()
    person.context.close()


@pytest.mark.parametrize("transport", ["socket", pytest.param("stream", marks=pytest.mark.long), "poll"])
def test_page_when_its_session_ends_says_so_and_sends_nothing_as_a_guest(
    town: Town, person: Person, transport: str
) -> None:
    name, elsewhere = f"jana-{transport}", town.browser()
    person.context.add_init_script(f"""sessionStorage.setItem("parlour:transport", '"{transport}"')""")
    _open_as(person, town.join(name), f"/ended-{transport}")
    person.wait_for_line("live")
    person.write("as myself")
    person.see("as myself")
    assert elsewhere.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
    assert 'class="done"' in elsewhere.post("/account", data={"do": "others"}).text
    person.write("for later")
    said = re.compile(f"^{re.escape(SIGNED_OUT['by_hand'])} 1 message waits\\.$")
    if transport == "poll":  # which may have been between two requests at the end, so nothing was told why
        said = re.compile("^You (are|were) signed out.* 1 message waits\\.$")
    expect(person.page.locator("#strip .words")).to_have_text(said)
    expect(person.page.locator("#connection .words")).to_have_text("Signed out")
    for width, height in SIZES:
        person.page.set_viewport_size({"width": width, "height": height})
        assert person.page.evaluate(OUTSIDE) == []
    person.page.click("#strip .retry")
    expect(person.page.locator("#strip .words")).to_have_text(said)
    person.page.click("#strip a")
    person.page.fill("#name", name)
    person.page.fill("#password", PASSWORD)
    person.page.click("main button")
    person.see("as myself", "for later")
    assert set(person.page.locator("#messages .name").all_text_contents()) == {name}


def test_program_is_connected_by_a_line_with_a_token_for_this_room_alone(town: Town, person: Person) -> None:
    page = person.page
    _open_as(person, town.join("ines"), "/tools")
    person.wait_for_line("live")
    page.click("text=Connect a program…")
    page.click("text=Make a token for this room")
    token = page.locator("#connect .secret").text_content()
    lines = page.locator("#connect [data-line]").all_text_contents()
    assert token is not None
    assert all(token in line for line in lines)
    assert lines[0] == f"curl -H 'Authorization: Bearer {token}' -d hello {town.url}/tools"
    assert lines[2] == f"PARLOUR_TOKEN={token} parlour chat {town.url}/tools"
    with town.server.client(headers={"Authorization": f"Bearer {token}"}) as program:
        assert program.post("/tools", content="from a program").status_code == 201
        assert program.post("/elsewhere", content="not here").status_code == 403
        assert program.post("/api/v1/tokens", json={"label": "more", "scopes": ["admin"]}).status_code == 403
    person.see("from a program")
    page.reload()
    assert token not in page.content(), "it is shown once"


def test_invite_has_the_address_of_the_room_as_text_and_as_picture(town: Town, person: Person) -> None:
    person.page.goto("/party")
    person.wait_for_line("live")
    person.page.click("#empty .invite-here")
    sheet = person.page.get_by_role("dialog", name="Invite people to party")
    expect(sheet.locator("code")).to_have_text(f"{town.url}/party")
    picture = sheet.get_by_alt_text("QR code of this address")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(image) => image.naturalWidth") > 0
    answer = town.browser().get("/rooms/party/qr")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.content == qr_file(f"{town.url}/party")
