"""Signing in with two more OpenID providers, each with peculiarities of its own, by their own pages and ours.

Canaille signs by an elliptic curve, does not say whether an address is verified, and takes `max_age=0` to the letter.
Django OAuth Toolkit has an issuer with a path, numbers for `sub`, and says in no answer whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import httpx
import pytest

from tests.people.server import Town
from tests.people.test_providers import Company
from tests.support.server import ServerProcess
from tests.support.sign_in_provider import CLIENT, PUBLIC, at_the_provider, providers_file, python_provider
from tests.support.smtp import mail_server, with_mail
from tests.support.timeout import TIMEOUT_S

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # they are installed first

WHICH: tuple[Literal["canaille", "toolkit"], ...] = ("canaille", "toolkit")


@pytest.fixture(scope="module", params=WHICH)
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def company(which: Literal["canaille", "toolkit"], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp(which)
    with mail_server(folder / "mail") as mail:
        server = with_mail(ServerProcess(folder / "data", "--access-log", "on"), mail.port)
        with python_provider(which, f"{server.url}/auth/company/callback") as issuer:
            file = providers_file(folder, ("company", issuer, True))
            server.options = (*server.options, "--sign-in-providers", str(file))
            with server:
                town = Town(server)
                yield Company(town, mail)
                town.close()


def verified(company: Company, name: str) -> httpx.Client:
    """Somebody with an account here, and NAME@example.org, which they have verified."""
    browser = company.town.join(name)
    browser.put("/api/v1/me/email", json={"email": f"{name}@example.org"}).raise_for_status()
    path = httpx.URL(company.mail.next(f"{name}@example.org").link).path
    assert browser.post(path, data={"do": "yes"}).status_code == 303
    return browser


def test_somebody_new_makes_an_account_and_comes_back(company: Company) -> None:
    browser = company.town.browser()
    assert "Choose a name" in company.go(browser, "ada").text
    made = browser.post("/auth/company/new", data={"name": "ada", "display": ""})
    assert made.status_code == 303, made.text
    browser.post("/logout")
    assert company.go(browser, "ada").status_code == 303
    assert company.me(browser)["name"] == "ada"


def test_an_address_links_if_the_provider_says_that_it_is_verified(company: Company, which: str) -> None:
    bea, other = verified(company, "bea"), company.town.browser()
    page = company.go(other, "bea")
    if which == "toolkit":
        assert (page.status_code, company.me(other)["name"]) == (303, "bea")
        assert company.mail.next("bea@example.org", "opens your account")
    else:  # it says of no address whether it is verified: who is signed in links both
        assert ("Choose a name" in page.text, company.me(other)) == (True, {})
        assert "Link both accounts?" in company.go(bea, "bea", query="?link=1").text
        assert bea.post("/auth/company/link", data={"do": "link"}).headers["Location"] == "/account#ways"
        company.go(other, "bea")
        assert company.me(other)["name"] == "bea"


def test_an_address_that_nobody_has_verified_there_takes_nothing_over(company: Company) -> None:
    verified(company, "cleo")
    attacker = company.town.browser()
    assert "Choose a name" in company.go(attacker, "cleo").text
    assert company.me(attacker) == {}


def test_signing_in_again_stands_for_the_password_once_somebody_was_asked(company: Company) -> None:
    browser = verified(company, "dora")
    with httpx.Client(timeout=TIMEOUT_S) as own:  # in which the provider knows who it is
        browser.get(at_the_provider(browser.get("/auth/company?link=1").headers["Location"], "dora", own))
        browser.post("/auth/company/link", data={"do": "link"})
        there = browser.get("/auth/company?again=1&next=/account").headers["Location"]
        assert browser.get(at_the_provider(there, "dora", own)).headers["Location"] == "/account"


def test_a_client_without_a_secret_is_known_by_the_proof_key_alone(company: Company) -> None:
    server = company.town.server
    file = server.data.parent / "providers.toml"
    with_secret = file.read_text(encoding="utf-8")
    lines = [line for line in with_secret.splitlines() if not line.startswith("client_secret_file")]
    file.write_text("\n".join(lines).replace(f'"{CLIENT}"', f'"{PUBLIC}"'), encoding="utf-8")
    server.restart()
    try:
        assert "Choose a name" in company.go(company.town.browser(), "eve").text
    finally:
        file.write_text(with_secret, encoding="utf-8")
        server.restart()
