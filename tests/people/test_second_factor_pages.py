"""The second factor as browsers, curl and the commands meet it."""

from __future__ import annotations

from pathlib import Path

from tests.people.house import PASSWORD
from tests.people.phones import code, hidden, set_up_page
from tests.people.server import Town, page_after, session_of
from tests.support.machine import Machine

PATH = "/account/second-factor"


def test_a_person_sets_up_an_app_and_signs_in_with_it(town: Town) -> None:
    browser = town.join("ada")
    secret, codes = set_up_page(browser)
    again = browser.get(PATH)
    assert codes[0] not in again.text, "they are shown once"
    assert "Recovery codes were made." in again.text
    fresh = town.browser()
    form = {"name": "ada", "password": PASSWORD, "next": "/rooms"}
    second = fresh.post("/login", data=form)
    assert (second.status_code, "<h1>Second factor</h1>" in second.text) == (200, True)
    assert fresh.get("/api/v1/me").json() == {"kind": "guest"}
    assert PASSWORD not in second.text
    half = {"half": hidden(second, "half"), "next": hidden(second, "next")}
    wrong = fresh.post("/login/code", data={**half, "code": "000000"})
    assert (wrong.status_code, hidden(wrong, "half")) == (401, half["half"])
    done = fresh.post("/login/code", data={**half, "code": code(secret)})
    assert (done.status_code, done.headers["location"]) == (303, "/rooms")
    assert fresh.get("/api/v1/me").json()["account"]["second_factor"] is True
    replayed = town.browser().post("/login/code", data={**half, "code": code(secret)})
    assert replayed.status_code == 401
    over = town.browser().post("/login/code", data={"half": "x", "code": code(secret)})
    assert (over.status_code, "Sign in again" in over.text) == (401, True)
    town.owner.post("/admin", data={"do": "factors", "name": "ada"})
    assert fresh.get("/api/v1/me").json() == {"kind": "guest"}
    log = town.owner.get("/admin/log").text
    assert all(each in log for each in (": authenticator app added", ": recovery codes added", ": everything removed"))
    assert town.browser().post("/login", data=form).status_code == 303


def test_a_program_needs_a_token_or_sends_a_code_along(town: Town) -> None:
    secret, codes = set_up_page(town.join("bea"))
    with town.server.client(auth=("bea", PASSWORD)) as curl:
        refused = curl.get("/api/v1/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "code_required")
        assert "token" in refused.json()["detail"]
        sent = curl.get("/api/v1/me", headers={"Parlour-Code": code(secret)})
        assert sent.json()["account"]["name"] == "bea"
        assert curl.get("/api/v1/me", headers={"Parlour-Code": code(secret)}).json()["code"] == "bad_code"
        token = curl.post(
            "/api/v1/tokens", json={"label": "x", "scopes": ["read"]}, headers={"Parlour-Code": codes[0]}
        ).json()["secret"]
    with town.server.client(auth=("bea", token)) as curl:
        assert curl.get("/api/v1/me").json()["account"]["name"] == "bea"
    with town.server.client() as curl:
        body = {"name": "bea", "password": PASSWORD}
        assert curl.post("/api/v1/session", json=body).json()["code"] == "code_required"
        assert curl.post("/api/v1/session", json={**body, "code": codes[1]}).status_code == 201


def test_the_command_login_asks_for_the_code(town: Town, tmp_path: Path) -> None:
    _, codes = set_up_page(town.join("cleo"))
    machine = Machine(tmp_path)
    none = machine.run("login", town.url, typed=f"cleo\n{PASSWORD}\n")
    assert (none.returncode, "second factor" in none.stderr) == (1, True)
    assert machine.sign_in(town.url, typed=f"cleo\n{PASSWORD}\n{codes[0]}\n")
    with machine.terminal("login", town.url, "--name", "cleo") as terminal:
        terminal.wait_for("Password:")
        terminal.type(f"{PASSWORD}\r")
        terminal.wait_for("recovery code:")
        terminal.type(f"{codes[1]}\r")
        assert terminal.wait_for_end() == 0
        assert PASSWORD.encode() not in terminal.output


def test_what_is_dangerous_asks_for_the_code_too(town: Town) -> None:
    """The page of second factors itself is asked here: it needs a password that was given lately, as others do."""
    browser = town.join("dora")
    _, codes = set_up_page(browser)
    before = session_of(browser)
    asked = browser.post("/api/v1/session/confirm", json={"password": PASSWORD}, headers={"Accept": "application/json"})
    assert asked.json()["code"] == "code_required"
    asked = browser.post(PATH, data={"do": "codes", "confirm": PASSWORD})
    assert (asked.status_code, 'id="confirm_code"' in asked.text) == (401, True)
    asked = browser.post(PATH, data={"do": "codes", "confirm": PASSWORD, "confirm_code": "000000"})
    assert (asked.status_code, 'id="confirm_code-error"' in asked.text) == (401, True)
    done = page_after(browser, PATH, {"do": "codes", "confirm": PASSWORD, "confirm_code": codes[0]})
    assert "New recovery codes are made." in done.text
    assert session_of(browser) != before


def test_who_lacks_a_factor_is_led_to_it_after_signing_in(town: Town) -> None:
    with_none = town.join("emil")
    town.operator("PATCH", "/api/v1/settings", {"second_factor": "everybody"})
    try:
        browser = town.browser()
        form = {"name": "emil", "password": PASSWORD, "next": "/lobby"}
        assert browser.post("/login", data=form).headers["location"] == PATH
        assert "This server demands a second factor of you." in browser.get(PATH).text
        page = browser.get("/lobby")
        assert (page.status_code, f'href="{PATH}"' in page.text) == (403, True)
        with_none.headers["Accept"] = "application/json"
        answer = with_none.post("/lobby", json={"text": "hello"})
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
        set_up_page(browser)
        assert browser.get("/lobby").status_code == 200
        assert with_none.post("/lobby", json={"text": "hello"}).status_code == 201
    finally:
        town.operator("PATCH", "/api/v1/settings", {"second_factor": "nobody"})
