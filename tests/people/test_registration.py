"""Who may make an account: everybody, whoever is invited, or nobody; and how fast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.chat.registrations import RegistrationRates
from parlour.core.actor import OPERATOR
from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.people.server import Town
from tests.support.server import ServerProcess

FORM = {"name": "rita", "display": "Rita", "password": PASSWORD}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with ServerProcess(tmp_path / "data", rate_limits=True) as running:
        town = Town(running)
        yield town
        town.close()


def set_(town: Town, value: str) -> None:
    town.operator("PATCH", "/api/v1/settings", {"registration": value})


def test_by_default_an_account_needs_an_invitation(town: Town) -> None:
    browser = town.browser()
    answers = [
        browser.get("/register"),
        browser.post("/register", data=FORM),
        browser.post("/api/v1/accounts", json={"name": "rita", "password": PASSWORD}),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "An account here needs an invitation" in answers[0].text
    assert 'href="/login"' in answers[0].text
    assert "/register" not in browser.get("/login").text
    town.join("bob")


def test_where_registration_is_open_everybody_makes_an_account(town: Town) -> None:
    set_(town, "open")
    browser = town.browser()
    assert 'href="/register"' in browser.get("/login").text
    assert "Everybody may have one here." in browser.get("/register").text
    weak = browser.post("/register", data={**FORM, "password": "short"})
    assert (weak.status_code, 'value="rita"' in weak.text, 'id="password-error"' in weak.text) == (400, True, True)
    made = browser.post("/register", data=FORM)
    assert (made.status_code, made.headers["location"]) == (303, "/")
    account = browser.get("/api/v1/me").json()["account"]
    assert (account["display"], account["role"]) == ("Rita", "member")
    assert browser.get("/register").headers["location"] == "/"
    api = town.browser().post("/api/v1/accounts", json={"name": "sam", "password": PASSWORD})
    assert (api.status_code, "parlour_session=" in api.headers["set-cookie"]) == (201, True)
    taken = town.browser().post("/register", data={**FORM, "name": "olga"})
    assert (taken.status_code, 'id="name-error"' in taken.text) == (409, True)


def test_closed_stops_invitations_too_but_an_owners(town: Town) -> None:
    link, owners = town.invitation(), town.invitation("owner")
    set_(town, "closed")
    for answer in (town.browser().get(link), town.browser().post(link, data=FORM), town.browser().get("/register")):
        assert (answer.status_code, "Nobody makes an account here now." in answer.text) == (403, True)
    assert "Nobody makes an account here now." in town.browser().get("/login").text
    assert town.browser().post(owners, data={**FORM, "name": "otto", "display": "Otto"}).status_code == 303
    set_(town, "invitation")
    assert town.browser().post(link, data=FORM).status_code == 303, "it was not used up"


def test_an_address_makes_five_accounts_an_hour(town: Town) -> None:
    set_(town, "open")
    browser = town.browser()
    for number in range(5):
        form = {**FORM, "name": f"rita{number}", "display": ""}
        assert browser.post("/register", data=form).status_code == 303
        browser.cookies.clear()
        assert browser.post("/register", data=form).status_code == 409  # which is counted for nothing
    answer = browser.post("/register", data={**FORM, "name": "rita5"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 720
    assert "try later, or ask for an invitation" in answer.text
    town.join("bob")  # an invitation is not counted


async def test_the_rates_are_asked_before_a_password_is_hashed(house: House) -> None:
    house.accounts._rates = RegistrationRates(Limits())
    await house.settings.change(OPERATOR, {"registration": "open"})
    for number in range(5):
        await house.accounts.register_openly(f"rita{number}", "", PASSWORD, ADDRESS)
    house.passwords.close()  # which hashes nothing any more
    await refused("rate_limited", house.accounts.register_openly("rita5", "", PASSWORD, ADDRESS))
    house.clock.ms += 720_001
    with pytest.raises(RuntimeError):
        await house.accounts.register_openly("rita5", "", PASSWORD, ADDRESS)


def test_the_rates_count_a_site_of_ipv6_as_one_and_all_addresses_together() -> None:
    rates = RegistrationRates(Limits())
    for number in range(5):
        rates.take(f"2001:db8:1:{number}::/64", 0.0)
    with pytest.raises(Refusal):
        rates.take("2001:db8:1:9::/64", 0.0)
    for number in range(25):
        rates.take(f"192.0.2.{number}", 0.0)
    with pytest.raises(Refusal) as caught:
        rates.take("198.51.100.1", 0.0)
    assert caught.value.retry_after == pytest.approx(20.0)
    rates.take("198.51.100.1", 20.1)


async def test_what_closes_while_a_password_is_hashed_makes_no_account(house: House) -> None:
    await house.settings.change(OPERATOR, {"registration": "open"})
    hash_ = house.passwords.hash

    async def closing(password: str, address: str) -> str:
        await house.settings.change(OPERATOR, {"registration": "closed"})
        return await hash_(password, address)

    house.passwords.hash = closing  # type: ignore[method-assign]
    await refused("registration_closed", house.accounts.register_openly("rita", "", PASSWORD, ADDRESS))
    assert house.identities.accounts.named("rita") is None
