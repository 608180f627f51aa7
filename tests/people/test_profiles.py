"""What people say about themselves, and that an account stays the same under another name."""

from __future__ import annotations

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest

from parlour.chat.profiles import ProfileChange
from parlour.core.accounts import MAX_FORMER_NAMES
from parlour.core.actor import OPERATOR
from parlour.core.errors import Refusal
from parlour.core.languages import language_tag
from tests.people.house import PASSWORD, House, refused
from tests.people.server import Town, bearer, session_of
from tests.support import raw
from tests.support.talk import Client


def join(town: Town, name: str) -> httpx.Client:
    """Somebody who has an account, and asks for JSON."""
    browser = town.join(name)
    browser.headers["Accept"] = "application/json"
    return browser


def change(browser: httpx.Client, **values: object) -> httpx.Response:
    return browser.patch("/api/v1/me", json=values)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        *(("", ""), ("EN", "en"), ("pt-br", "pt-BR"), ("ZH-HANT-tw", "zh-Hant-TW"), ("de-1996", "de-1996")),
        *(("sl-rozaj-biske", "sl-rozaj-biske"), ("es-419", "es-419"), ("de-de-U-CO-PHONEBK", "de-DE-u-co-phonebk")),
        *(("x-house", "x-house"), ("i-klingon", "i-klingon"), ("zh-cmn-hans-cn", "zh-cmn-Hans-CN")),
    ],
)
def test_a_language_is_kept_in_its_usual_form(written: str, kept: str) -> None:
    assert language_tag(written) == kept


@pytest.mark.parametrize("written", ["e", "english language", "de_DE", "de-", "-de", "e\u0301n", "i-none", "a" * 36])
def test_what_is_no_language_is_refused(written: str) -> None:
    with pytest.raises(Refusal) as caught:
        language_tag(written)
    assert (caught.value.code, caught.value.field) == ("bad_parameter", "language")


def test_a_profile_is_shown_to_those_who_have_signed_in(town: Town) -> None:
    ada, ben = join(town, "ada"), join(town, "ben")
    said = {
        "display": "Ada L.",
        "status": "  At the   fair ",
        "time_zone": "europe/berlin",
        "language": "de-at",
        "hue": 8,
    }
    mine = change(ada, **said).json()
    kept = {"display": "Ada L.", "status": "At the fair", "time_zone": "Europe/Berlin", "language": "de-AT", "hue": 8}
    assert {name: mine[name] for name in kept} == kept
    assert ada.get("/api/v1/me").json()["account"] == mine
    ada.post("/api/v1/bots", json={"name": "adabot", "display": "Ada's bot"})
    shown = ben.get("/api/v1/accounts/ADA").json()
    del kept["language"]
    assert shown == {"id": mine["id"], "name": "ada", "kind": "member", "state": "active", **kept}
    bot = ben.get("/api/v1/accounts/adabot").json()
    assert (bot["kind"], bot["owner"], bot["display"]) == ("bot", "ada", "Ada's bot")
    assert ben.get("/api/v1/accounts/nobody").status_code == 404
    with town.server.client() as guest:
        assert guest.get("/api/v1/accounts/ada").status_code == 401
    cleared = change(ada, status="", time_zone="", language="", hue=None).json()
    assert not {"status", "time_zone", "language", "hue"} & cleared.keys()


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"status": "x" * 81}, "bad_text", "status"),
        ({"status": "two\nlines"}, "bad_text", "status"),
        ({"status": "turned\u202earound"}, "bad_text", "status"),
        ({"time_zone": "Europe/Nowhere"}, "bad_parameter", "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "bad_parameter", "time_zone"),
        ({"language": "de_DE"}, "bad_parameter", "language"),
        ({"hue": 12}, "bad_parameter", "hue"),
        ({"hue": -1}, "bad_parameter", "hue"),
        ({"hue": "red"}, "bad_json", "hue"),
        ({"display": "admin"}, "reserved_name", "display"),
        ({"name": "olga"}, "name_taken", "name"),
        ({"password": "a wholly new password", "old_password": "not this one"}, "bad_credentials", None),
    ],
)
def test_what_is_refused_changes_nothing(values: dict[str, object], code: str, field: str | None, town: Town) -> None:
    name = f"cleo{abs(hash(str(values))) % 10**8}"
    browser = join(town, name)
    before = browser.get("/api/v1/me").json()["account"]
    refusal = change(browser, **{"status": "hello", "display": "Cleo", **values})
    assert (refusal.json()["code"], refusal.json().get("field")) == (code, field)
    assert browser.get("/api/v1/me").json()["account"] == before


def test_a_refused_name_leaves_the_password_as_it_was(town: Town) -> None:
    browser = join(town, "dora")
    changed = change(browser, name="olga", password=f"{PASSWORD} too", old_password=PASSWORD)
    assert changed.json()["code"] == "name_taken"
    with town.server.client(auth=("dora", PASSWORD)) as curl:
        assert curl.get("/api/v1/me").status_code == 200


def test_the_page_changes_a_profile_without_scripts(town: Town) -> None:
    browser = town.join("ed")
    form = {"do": "profile", "display": "Ed", "name": "ed", "status": "here", "time_zone": "Asia/Tokyo", "hue": "3"}
    answer = browser.post("/account", data=form)
    assert answer.status_code == 200
    assert 'class="avatar hue-3"' in answer.text
    assert "here" in answer.text
    wrong = browser.post("/account", data=form | {"time_zone": "Nowhere", "status": "what I wrote"})
    assert wrong.status_code == 400
    assert "A time zone has a name" in wrong.text
    assert "what I wrote" in wrong.text, "nothing has to be typed again"
    assert browser.get("/api/v1/me").json()["account"]["status"] == "here"


def test_times_on_pages_are_in_the_time_zone_of_who_reads(town: Town) -> None:
    browser = join(town, "fay")
    at = browser.post("/api/v1/rooms/zones/messages", json={"text": "now"}).json()["at"]
    change(browser, time_zone="Asia/Kathmandu")  # not a whole number of hours
    there = datetime.fromisoformat(at).astimezone(ZoneInfo("Asia/Kathmandu"))
    html = browser.get("/zones", headers={"Accept": "text/html"}).text
    assert f'title="{there:%Y-%m-%d %H:%M:%S} +0545">{there:%H:%M}</time>' in html
    assert f"{there:%B %Y}, +0545</time>" in html
    token = browser.post("/api/v1/tokens", json={"label": "script", "scopes": ["read"]}).json()
    until = datetime.fromisoformat(token["expires"]).astimezone(ZoneInfo("Asia/Kathmandu"))
    account = browser.get("/account", headers={"Accept": "text/html"}).text
    assert re.search(rf'until <span class="at">{until.day} {until:%b}( {until.year})?, {until:%H:%M}<', account)
    with town.server.client() as guest:
        html = guest.get("/zones", headers={"Accept": "text/html"}).text
    assert f'title="{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC"' in html


def test_the_colour_that_somebody_has_chosen_is_shown_wherever_they_are(town: Town) -> None:
    browser = join(town, "gil")
    change(browser, hue=7)
    event = browser.post("/api/v1/rooms/colours/messages", json={"text": "in colour"}).json()
    assert event["by"]["hue"] == 7
    with town.server.client() as guest:
        html = guest.get("/colours", headers={"Accept": "text/html"}).text
        plain = guest.post("/colours", content="by chance", headers={"Accept": "application/json"}).json()
    assert 'class="message hue-7"' in html
    assert 'data-hue="7"' in html
    assert 'class="avatar hue-7"' in browser.get("/account", headers={"Accept": "text/html"}).text
    assert "hue" not in plain["by"]


def test_an_account_is_the_same_under_another_name(town: Town) -> None:
    browser = join(town, "hal")
    token = town.token(browser, "read", "post")
    room = browser.post("/api/v1/rooms", json={"title": "Renamed", "access": "private"}).json()["room"]
    before = browser.post(f"/api/v1/rooms/{room}/messages", json={"text": "before"}).json()
    changed = change(browser, name="harold", display="Harold").json()
    after = browser.post(f"/api/v1/rooms/{room}/messages", json={"text": "after"}).json()
    assert before["by"]["id"] == after["by"]["id"] == changed["id"]
    assert (before["by"]["name"], after["by"]["name"]) == ("hal", "Harold")
    with town.server.client(headers=bearer(token)) as program, town.server.client(auth=("hal", PASSWORD)) as curl:
        assert program.post("/lobby", content="still me").status_code == 201
        assert curl.get("/api/v1/me").json()["account"]["name"] == "harold", "cron lines with the old name go on"
    assert [each["name"] for each in browser.get(f"/api/v1/rooms/{room}/members").json()["members"]] == ["harold"]
    assert town.owner.get("/api/v1/accounts/hal").json()["name"] == "harold"
    assert "You have also been <bdi>hal</bdi>" in browser.get("/account", headers={"Accept": "text/html"}).text
    for name in ("hal", "HAL", "ha1"):
        link = town.invitation()
        taken = town.browser().post(link, data={"name": name, "display": "", "password": PASSWORD})
        assert taken.status_code == 409, name
        with town.server.client() as guest:
            posing = guest.post("/lobby", json={"text": "I am hal", "name": name})
            assert posing.json()["code"] == "reserved_name"


def test_an_open_websocket_speaks_under_the_new_name_at_once(town: Town) -> None:
    browser = join(town, "ike")
    fields = [f"Cookie: parlour_session={session_of(browser)}", "Origin: http://localhost"]
    with Client.to(town.server.port) as client:
        client.send(raw.head("GET", "/sockets", *fields, *raw.UPGRADE))
        assert client.head().status == 101
        change(browser, name="isaac", display="Isaac", hue=2)
        client.send(raw.ws_frame(json.dumps({"op": "send", "key": "ike-00001", "text": "who am I"}).encode()))
        said = client.read_until(b'"text":"who am I"')
    assert b'"name":"Isaac","kind":"member","hue":2' in said


async def test_names_stay_with_whoever_had_them(house: House) -> None:
    alice, bob = await house.person("alice"), await house.person("bob")
    one, other = await house.signed_in(alice), await house.signed_in(bob)
    await house.accounts.change(one, ProfileChange(name="anna"))
    await refused("name_taken", house.accounts.change(other, ProfileChange(name="alice")))
    await refused("name_taken", house.accounts.make_bot(other, "a1ice", ""))
    again = await house.accounts.change(house.identities.current(one), ProfileChange(name="alice"))
    assert again == alice
    assert await house.accounts.former_names(again) == ["anna"]
    for named in ("alice", "anna", "ANNA"):
        assert house.identities.accounts.named(named) == alice
    fresh = House(house.store, clock=house.clock)  # as after a restart
    await fresh.identities.load()
    assert fresh.identities.accounts.named("anna") == alice
    assert fresh.identities.accounts.is_taken("anna")
    fresh.passwords.close()


async def test_nobody_collects_names(house: House) -> None:
    actor = await house.signed_in(await house.person("alice"))
    for number in range(MAX_FORMER_NAMES):
        await house.accounts.change(actor, ProfileChange(name=f"name-{number}-{number}"))
    await refused("forbidden", house.accounts.change(actor, ProfileChange(name="one-more")))
    await house.accounts.change(actor, ProfileChange(name="alice"))


async def test_an_account_that_was_disabled_comes_back_with_nothing_that_it_was_signed_in_with(house: House) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice")
    browser = await house.signed_in(alice)
    await house.token(browser, "read")
    bot = await house.accounts.make_bot(browser, "deploy", "")
    await house.sign_ins.make_token(browser, bot, "cron", frozenset({"post"}), 30)
    await house.accounts.set_active(OPERATOR, alice, is_active=False)
    back = await house.accounts.set_active(OPERATOR, alice, is_active=True)
    assert back == alice
    again = await house.signed_in(alice)
    assert [row.id for row in await house.sign_ins.of(again, alice)] == [again.sign_in]
    assert await house.sign_ins.of(again, bot) == []
    assert house.identities.accounts.get(bot.id) != bot, "bots are enabled one by one"
