"""Mail as people meet it: a real mail server, real links, and the pages that they lead to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.people.typed import end_of_digest
from tests.support.server import ServerProcess
from tests.support.smtp import MailServer, mail_server, with_mail
from tests.support.timeout import wait_until

JSON = {"Accept": "application/json"}
NEW = "a few quite different words"


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Town]:
    server = ServerProcess(tmp_path_factory.mktemp("town") / "data", "--access-log", "on")
    with with_mail(server, mail.port) as running:
        town = Town(running)
        yield town
        town.close()


def with_address(town: Town, mail: MailServer, name: str) -> httpx.Client:
    """Somebody who has verified `NAME@example.org`."""
    browser = town.join(name)
    said = browser.post("/account", data={"do": "email", "email": f"{name}@example.org", "confirm": PASSWORD})
    assert "A link is on its way" in said.text
    path = httpx.URL(mail.next(f"{name}@example.org", "Is this your").link).path
    assert "Yes, it is mine" in browser.get(path).text
    assert browser.post(path, data={"do": "yes"}).headers["Location"] == "/account#email"
    assert f"Yours is <b>{name}@example.org</b>" in browser.get("/account").text
    return browser


def test_who_has_forgotten_a_password_comes_back_by_mail(town: Town, mail: MailServer) -> None:
    browser = with_address(town, mail, "ada")
    other = town.browser()
    assert 'href="/reset"' in other.get("/login").text
    said = other.post("/reset", data={"who": "ada"}).text
    assert "a link is on its way there" in said
    letter = mail.next("ada@example.org", "A new password")
    path = httpx.URL(letter.link).path
    for _ in range(3):  # programs that look at the links in mail, and browsers that fetch them ahead
        assert other.get(path).status_code == 200
        assert other.head(path).status_code == 200
    set_ = other.post(path, data={"password": NEW})
    assert set_.headers["Location"] == "/login?reset=ada"
    assert browser.get("/account").headers["Location"] == "/login?next=/account", "they are signed out"
    assert other.post("/login", data={"name": "ada", "password": NEW}).status_code == 303
    assert other.post(path, data={"password": PASSWORD}).status_code == 410
    assert mail.next("ada@example.org", "has been changed")
    assert path not in town.server.log, "the log has no secret of a link"
    assert "ada@example.org" not in town.server.log


def test_the_answer_is_the_same_bytes_for_whoever_it_is(town: Town, mail: MailServer) -> None:
    with_address(town, mail, "abe")
    browser = town.browser()
    answers = {
        (answer.status_code, answer.content)
        for who in ("abe", "nobody", "abe@example.org", "nobody@example.org", "olga")
        for answer in (browser.post("/reset", data={"who": who}),)
    }
    assert len(answers) == 1
    with town.server.client() as program:
        bodies = {
            (answer.status_code, answer.content)
            for who in ("abe", "nobody")
            for answer in (program.post("/api/v1/password/forgotten", json={"who": who}),)
        }
    assert bodies == {(202, b"")}


def test_links_begin_with_the_public_url_whatever_a_request_calls_the_server(town: Town, mail: MailServer) -> None:
    with_address(town, mail, "abel")
    with town.server.client(headers={"Host": "localhost", "X-Forwarded-Host": "evil.example"}) as stranger:
        assert stranger.post("/reset", data={"who": "abel"}).status_code == 200
    assert mail.next("abel@example.org", "A new password").link.startswith(f"{town.url}/reset/")


def test_a_link_that_verifies_an_address_leads_who_is_not_signed_in_to_sign_in_first(
    town: Town, mail: MailServer
) -> None:
    browser = town.join("amy")
    browser.put("/api/v1/me/email", json={"email": "amy@example.org"}).raise_for_status()
    path = httpx.URL(mail.next("amy@example.org").link).path
    stranger = town.browser()
    assert stranger.get(path).headers["Location"].startswith("/login?next=/account/email/")
    assert stranger.post(path, data={"do": "yes"}).status_code == 401
    eve = town.join("evelyn")
    gone = eve.get(path)
    assert (gone.status_code, 'href="/account#email-title"' in gone.text) == (410, True), "the way to another one"
    assert eve.post(path, data={"do": "yes"}).status_code == 410
    browser.get(path)
    assert browser.get("/api/v1/me/email").json() == {
        "email": None,
        "waiting": "amy@example.org",
        "digest": "none",
    }, "a GET does nothing"
    cross_site = browser.post(path, data={"do": "yes"}, headers={"Origin": "https://evil.example"})
    assert cross_site.status_code == 403
    assert browser.post(path, data={"do": "yes"}).status_code == 303
    assert browser.get("/api/v1/me/email").json() == {
        "email": "amy@example.org",
        "waiting": None,
        "digest": "none",
    }


def test_nobody_else_is_shown_an_address(town: Town, mail: MailServer) -> None:
    with_address(town, mail, "alma")
    for path in ("/api/v1/accounts", "/api/v1/accounts/alma", "/admin", "/api/v1/mail"):
        assert "alma@example" not in town.owner.get(path, headers={"Accept": "*/*"}).text


def test_an_owner_invites_by_mail(town: Town, mail: MailServer) -> None:
    form = {"do": "invite", "uses": "1", "days": "7", "role": "member", "email": "bea@example.org"}
    page = town.owner.post("/admin", data=form)
    assert "The invitation is on its way by mail." in page.text
    assert "/join/" not in page.text
    assert "sent to <bdi>b…@example.org</bdi>" in page.text, "whoever typed the address knows which one it is"
    sent = town.owner.get("/api/v1/invitations", headers=JSON).json()["invitations"]
    assert [each["sent_to"] for each in sent if "sent_to" in each] == ["b…@example.org"]
    letter = mail.next("bea@example.org", "olga invites you")
    browser = town.browser()
    path = httpx.URL(letter.link).path
    assert browser.post(path, data={"name": "bea", "display": "", "password": PASSWORD}).status_code == 303
    refused = town.owner.post("/api/v1/invitations", json={"uses": 2, "email": "bea@example.org"}, headers=JSON)
    assert (refused.status_code, refused.json()["field"]) == (400, "uses")
    bad = town.owner.post("/admin", data={**form, "email": "bea@example.org\r\nBcc: eve@example.org"})
    assert bad.status_code == 400


def test_a_new_device_is_told_of(town: Town, mail: MailServer) -> None:
    with_address(town, mail, "ann")
    other = town.browser()
    for _ in range(2):
        assert other.post("/login", data={"name": "ann", "password": PASSWORD}).status_code == 303
    assert mail.next("ann@example.org", "A new device").link == f"{town.url}/account#devices"
    town.owner.post("/api/v1/invitations", json={"email": "after@example.org"}).raise_for_status()
    mail.next("after@example.org")
    assert [each for each in mail.taken() if each.to == "ann@example.org"] == [], "the second time it is known"


def test_a_mailbox_that_unsubscribes_needs_no_session_and_a_get_changes_nothing(town: Town, mail: MailServer) -> None:
    browser = with_address(town, mail, "abby")
    said = browser.post("/account", data={"do": "digest"})
    assert "Once a day you are sent" in said.text
    path = f"/account/digest/{end_of_digest(town, browser)}"
    with town.server.client() as mailbox:
        assert mailbox.get(path).status_code == 200
        assert browser.get("/api/v1/me/email", headers=JSON).json()["digest"] == "daily"
        done = mailbox.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, done.text) == (200, "No more digests come.\n")
        assert mailbox.post(f"{path[:-1]}_", data={}).status_code in (410, 415)
    assert browser.get("/api/v1/me/email", headers=JSON).json()["digest"] == "none"
    assert path.rpartition("/")[2] not in town.server.log


def test_whoever_runs_it_sees_that_mail_does_not_get_out(town: Town, mail: MailServer) -> None:
    browser = town.join("art")
    mail.say("recipient", "550 nobody here")
    browser.put("/api/v1/me/email", json={"email": "art@elsewhere.example"}).raise_for_status()

    def failed() -> list[dict[str, str]]:
        found: list[dict[str, str]] = town.owner.get("/api/v1/mail").json()["failed"]
        return found

    wait_until(lambda: failed() != [])
    mail.say("recipient", None)
    assert [(each["kind"], each["domain"], each["account"]) for each in failed()] == [
        ("verify", "elsewhere.example", "art")
    ]
    wait_until(lambda: "mail_given_up kind=verify attempts=1" in town.server.log)
    page = town.owner.get("/admin").text
    assert "the mail server does not take the address (550)" in page
    assert "1 mail is sent again." in town.owner.post("/admin", data={"do": "mail_again"}).text
    assert mail.next("art@elsewhere.example")
    assert town.owner.get("/api/v1/mail").json()["why"] == ""
    mail.say("recipient", "451 not now")
    browser.put("/api/v1/me/email", json={"email": "art@later.example"}).raise_for_status()
    wait_until(lambda: "(451)" in town.owner.get("/api/v1/mail").json()["why"])
    mail.say("recipient", None)
    assert "The last attempt failed: the mail server" in town.owner.get("/admin").text


def test_a_server_without_mail_says_so_and_offers_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServerProcess(tmp_path_factory.mktemp("plain") / "data") as server:
        town = Town(server)
        assert town.browser().get("/reset").status_code == 404
        assert town.browser().post("/reset", data={"who": "olga"}).status_code == 404
        assert "/reset" not in town.browser().get("/login").text
        assert 'name="email"' not in town.owner.get("/account").text
        assert 'name="email"' not in town.owner.get("/admin").text
        asked = town.owner.put("/api/v1/me/email", json={"email": "olga@example.org"})
        assert asked.status_code == 404
        assert "This server sends no mail." in asked.text
        town.close()
