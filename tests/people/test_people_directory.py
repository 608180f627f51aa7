"""The directory of people and their cards: who finds whom, and what a card says and does."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town, bearer


@pytest.fixture(scope="module")
def zoe(town: Town) -> httpx.Client:
    """Somebody with a browser, among others."""
    for name, display in (("yann", "Yann le Brun"), ("yara", "Yara"), ("yves", "Yves")):
        browser = town.join(name)
        changes = {"display": display, "status": "At the fair", "time_zone": "Asia/Tokyo"}
        assert browser.patch("/api/v1/me", json=changes).status_code == 200
    found = town.join("zoe")
    assert found.post("/api/v1/bots", json={"name": "yeti"}).status_code == 201
    assert town.owner.patch("/api/v1/accounts/yves", json={"state": "disabled"}).status_code == 200
    return found


def names(browser: httpx.Client, query: str) -> list[str]:
    answer = browser.get(f"/api/v1/people{query}")
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["people"]]


def test_people_are_found_by_how_a_name_or_a_word_of_it_begins(zoe: httpx.Client) -> None:
    assert names(zoe, "?q=y") == ["yann", "yara", "yeti"]
    assert names(zoe, "?q=YA") == ["yann", "yara"]
    assert names(zoe, "?q=@yara") == ["yara"]
    assert names(zoe, "?q=brun") == ["yann"]
    assert names(zoe, "?q=nobody") == []
    assert {"yann", "zoe", "olga"} <= set(names(zoe, "?limit=1000"))
    assert zoe.get("/api/v1/people?q=y&limit=1").json()["more"] is True
    assert zoe.get("/api/v1/people?q=" + "y" * 65).status_code == 400


def test_the_directory_is_for_who_has_an_account_and_for_no_token_of_one_room(town: Town, zoe: httpx.Client) -> None:
    with town.server.client(headers={"Accept": "application/json"}) as guest:
        assert guest.get("/api/v1/people").json()["code"] == "login_required"
        answer = guest.get("/people?q=y%20z")
        assert answer.headers["Location"] == "/login?next=/people%3Fq%3Dy%2520z"
        assert answer.text.endswith(f"with your name curl asks for the password: curl -u NAME {town.url}/people\n")
        assert guest.get("/people/yann").headers["Location"] == "/login?next=/people/yann"
    body = {"label": "x", "scopes": ["read"]}
    reading = zoe.post("/api/v1/tokens", json=body).json()["secret"]
    bound = zoe.post("/api/v1/tokens", json=body | {"rooms": ["lobby"]}).json()["secret"]
    with town.server.client(headers=bearer(reading)) as http:
        assert names(http, "?q=yann") == ["yann"]
    with town.server.client(headers=bearer(bound)) as http:
        assert http.get("/api/v1/people").status_code == 403
        assert http.get("/people/yann").status_code == 403


def test_whom_somebody_chose_to_write_to_is_still_chosen_once_they_have_signed_in(
    town: Town, zoe: httpx.Client
) -> None:
    guest = town.browser()
    sign_in = guest.get("/people?to=yann&to=yara&write=1").headers["Location"]
    (after,) = re.findall(r'name="next" value="([^"]*)"', guest.get(sign_in).text)
    form = {"name": "zoe", "password": PASSWORD, "next": html.unescape(after)}
    back = guest.post("/login", data=form).headers["Location"]
    assert back == "/people?to=yann&to=yara&write=1"
    assert guest.get(back).headers["Location"] == "/@yann+yara"
    for elsewhere in ("//evil.example/people", "https://evil.example", "/\\evil.example"):
        assert guest.post("/login", data=form | {"next": elsewhere}).headers["Location"] == "/"


def test_a_page_and_lines_show_the_same_people(town: Town, zoe: httpx.Client) -> None:
    page = zoe.get("/people?q=ya").text
    assert 'href="/people/yann"' in page
    assert "At the fair" in page
    assert "yeti" not in page
    lines = zoe.get("/people?q=y", headers={"Accept": "text/plain"}).text
    assert lines == "yann  Yann le Brun  At the fair\nyara  Yara  At the fair\nyeti  bot\n"
    assert zoe.get("/people?q=nobody", headers={"Accept": "text/plain"}).text == "Nobody here is called like that.\n"
    assert zoe.get("/people?q=yara", headers={"Accept": "application/json"}).json()["people"][0]["display"] == "Yara"


def test_whoever_is_ticked_is_written_to_alone_or_in_a_group(zoe: httpx.Client) -> None:
    """One form, which also looks for others: those who were ticked before stay so."""
    page = zoe.get("/people?q=yara&to=yann").text
    for name, is_ticked in (("yann", True), ("yara", False)):
        box = re.search(rf'<input type="checkbox" name="to" value="{name}"[^>]*>', page)
        assert box is not None
        assert ("checked" in box[0]) == is_ticked
    assert 'value="zoe"' not in zoe.get("/people").text, "nobody ticks themselves"
    assert zoe.get("/people?to=yara&to=yann&q=x&write=1").headers["Location"] == "/@yann+yara"
    assert zoe.get("/people?to=yann&write=1").headers["Location"] == "/@yann"
    nobody = zoe.get("/people?write=1")
    assert (nobody.status_code, "Tick whom you want to write to" in nobody.text) == (400, True)
    assert zoe.get("/people?to=nobody-at-all&write=1").status_code == 404
    assert zoe.get("/people?to=yann&format=json").status_code == 400, "programs post to the address itself"
    zoe.put("/api/v1/me/blocks/yann")
    refused = zoe.get("/people?to=yann&write=1")
    zoe.delete("/api/v1/me/blocks/yann")
    assert (refused.status_code, "You have blocked" in refused.text) == (403, True)


def test_a_card_says_who_somebody_is_and_leads_to_them(town: Town, zoe: httpx.Client) -> None:
    card = zoe.get("/people/yann").text
    for said in ("Yann le Brun", "@yann", "At the fair", "(Asia/Tokyo)", 'href="/@yann"', "Yes, block Yann le Brun"):
        assert said in card, said
    id_ = zoe.get("/api/v1/accounts/yann").json()["id"]
    assert "Yann le Brun" in zoe.get(f"/people/{id_}").text
    assert zoe.get(f"/api/v1/accounts/{id_}").json()["name"] == "yann"
    own = zoe.get("/people/zoe").text
    assert 'href="/@me"' in own
    assert "block" not in own.partition("<main")[2]
    bot = zoe.get("/people/yeti").text
    assert 'href="/people/zoe"' in bot
    assert "Nobody signs in with this account" in zoe.get("/people/yves").text
    assert zoe.get("/people/nobody-at-all").status_code == 404
    assert zoe.get(f"/people/{id_[:-1]}").status_code == 404


def test_somebody_is_blocked_and_unblocked_on_their_card(zoe: httpx.Client, town: Town) -> None:
    assert "yann is blocked" not in zoe.get("/people/yann").text
    done = zoe.post("/people/yann", data={"do": "block"})
    assert (done.status_code, "Yann le Brun is blocked: they write to you no more." in done.text) == (200, True)
    assert "Nobody but you sees this list" in zoe.get("/people").text
    lines = zoe.get("/people?q=yann", headers={"Accept": "text/plain"}).text.splitlines()
    assert [line.split("  ")[:3] for line in lines] == [["yann", "Yann le Brun", "blocked"]]
    assert "Nobody but you sees this list" not in town.owner.get("/people").text
    card = zoe.get("/people/yann").text
    assert 'value="unblock"' in card
    assert "You have blocked Yann le Brun" in card
    assert zoe.post("/people/yann", data={"do": "unblock"}, headers={"Accept": "text/plain"}).text == (
        "Yann le Brun can write to you again.\n"
    )
    assert zoe.post("/people/zoe", data={"do": "block"}).status_code == 400
    assert zoe.post("/people/yann", data={"do": "block", "then": "dance"}).status_code == 400
    assert "You have blocked" not in zoe.get("/people/yann").text, "nothing is stored of what was refused"
    assert zoe.post("/people/yann", data={"do": "hug"}).status_code == 400


def test_a_block_ends_where_somebody_would_write_but_for_it(zoe: httpx.Client, town: Town) -> None:
    def offers() -> bool:
        return 'value="unblock"' in zoe.get("/@yann", headers={"Accept": "text/html"}).text

    assert not offers()
    zoe.put("/api/v1/me/blocks/yann")
    assert offers()
    done = zoe.post("/people/yann", data={"do": "unblock", "then": "write"})
    assert (done.status_code, done.headers["Location"]) == (303, "/@yann")
    assert not offers()


def test_those_who_run_the_server_may_keep_the_list_to_themselves(zoe: httpx.Client, town: Town) -> None:
    town.operator("PATCH", "/api/v1/settings", {"people": "admins"})
    try:
        assert zoe.get("/api/v1/people", headers={"Accept": "application/json"}).json()["code"] == "forbidden"
        assert zoe.get("/people").status_code == 403
        assert zoe.get("/people/yann").status_code == 200
        assert "yann" in names(town.owner, "?q=yann")
    finally:
        town.operator("PATCH", "/api/v1/settings", {"people": "members"})
