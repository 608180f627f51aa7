"""Signing in over HTTP: cookies, forms, programs, and everything that another site or a stranger tries."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from parlour.core.sign_outs import DISABLED
from tests.people.house import PASSWORD
from tests.people.server import Town, bearer, session_of
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


def test_an_invitation_makes_an_account_once_and_signs_in(town: Town) -> None:
    link = town.invitation()
    browser = town.browser()
    assert "You are invited" in browser.get(link).text
    answer = browser.post(link, data={"name": "ida", "display": "Ida", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/api/v1/me").json()["account"]["display"] == "Ida"
    for again in (browser.get(link), town.browser().post(link, data={"name": "eve", "password": PASSWORD})):
        assert again.status_code == 410


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(town: Town) -> None:
    town.join("jon")
    browser = town.browser()
    answer = browser.post("/login", data={"name": "jon", "password": PASSWORD, "next": "/dev"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dev")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("parlour_session=")
    assert "; HttpOnly; SameSite=Lax" in cookie
    assert "; Path=/;" in cookie
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "away",
    [
        *("//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\r\nX: y"),
        *("/../other", "/a/.%2E/../other?x", "/a\\..\\..\\other"),  # out of the directory that the server has
    ],
)
def test_signing_in_leads_to_no_other_site(town: Town, away: str) -> None:
    browser = town.browser()
    answer = browser.post("/login", data={"name": "olga", "password": PASSWORD, "next": away})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_refused_form_comes_back_with_the_reason_at_its_field(town: Town) -> None:
    answer = town.browser().post("/login", data={"name": "olga", "password": "not my password at all"})
    assert answer.status_code == 401
    assert 'id="password-error">This name and this password do not belong together.' in answer.text
    assert 'value="olga"' in answer.text
    link = town.invitation()
    answer = town.browser().post(link, data={"name": "admin", "password": PASSWORD})
    assert answer.status_code == 400
    assert 'id="name-error"' in answer.text
    answer = town.browser().post(link, data={"name": "olga", "password": PASSWORD})
    assert answer.status_code == 409
    answer = town.browser().post(link, data={"name": "ken", "password": "short"})
    assert 'id="password-error"' in answer.text


def test_an_unknown_name_is_answered_like_a_wrong_password(town: Town) -> None:
    answers = []
    for name in ("olga", "nobody"):
        with town.server.client() as http:
            answer = http.post("/api/v1/session", json={"name": name, "password": "not my password at all"})
        answers.append((answer.status_code, answer.content))
    assert answers[0] == answers[1]


def test_a_cookie_from_before_never_becomes_a_session(town: Town) -> None:
    browser = town.browser()
    browser.cookies.set("parlour_session", "A" * 43)
    answer = browser.post("/login", data={"name": "olga", "password": PASSWORD})
    assert "A" * 43 not in answer.headers["set-cookie"]
    stranger = town.browser()
    stranger.cookies.set("parlour_session", "A" * 43)
    assert stranger.get("/api/v1/me").json() == {"kind": "guest"}


FROM_ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Referer": "https://evil.example/page"},
    {},
]


@pytest.mark.parametrize("fields", FROM_ELSEWHERE, ids=str)
@pytest.mark.parametrize("path", ["/lobby", "/account", "/logout", "/api/v1/tokens", "/api/v1/invitations"])
def test_a_page_of_another_site_does_nothing_in_the_name_of_its_visitor(
    town: Town, path: str, fields: dict[str, str]
) -> None:
    with town.server.client(headers=fields, cookies={"parlour_session": session_of(town.owner)}) as visitor:
        answer = visitor.post(path, content=b"do=others", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, "cross_origin" in answer.text) == (403, True)
    assert town.owner.get("/api/v1/me").json()["kind"] == "member"


def test_a_browser_in_a_terminal_shows_where_it_comes_from_by_its_referrer(town: Town) -> None:
    with town.server.client(headers={"Referer": f"{town.url}/lobby"}) as lynx:
        assert lynx.post("/login", data={"name": "olga", "password": PASSWORD}).status_code == 303
        answer = lynx.post("/lobby", data={"message": "from lynx"}, headers={"Accept": "text/html"})
    assert answer.status_code == 303


def test_members_speak_under_their_own_name_on_every_way(town: Town) -> None:
    token = town.token(town.owner, "post")
    with town.server.client() as program:
        program.post("/who", content="by token", headers=bearer(token))
        program.post("/who", content="by token and name", auth=("olga", token))
        program.post("/who", content="by password", auth=("olga", PASSWORD))
    town.owner.post("/who", data={"message": "by form"})
    with town.server.client() as guest:
        events = guest.get("/who?format=json").json()["events"]
        assert guest.post("/who", data={"message": "x", "name": "0lga"}).status_code == 400
    assert [event["text"] for event in events] == ["by token", "by token and name", "by password", "by form"]
    assert {(event["by"]["name"], event["by"]["kind"]) for event in events} == {("olga", "member")}
    assert len({event["by"]["id"] for event in events}) == 1


def test_a_token_does_what_its_scopes_say_until_it_ends(town: Town) -> None:
    token = town.token(town.owner, "post", label="short")
    with town.server.client(headers=bearer(token)) as program:
        assert program.post("/scoped", content="one").status_code == 201
        assert program.get("/scoped").status_code == 403
        assert program.get("/api/v1/sign-ins").status_code == 403
        assert program.post("/api/v1/invitations", json={}).status_code == 403
        rows = town.owner.get("/api/v1/sign-ins").json()["sign_ins"]
        (row,) = [row for row in rows if row["label"] == "short"]
        assert "secret" not in row
        assert town.owner.delete(f"/api/v1/sign-ins/{row['id']}").status_code == 204
        answer = program.post("/scoped", content="two")
        assert answer.status_code == 401
        assert "bad_credentials" in answer.text


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer x", "Basic", "Basic %%%", "Basic YQ==", "Digest a", "Bearer parlour_" + "a" * 50],
)
def test_credentials_that_cannot_be_read_are_refused_not_ignored(town: Town, authorization: str) -> None:
    with town.server.client(headers={"Authorization": authorization}) as http:
        for answer in (http.get("/lobby"), http.post("/lobby", content="hello")):
            assert (answer.status_code, "bad_credentials" in answer.text) == (401, True)


def test_programs_are_asked_for_a_password_and_browsers_are_not(town: Town) -> None:
    """wget sends a password only to a server that has asked for one; a browser would open a window for it."""
    command = ["wget", "--no-config", "-qO-", "--user=olga", f"--password={PASSWORD}", f"{town.url}/api/v1/accounts"]
    assert '"name":"olga"' in subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    for accept in ("application/json", "text/plain", "text/html"):
        fields = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept": accept}
        answer = httpx.get(f"{town.url}/api/v1/accounts", headers=fields, timeout=TIMEOUT_S)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="parlour"')


def test_signing_out_ends_the_session(town: Town) -> None:
    browser = town.join("liv")
    secret = session_of(browser)
    answer = browser.post("/logout")
    assert (answer.status_code, "Max-Age=0" in answer.headers["set-cookie"]) == (303, True)
    with town.server.client(cookies={"parlour_session": secret}) as thief:
        assert thief.get("/api/v1/me").json() == {"kind": "guest"}


def test_signing_out_leads_to_what_is_open_to_guests(town: Town) -> None:
    browser = town.join("lou")
    assert browser.post("/logout").headers["location"] == "/"
    browser = town.join("luc")
    town.operator("PATCH", "/api/v1/settings", {"access": "members"})
    assert browser.post("/logout").headers["location"] == "/login"
    town.operator("PATCH", "/api/v1/settings", {"access": "open"})


def test_nobody_signs_in_over_plain_http_from_elsewhere(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--trusted-proxies", "127.0.0.1") as server:
        town = Town(server)
        sign_in = {"name": "olga", "password": PASSWORD}
        for scheme, status in (("http", 403), ("https", 201)):
            fields = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": scheme}
            with server.client(headers=fields) as elsewhere:
                answer = elsewhere.post("/api/v1/session", json=sign_in)
                assert answer.status_code == status
                stolen = {**fields, "Cookie": f"parlour_session={session_of(town.owner)}"}
                assert elsewhere.get("/api/v1/me", headers=stolen).json() == {"kind": "guest"}
        assert answer.headers["set-cookie"].startswith("__Host-parlour_session=")
        assert answer.headers["set-cookie"].endswith("; Secure")
        town.close()


def test_a_disabled_account_is_out_everywhere(town: Town) -> None:
    browser = town.join("max")
    token = town.token(browser, "read", "post")
    assert town.owner.patch("/api/v1/accounts/max", json={"state": "disabled"}).status_code == 200
    assert browser.get("/api/v1/me").json() == {"kind": "guest"}
    with town.server.client(headers=bearer(token)) as program:
        assert program.get("/lobby").status_code == 401
    with town.server.client(auth=("max", PASSWORD)) as curl:
        answer = curl.get("/lobby", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["detail"]) == (401, DISABLED)
    answer = town.browser().post("/login", data={"name": "max", "password": PASSWORD})
    assert answer.status_code == 403
    assert DISABLED in answer.text
    answer = town.browser().post("/login", data={"name": "max", "password": "not the password of max"})
    assert answer.status_code == 401
    assert "do not belong together" in answer.text


def test_people_are_found_by_the_name_that_they_are_shown_under(town: Town) -> None:
    rosa = town.join("rosa")
    assert rosa.patch("/api/v1/me", json={"display": "Rosa \u0141ukasz \U0001f33b"}).status_code == 200
    for written in ("Rosa \u0141ukasz \U0001f33b", "  rosa  \u0142UKASZ \U0001f33b "):
        assert town.browser().post("/login", data={"name": written, "password": PASSWORD}).status_code == 303
    with town.server.client(auth=("Rosa \u0141ukasz \U0001f33b".encode(), PASSWORD.encode())) as curl:
        assert curl.get("/api/v1/me").json()["account"]["name"] == "rosa"
    room = town.owner.post("/api/v1/rooms", json={"access": "private", "title": "Garden"}).json()["room"]
    form = {"do": "add", "name": "Rosa \u0141ukasz \U0001f33b"}
    assert town.owner.post(f"/rooms/{room}", data=form).status_code == 200
    assert rosa.get(f"/{room}").status_code == 200
    assert rosa.patch("/api/v1/me", json={"display": "Rosa"}).status_code == 200
    answer = town.browser().post("/login", data={"name": form["name"], "password": PASSWORD})
    assert answer.status_code == 401


def test_a_new_password_comes_by_a_link_that_works_once(town: Town) -> None:
    browser = town.join("nell")
    link = town.owner.post("/api/v1/accounts/nell/reset").json()["url"].removeprefix(town.url)
    assert "A new password for nell" in town.browser().get(link).text
    assert town.browser().post(link, data={"password": "short"}).status_code == 400
    changed = town.browser().post(link, data={"password": "a wholly new password"})
    assert (changed.status_code, changed.headers["location"]) == (303, "/login?reset=nell")
    after = town.browser().get(changed.headers["location"]).text
    assert "The new password is set: sign in with it." in after
    assert 'name="name" type="text" value="nell"' in after
    assert town.browser().post(link, data={"password": "yet another password"}).status_code == 410
    assert browser.get("/api/v1/me").json() == {"kind": "guest"}
    plain = town.browser().get("/login").text
    assert "The new password is set" not in plain
    assert "Forgotten your password? Ask somebody who runs this server for a link to set a new one." in plain
    assert "The new password is set" not in town.browser().get("/login?reset=%3Cb%3E").text
    assert town.browser().post("/login", data={"name": "nell", "password": "a wholly new password"}).status_code == 303


def test_an_ordinary_member_administers_nothing(town: Town) -> None:
    browser = town.join("otto")
    assert browser.get("/admin").status_code == 403
    assert browser.get("/api/v1/accounts").status_code == 403
    assert browser.post("/api/v1/invitations", json={"role": "owner"}).status_code == 403
    assert browser.patch("/api/v1/accounts/otto", json={"role": "owner"}).status_code == 403
    assert browser.post("/admin", data={"do": "role", "name": "otto", "role": "owner"}).status_code == 403
    assert town.browser().get("/admin").headers["location"] == "/login?next=/admin"


def test_one_ends_no_session_of_somebody_else(town: Town) -> None:
    browser = town.join("pia")
    (row,) = town.owner.get("/api/v1/sign-ins").json()["sign_ins"][:1]
    assert browser.delete(f"/api/v1/sign-ins/{row['id']}").status_code == 404
    assert browser.post("/account", data={"do": "end", "id": row["id"]}).status_code == 404


def test_no_secret_is_in_a_log_of_the_server(town: Town) -> None:
    link = town.invitation()
    browser = town.browser()
    browser.get(link)
    browser.post(link, data={"name": "quinn", "password": PASSWORD})
    token = town.token(browser, "read")
    with town.server.client(headers=bearer(token)) as program:
        program.get("/lobby")
    log = town.server.log_file.read_text()
    assert "path=/join/" in log
    for secret in (link.rpartition("/")[2], token, session_of(browser), PASSWORD):
        assert secret not in log
