"""Signing in with a real OpenID provider: a new account, an account that is there, linking, and coming back."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.support.server import ServerProcess
from tests.support.sign_in_provider import at_the_provider, providers_file, sign_in_provider
from tests.support.smtp import MailServer, mail_server, with_mail
from tests.support.timeout import TIMEOUT_S, wait_until


@dataclass(frozen=True)
class Company:
    """A server with two providers, of which one makes accounts."""

    town: Town
    mail: MailServer

    def go(self, browser: httpx.Client, name: str, provider: str = "company", query: str = "") -> httpx.Response:
        """Sign in at the provider as somebody in this browser: the page that this ends at."""
        there = browser.get(f"/auth/{provider}{query}")
        assert there.status_code == 303, there.text
        back = at_the_provider(there.headers["Location"], name)
        assert back.startswith(self.town.url), back
        return browser.get(back, headers={"Sec-Fetch-Site": "cross-site", "Origin": ""})

    def new(self, name: str) -> httpx.Client:
        """Somebody with a new account by the provider."""
        browser = self.town.browser()
        assert "Choose a name" in self.go(browser, name).text
        made = browser.post("/auth/company/new", data={"name": name, "display": ""})
        assert made.status_code == 303, made.text
        return browser

    def me(self, browser: httpx.Client) -> dict[str, str]:
        """Who is signed in."""
        me: dict[str, dict[str, str]] = browser.get("/api/v1/me", headers={"Accept": "application/json"}).json()
        return me.get("account", {})


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    with mail_server(folder / "mail") as mail, socket.create_server(("127.0.0.1", 0)) as elsewhere:
        server = with_mail(ServerProcess(folder / "data", "--access-log", "on"), mail.port)
        with sign_in_provider([f"{server.url}/auth/{id_}/callback" for id_ in ("company", "public")]) as issuer:
            silent = f"http://127.0.0.1:{elsewhere.getsockname()[1] + 1}"
            file = providers_file(
                folder, ("company", issuer, True), ("public", f"{issuer}/", False), ("silent", silent, False)
            )
            server.options = (*server.options, "--sign-in-providers", str(file))
            with server:
                town = Town(server)
                yield Company(town, mail)
                town.close()


def test_somebody_new_chooses_a_name_and_is_in_and_comes_back_with_one_click(company: Company) -> None:
    browser = company.town.browser()
    login = browser.get("/login?next=/staff").text
    assert 'href="/auth/company?next=%2Fstaff"' in login
    assert "New here? Sign in with Company, or open an invitation link" in login
    page = company.go(browser, "ada", query="?next=/staff")
    assert (page.status_code, 'value="ada"' in page.text) == (200, True)
    assert "account" not in browser.get("/api/v1/me", headers={"Accept": "application/json"}).json(), "not yet"
    taken = browser.post("/auth/company/new", data={"name": "olga", "display": ""})
    assert (taken.status_code, "taken" in taken.text) == (409, True)
    made = browser.post("/auth/company/new", data={"name": "ada", "display": "Ada L."})
    assert (made.status_code, made.headers["Location"]) == (303, "/staff")
    assert company.me(browser)["display"] == "Ada L."
    assert browser.get("/api/v1/me/email").json()["email"] == "ada@example.org"
    browser.post("/logout")
    assert company.me(browser) == {}
    again = company.go(browser, "ada")
    assert (again.status_code, again.headers["Location"]) == (303, "/")
    assert company.me(browser)["name"] == "ada"
    assert browser.post("/auth/company/new", data={"name": "ada2", "display": ""}).status_code == 401, "once"


def test_an_account_that_is_there_is_theirs_by_an_address_that_both_have_verified(company: Company) -> None:
    browser = company.town.join("bea")
    browser.put("/api/v1/me/email", json={"email": "bea@example.org"}).raise_for_status()
    path = httpx.URL(company.mail.next("bea@example.org").link).path
    other = company.town.browser()
    assert "Choose a name" in company.go(other, "bea").text, "an address that is not verified here links nothing"
    assert browser.post(path, data={"do": "yes"}).status_code == 303
    assert company.go(other, "bea").status_code == 303
    assert company.me(other)["name"] == "bea"
    assert company.mail.next("bea@example.org", "opens your account")


def test_an_address_that_the_provider_has_not_verified_takes_nothing_over(company: Company) -> None:
    victim = company.town.join("new-cleo")
    victim.put("/api/v1/me/email", json={"email": "new-cleo@example.org"}).raise_for_status()
    path = httpx.URL(company.mail.next("new-cleo@example.org").link).path
    assert victim.post(path, data={"do": "yes"}).status_code == 303
    attacker = company.town.browser()
    assert "Choose a name" in company.go(attacker, "new-cleo").text
    assert company.me(attacker) == {}
    attacker.post("/auth/company/new", data={"name": "cleo2", "display": ""})
    assert attacker.get("/api/v1/me/email").json()["email"] is None


def test_who_is_signed_in_links_and_unlinks_an_account(company: Company) -> None:
    browser = company.town.join("dora")
    assert "Link with Company" in browser.get("/account").text
    page = company.go(browser, "dora-at-work", query="?link=1")
    assert "Link both accounts?" in page.text
    other = company.town.browser()
    assert company.go(other, "dora-at-work").status_code == 200, "nothing is linked before the button"
    assert browser.post("/auth/company/link", data={"do": "link"}).headers["Location"] == "/account#ways"
    assert company.go(other, "dora-at-work").status_code == 303
    assert company.me(other)["name"] == "dora"
    eve = company.town.join("eve")
    assert company.go(eve, "dora-at-work", query="?link=1").status_code == 200
    refused = eve.post("/auth/company/link", data={"do": "link"})
    assert (refused.status_code, "is linked to another account" in refused.text) == (403, True)
    issuer = [line for line in browser.get("/account").text.splitlines() if 'name="id" value="http' in line]
    form = {"do": "unlink", "id": issuer[0].split('value="')[1].split('"')[0]}
    assert "The link is ended." in browser.post("/account", data=form).text
    assert "Choose a name" in company.go(company.town.browser(), "dora-at-work").text


def test_the_only_way_into_an_account_stays(company: Company) -> None:
    browser = company.new("flo")
    line = next(line for line in browser.get("/account").text.splitlines() if 'name="id" value="http' in line)
    refused = browser.post("/account", data={"do": "unlink", "id": line.split('value="')[1].split('"')[0]})
    assert (refused.status_code, "the only way into your account" in refused.text) == (403, True)
    with company.town.server.client() as program:
        for password in ("", PASSWORD):
            assert program.post("/api/v1/session", json={"name": "flo", "password": password}).status_code == 401


def test_who_has_no_password_sets_a_first_one_and_signs_in_by_it_too(company: Company) -> None:
    browser, words = company.new("mia"), "mia has four easy words"
    page = browser.get("/account").text
    assert ('name="old"' in page, 'name="current"' in page, "You have no password" in page) == (False, False, True)
    token = browser.post("/api/v1/tokens", json={"label": "cron", "scopes": ["read", "post", "admin"]}).json()["secret"]
    with company.town.server.client() as program:
        field = {"Authorization": f"Bearer {token}"}
        stolen = program.patch("/api/v1/me", json={"password": words}, headers=field)
        assert (stolen.status_code, "A first password" in stolen.text) == (403, True), "a token makes no way in"
        weak = browser.post("/account", data={"do": "password", "password": "short"})
        assert (weak.status_code, "At least 15" in weak.text) == (400, True)
        done = browser.post("/account", data={"do": "password", "password": words})
        assert (done.status_code, "You have a password now" in done.text) == (200, True)
        assert 'name="old"' in done.text
        assert company.me(browser)["name"] == "mia", "this session goes on"
        assert program.post("/api/v1/session", json={"name": "mia", "password": words}).status_code == 201
    again = browser.patch("/api/v1/me", json={"password": "mia has other easy words"})
    assert (again.status_code, "needs the old one" in again.text) == (400, True), "from now on it needs the old one"


def test_a_callback_counts_once_in_the_browser_in_which_it_began(company: Company) -> None:
    company.new("gil")
    browser, stranger = company.town.browser(), company.town.browser()
    there = browser.get("/auth/company").headers["Location"]
    back = at_the_provider(there, "gil")
    stolen = stranger.get(back)
    assert (stolen.status_code, "did not begin in this browser" in stolen.text) == (403, True)
    stranger.get("/auth/company")
    assert stranger.get(back).status_code == 403, "with another sign-in of theirs under way"
    forged = browser.get(back.replace("state=", "state=x"))
    assert forged.status_code == 403
    assert browser.get(back).status_code == 403, "the first answer that comes back ends it"
    assert company.me(browser) == {}
    again = company.go(browser, "gil")
    assert again.status_code == 303
    assert company.me(browser)["name"] == "gil"
    assert browser.get(str(again.url)).status_code == 403


def test_an_answer_for_one_provider_does_not_count_at_another(company: Company) -> None:
    browser = company.town.browser()
    back = at_the_provider(browser.get("/auth/company").headers["Location"], "hal")
    said = browser.get(back.replace("/auth/company/", "/auth/public/"))
    assert (said.status_code, "did not begin in this browser" in said.text) == (403, True)
    browser.get("/auth/company")
    assert company.me(browser) == {}


def test_who_says_no_at_the_provider_is_told_so(company: Company) -> None:
    browser = company.town.browser()
    state = httpx.URL(browser.get("/auth/company").headers["Location"]).params["state"]
    said = browser.get(
        "/auth/company/callback",
        params={"error": "access_denied", "error_description": "<script>alert(1)</script>", "state": state},
    )
    assert (said.status_code, "nobody has signed in" in said.text, "<script>alert" in said.text) == (403, True, False)


def test_who_turns_back_is_led_on_to_what_they_wanted(company: Company) -> None:
    def ways(browser: httpx.Client, query: str, path: str = "/auth/company") -> list[str]:
        there = browser.get(f"{path}{query}")
        if there.status_code == 303:
            state = httpx.URL(there.headers["Location"]).params["state"]
            there = browser.get("/auth/company/callback", params={"error": "access_denied", "state": state})
        return re.findall('href="([^"]*)"', there.text.partition("<main")[2])

    browser, member = company.town.browser(), company.town.join("uta")
    assert ways(browser, "?next=/staff") == ["/auth/company?next=%2Fstaff", "/login"]
    assert ways(browser, "?next=/staff", "/auth/silent") == ["/auth/silent?next=%2Fstaff", "/login"]
    assert ways(browser, "?link=1") == ["/login?next=/account"]
    assert ways(member, "?link=1") == ["/auth/company?link=1", "/account#ways"]


def test_a_provider_that_does_not_answer_holds_up_nothing(company: Company) -> None:
    browser = company.town.browser()
    said = browser.get("/auth/silent")
    assert (said.status_code, "does not answer as it should" in said.text) == (502, True)
    wait_until(lambda: "sign_in_provider_failed provider=silent" in company.town.server.log)
    assert browser.get("/auth/nothing").status_code == 404


def test_the_way_there_leads_to_no_other_site(company: Company) -> None:
    for path in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        browser = company.town.browser()
        there = browser.get("/auth/company", params={"next": path})
        assert there.status_code == 303
        back = at_the_provider(there.headers["Location"], "ida")
        page = browser.get(back)
        if page.status_code == 200:
            page = browser.post("/auth/company/new", data={"name": "ida", "display": ""})
        assert page.headers["Location"] == "/"


def test_nobody_makes_an_account_where_registration_is_closed(company: Company) -> None:
    set_ = company.town.owner.patch("/api/v1/settings", json={"registration": "closed"})
    assert set_.status_code == 200
    try:
        page = company.go(company.town.browser(), "jo")
        assert (page.status_code, "No account here belongs to" in page.text) == (403, True)
        assert '<a class="button primary" href="/login?next=/account">' in page.text, "the way to link both comes first"
    finally:
        company.town.owner.patch("/api/v1/settings", json={"registration": "invitation"})


def test_signing_in_again_at_the_provider_stands_for_the_password(company: Company) -> None:
    browser = company.new("kim")
    there = httpx.URL(browser.get("/auth/company?again=1&next=/account").headers["Location"])
    assert (there.params["prompt"], there.params["max_age"]) == ("login", "60"), "0 would be over when it is answered"
    own = httpx.Client(timeout=TIMEOUT_S)
    back = at_the_provider(str(there), "kim", own)
    assert browser.get(back).headers["Location"] == "/account"
    form = {"do": "email", "email": "kim@other.example"}
    assert "A link is on its way" in browser.post("/account", data=form).text
    silent = at_the_provider(browser.get("/auth/company").headers["Location"], "kim", own)
    assert browser.get(silent).headers["Location"] == "/"
    asked = browser.post("/account", data=form)
    assert (asked.status_code, "/auth/company?again=1" in asked.text) == (403, True), "a provider that asks nobody"
    assert 'name="confirm"' not in asked.text, "they have no password to give"
    assert "/auth/public" not in asked.text, "nor an account there"
    first = browser.post("/account", data={"do": "password", "password": "kim has four easy words"})
    assert (first.status_code, "Sign in once more, please" in first.text) == (403, True)
    own.close()
