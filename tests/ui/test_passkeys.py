"""Passkeys in a browser, with the authenticator that Chromium has for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.people.house import PASSWORD
from tests.people.server import Town, session_of
from tests.support.axe import violations_in_both_schemes
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.ui.test_fits import OUTSIDE, SIZES

PATH = "/account/second-factor"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("keys") / "data") as running:
        town = Town(running)
        yield town
        town.close()


class WithKey:
    """Somebody whose browser has an authenticator; they open the server by the name of this machine."""

    def __init__(self, browser: Browser, town: Town) -> None:
        self.url = town.url.replace("127.0.0.1", "localhost")
        self.person = Person(browser, base_url=self.url)
        self.page = self.person.page
        self._devtools = self.person.context.new_cdp_session(self.page)
        self._devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._key = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def credential(self) -> Any:
        (found,) = self._devtools.send("WebAuthn.getCredentials", {"authenticatorId": self._key})["credentials"]
        return found

    def set_counter(self, counter: int) -> None:
        """Have the key say what a copy of it would say that was made earlier."""
        kept = {**self.credential(), "signCount": counter}
        self._devtools.send("WebAuthn.clearCredentials", {"authenticatorId": self._key})
        self._devtools.send("WebAuthn.addCredential", {"authenticatorId": self._key, "credential": kept})

    def sign_out(self) -> None:
        self.person.context.clear_cookies()

    def set_up(self, town: Town, name: str) -> None:
        cookie = {"name": "parlour_session", "value": session_of(town.join(name)), "url": self.url}
        self.person.context.add_cookies([cookie])  # type: ignore[list-item]
        self.page.goto(PATH)
        self.page.fill("#label", "My laptop")
        self.page.get_by_role("button", name="Set up a passkey").click()
        expect(self.page.locator("pre.codes")).to_be_visible()
        expect(self.page.get_by_text("My laptop").first).to_be_visible()

    def close(self) -> None:
        self.person.context.close()
        assert [words for words in self.person.complaints if "status of 4" not in words] == []


@pytest.fixture
def somebody(browser: Browser, town: Town) -> Iterator[WithKey]:
    made = WithKey(browser, town)
    yield made
    made.close()


def test_person_signs_in_with_a_passkey_alone_and_as_second_factor(town: Town, somebody: WithKey) -> None:
    page = somebody.page
    somebody.set_up(town, "ada")
    found = {"page of factors": violations_in_both_schemes(somebody.person)}
    somebody.sign_out()
    page.goto("/login?next=/rooms")
    found["sign in"] = violations_in_both_schemes(somebody.person)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{somebody.url}/rooms")
    assert somebody.credential()["signCount"] > 1
    somebody.sign_out()
    page.goto("/login?next=/rooms")
    page.fill("#name", "ada")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_selector("text=Your password is right.")
    found["second step"] = violations_in_both_schemes(somebody.person)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        found["second step"] += page.evaluate(OUTSIDE)
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(f"{somebody.url}/rooms")
    assert found == {key: [] for key in found}


def test_person_whose_key_was_copied_is_refused_and_told(town: Town, somebody: WithKey) -> None:
    page = somebody.page
    somebody.set_up(town, "bea")
    somebody.sign_out()
    page.goto("/login?next=" + PATH)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(somebody.url + PATH)
    somebody.set_counter(0)
    page.goto("/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("looks like a copy")
    page.goto(PATH)
    expect(page.locator("main")).to_contain_text("A passkey was refused, because it looked like a copy.")


def test_person_shows_a_passkey_in_place_of_the_password(town: Town, somebody: WithKey) -> None:
    """The page that asks for the password comes by itself after a quarter of an hour; here a wrong one leads to it."""
    page = somebody.page
    somebody.set_up(town, "cleo")
    page.evaluate(
        """(path) => {
            const form = document.createElement("form");
            Object.assign(form, { method: "post", action: path });
            for (const [name, value] of [["do", "codes"], ["confirm", "not my password"]]) {
                form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
            }
            document.body.append(form);
            form.submit();
        }""",
        PATH,
    )
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.locator("main")).to_contain_text("New recovery codes are made.")


def test_page_at_a_number_says_why_there_are_no_passkeys(town: Town, browser: Browser) -> None:
    person = Person(browser, base_url=town.url)
    cookie = {"name": "parlour_session", "value": session_of(town.owner), "url": town.url}
    person.context.add_cookies([cookie])  # type: ignore[list-item]
    person.page.goto(PATH)
    expect(person.page.locator("main")).to_contain_text("Passkeys need a name of this server")
    person.page.goto("/login")
    expect(person.page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    person.context.close()
