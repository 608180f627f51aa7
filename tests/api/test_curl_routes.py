"""Promise 5 from the rows: curl can use every address, and every page works with what HTML alone does.

The example in the row of each operation is carried out here. A page whose form cannot be filled in and sent by hand
fails too.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from parlour.api.operation import Operation
from parlour.api.reference import example
from parlour.schema.commands import Op
from tests.people.server import Town
from tests.people.typed import Typed
from tests.support.bad_provider import BadProvider, bad_provider
from tests.support.server import ServerProcess
from tests.support.sign_in_provider import providers_file
from tests.support.smtp import MailServer, mail_server, with_mail
from tests.support.table import TABLE, name
from tests.support.timeout import TIMEOUT_S

LOBBY = "lobby"

MARKS = {
    "GET /": "PARLOUR - a room is a URL",
    "POST /send": "lobby/",
    "GET /{room}": "curl: message 1\n",
    "POST /{room}": "lobby/",
    "PUT /{room}": "lobby/",
    "GET /{room}/{item}": "curl: message 1\n",
    "PUT /{room}/{item}": "lobby/",
    "DELETE /{room}/{item}": "HTTP/1.1 204 ",
    "POST /{room}/{item}/delete": "Location: /lobby\n",
    "DELETE /api/v1/rooms/{room}/messages/{item}": "HTTP/1.1 204 ",
    "PATCH /api/v1/rooms/{room}": '"access":"open"',
    "GET /api/v1/rooms": '"room":"lobby"',
    "GET /api/v1/rooms/{room}": '"head_seq":',
    "POST /api/v1/rooms": '"title":"Leads"',
    "GET /api/v1/rooms/{room}/presence": '"count":',
    "GET /rooms/{room}/qr": "<svg ",
    "GET /api/v1/rooms/{room}/author": '"name":"Maya"',
    "GET /api/v1/rooms/{room}/members": '"members":[',
    "PUT /api/v1/rooms/{room}/members/{name}": '"name":"bob"',
    "DELETE /api/v1/rooms/{room}/members/{name}": "HTTP/1.1 204 ",
    "GET /api/v1/rooms/{room}/restrictions": '"restrictions":[',
    "POST /api/v1/rooms/{room}/restrictions": '"what":"muted"',
    "DELETE /api/v1/rooms/{room}/restrictions/{who}": "HTTP/1.1 204 ",
    "GET /api/v1/rooms/{room}/invitations": '"invitations":[',
    "POST /api/v1/rooms/{room}/invitations": '"uses_left":10',
    "GET /api/v1/rooms/{room}/export": '"text":"message 1"',
    "GET /rooms/{room}/export": ': <span dir="auto">message 1</span></p>',
    "GET /api/v1/rooms/{room}/guest-links": '"guest_links":[',
    "POST /api/v1/rooms/{room}/guest-links": '"people":30',
    "PATCH /api/v1/guest-links/{id}": '"expires":',
    "DELETE /api/v1/guest-links/{id}": "HTTP/1.1 204 ",
    "GET /api/v1/rooms/{room}/guests": '"guests":[',
    "PATCH /api/v1/rooms/{room}/guests/{id}": '"name":"Lena ',
    "DELETE /api/v1/rooms/{room}/guests/{id}": "HTTP/1.1 204 ",
    "POST /api/v1/guests": '"token":"parlour_',
    "DELETE /api/v1/me/pass": "HTTP/1.1 204 ",
    "GET /rooms/{room}/guests": "  for 50, until ",
    "POST /rooms/{room}/guests": "/join/",
    "GET /rooms/{room}/guests/{id}": "▄",
    "GET /rooms/{room}/guests/{id}/qr.svg": "<svg xmlns=",
    "POST /api/v1/join": '"name":"alice"',
    "GET /api/v1/rooms/{room}/messages": '"text":"message 1"',
    "POST /api/v1/rooms/{room}/messages": '"seq":',
    "GET /api/v1/rooms/{room}/messages/{item}": '"text":"message 1"',
    "PUT /api/v1/rooms/{room}/messages/{item}": '"seq":',
    "GET /api/v1/stream": '"text":"message 1"',
    "POST /api/v1/session": '"name":"alice"',
    "DELETE /api/v1/session": "HTTP/1.1 204 ",
    "POST /api/v1/session/confirm": '"name":"alice"',
    "GET /api/v1/sign-ins": '"kind":"session"',
    "DELETE /api/v1/sign-ins/{id}": "HTTP/1.1 204 ",
    "POST /api/v1/tokens": '"secret":"parlour_',
    "POST /api/v1/tickets": '"ticket":"',
    "GET /api/v1/me": '"role":"owner"',
    "GET /api/v1/me/rooms": '"badge":',
    "PATCH /api/v1/me/rooms/{room}": '"read_seq":',
    "DELETE /api/v1/me/rooms/{room}": "HTTP/1.1 204 ",
    "PATCH /api/v1/me/inbox": '"quiet_hours":"22:00-07:00"',
    "GET /api/v1/me/mentions": '"mentions":[',
    "GET /me": "HTTP/1.1 200 ",
    "POST /me": "lobby  ",
    "PATCH /api/v1/me": '"display":"Alice A."',
    "POST /api/v1/accounts": '"role":"member"',
    "POST /api/v1/password": "HTTP/1.1 204 ",
    "POST /api/v1/me/deletion": "HTTP/1.1 204 ",
    "DELETE /api/v1/accounts/{name}": "HTTP/1.1 204 ",
    "GET /api/v1/accounts": '"name":"bob"',
    "GET /api/v1/accounts/{name}": '"display":"bob"',
    "GET /api/v1/people": '"name":"bob"',
    "GET /people": "\nbob\n",
    "GET /people/{name}": "\nbob\n",
    "POST /people/{name}": "bob is blocked: they write to you no more.\n",
    "GET /api/v1/me/blocks": '"blocks":[',
    "PUT /api/v1/me/blocks/{name}": "HTTP/1.1 204 ",
    "DELETE /api/v1/me/blocks/{name}": "HTTP/1.1 204 ",
    "PATCH /api/v1/accounts/{name}": '"role":"moderator"',
    "GET /api/v1/accounts/{name}/sign-ins": '"sign_ins":[',
    "DELETE /api/v1/accounts/{name}/sign-ins/{id}": "HTTP/1.1 204 ",
    "POST /api/v1/bots": '"kind":"bot"',
    "GET /api/v1/me/factors": '"recovery_codes":',
    "POST /api/v1/me/factors/app": '"address":"otpauth://totp/',
    "PUT /api/v1/me/factors/app": '"recovery_codes":["',
    "DELETE /api/v1/me/factors/app": "HTTP/1.1 204 ",
    "POST /api/v1/me/factors/codes": '"recovery_codes":["',
    "DELETE /api/v1/accounts/{name}/factors": "HTTP/1.1 204 ",
    "GET /account/second-factor": "Location: /login?next=/account/second-factor\n",
    "POST /account/second-factor": "The secret for your app: ",
    "POST /login/code": "Location: /\n",
    "POST /api/v1/passkeys/options": '"rpId":"localhost"',
    "POST /api/v1/session/passkey": '"kind":"member"',
    "POST /api/v1/me/factors/passkeys": '"recovery_codes":["',
    "DELETE /api/v1/me/factors/passkeys/{id}": "HTTP/1.1 204 ",
    "POST /login/passkey": "Location: /\n",
    "GET /api/v1/invitations": '"invitations":[',
    "POST /api/v1/invitations": '"uses_left":10',
    "DELETE /api/v1/invitations/{id}": "HTTP/1.1 204 ",
    "POST /api/v1/accounts/{name}/reset": "/reset/",
    "GET /api/v1/me/email": '"waiting":',
    "PUT /api/v1/me/email": '"waiting":"alice@example.org"',
    "PATCH /api/v1/me/email": '"digest":"none"',
    "GET /account/digest/{code}": "To have no more digests, alice:",
    "POST /account/digest/{code}": "No more digests come.",
    "DELETE /api/v1/me/email": "HTTP/1.1 204 ",
    "POST /api/v1/password/forgotten": "HTTP/1.1 202 ",
    "GET /api/v1/mail": '"waiting":',
    "GET /reset": "curl -d who=NAME http",
    "POST /reset": "a link is on its way there",
    "GET /account/email/{code}": "@example.org yours?",
    "POST /account/email/{code}": "Location: /account#email\n",
    "GET /auth/{provider}": "Location: http://127.0.0.1:",
    "GET /auth/{provider}/callback": "Choose a name: curl",
    "POST /auth/{provider}/new": "Location: /\n",
    "POST /auth/{provider}/link": "Location: /account#ways\n",
    "GET /login": "<h1>Sign in</h1>",
    "POST /login": "Location: /\n",
    "POST /logout": "Location: /\n",
    "GET /join/{code}": "You are invited",
    "POST /join/{code}": "Location: /\n",
    "GET /reset/{code}": "A new password for bob",
    "POST /reset/{code}": "Location: /login?reset=bob\n",
    "GET /account": "You are not signed in; with your name curl asks for the password: curl -u NAME http",
    "POST /account": "Saved.",
    "GET /admin": "Location: /login?next=/admin\n",
    "POST /admin": "New invitation",
    "GET /rooms": "\nlobby  20",
    "POST /rooms": "Location: /~leads-",
    "GET /rooms/{room}": "Back to the room",
    "POST /rooms/{room}": "You are in this room now.",
    "GET /api/v1/admin/rooms": '"rooms":[',
    "GET /api/v1/settings": '"name":"access"',
    "PATCH /api/v1/settings": '"value":"open"',
    "GET /api/v1/audit": '"digest":',
    "GET /api/v1/audit/verification": '"wrong":[]',
    "GET /admin/log": "sign-in of ",
    "GET /admin/log.jsonl": '"hash":',
    "GET /api/v1/bans": '"bans":[',
    "POST /api/v1/bans": '"subject":"203.0.113.0/24"',
    "DELETE /api/v1/bans/{id}": "HTTP/1.1 204 ",
    "GET /admin/bans": "Raid switch",
    "POST /admin/bans": "Banned.",
    "POST /api/v1/rooms/{room}/messages/{item}/report": '"state":"open"',
    "GET /{room}/{item}/report": "<h1>Report a message</h1>",
    "POST /{room}/{item}/report": "Reported. The moderators",
    "GET /api/v1/reports": '"reports":[',
    "PATCH /api/v1/reports/{id}": '"state":"closed"',
    "GET /admin/reports": "open  spam",
    "POST /admin/reports": "Closed.",
    "GET /register": "Everybody may have one here.",
    "POST /register": "Location: /\n",
    "GET /api/v1": '"epoch":',
    "GET /help": "LISTEN",
    "GET /limits": "room_sends_per_s",
    "GET /api/v1/limits": '"room_sends_per_s":',
    "GET /healthz": "ok\n",
    "GET /readyz": "ready\n",
    "GET /static/{file}": "<svg",
    "GET /favicon.ico": "<svg",
    "GET /manifest.webmanifest": '"name"',
    "GET /robots.txt": "Disallow: /",
    "GET /api": "curl ",
    "GET /api/v1/openapi.json": '"openapi":"3.1',
}
"""What is in the answer to the example of each operation, its head included."""

INSTEAD = {
    "send": "POST /{room}",
    "ping": "GET /healthz",
    "me": "GET /me",
    "read": "PATCH /api/v1/me/rooms/{room}",
    "subscribe": "GET /api/v1/stream",
    "unsubscribe": "GET /api/v1/stream",
}
"""The operation of HTTP that does without a WebSocket what an operation does with one."""

WEBSOCKET_ALONE = {"typing", "presence"}
"""A sign of typing passes with the moment, and how one is there is so while the connection is."""


def curl(arguments: str, stop_at: str = "") -> str:
    """What curl says: all of it, or up to a mark. Fails if it fails."""
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "20", *shlex.split(arguments)]
    said = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if stop_at and stop_at in said:
                process.terminate()
                return said
    assert process.returncode == 0, (command, said)
    return said


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture(scope="module")
def provider() -> Iterator[BadProvider]:
    with bad_provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, mail: MailServer, provider: BadProvider
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("api")
    file = providers_file(folder, ("company", provider.url, True))
    with with_mail(ServerProcess(folder / "data", "--sign-in-providers", str(file)), mail.port, "localhost") as running:
        yield running


@pytest.fixture(scope="module")
def url(server: ServerProcess) -> str:
    curl(f"-d 'message 1' '{server.url}/{LOBBY}?name=curl'")
    return server.url


@pytest.fixture(scope="module")
def typed(server: ServerProcess, mail: MailServer, provider: BadProvider) -> Iterator[Typed]:
    town = Town(server)
    yield Typed(town, mail, provider)
    town.close()


@pytest.mark.parametrize("operation", TABLE, ids=map(name, TABLE))
def test_every_operation_is_used_with_curl_alone(
    server: ServerProcess, url: str, typed: Typed, operation: Operation, tmp_path: Path
) -> None:
    mark = MARKS[operation.name]
    file = tmp_path / "message.txt"
    file.write_text("from a file\n")
    epoch = re.search('"epoch":"([^"]+)"', curl(f"{url}/api/v1"))
    assert epoch is not None
    command = typed.command(example(operation, url, epoch=epoch[1], file=str(file), data=str(server.data)))
    assert mark in curl(f"--include {command}", stop_at=mark if "-N" in command else "")


def test_every_operation_of_a_websocket_has_one_of_http_that_does_the_same() -> None:
    operations = {op.__struct_config__.tag for op in get_args(Op)}
    assert operations == INSTEAD.keys() | WEBSOCKET_ALONE
    assert set(INSTEAD.values()) <= set(map(name, TABLE))


# --- pages, as a browser without scripts has them ---


class Page(HTMLParser):
    """The forms and links of a page, and what would need a script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.fields: list[dict[str, str]] = []
        self.links: list[str] = []
        self.scripted: list[str] = []
        self.buttons = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if any(key.startswith("on") for key in given) or given.get("href", "").startswith("javascript:"):
            self.scripted.append(f"{tag} {given}")
        if tag == "form":
            self.forms.append(given)
            self.fields.append({})
        elif tag in ("input", "textarea") and self.fields:
            self.fields[-1][given["name"]] = given.get("value", "")
        elif tag == "button" and "hidden" not in given:
            self.buttons += given.get("type") == "submit"
        elif tag == "a" and "hidden" not in given:
            self.links.append(given["href"])


AS_BROWSER = "-H 'Accept: text/html,*/*;q=0.8'"
PAGES = ("/", f"/{LOBBY}", "/empty-room", f"/{LOBBY}/1", f"/{LOBBY}?before=2", "/no room", "/api", "/help")


def pages(url: str) -> Iterator[tuple[str, Page]]:
    for path in PAGES:
        address = url + path.replace(" ", "%20")
        command = f"curl --silent {AS_BROWSER} {shlex.quote(address)}"
        answer = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
        yield path, Page(answer.stdout)


def test_no_page_needs_a_script_for_a_link_or_a_form(url: str) -> None:
    for path, page in pages(url):
        assert page.scripted == [], path
        assert page.buttons == len(page.forms), f"a form of {path} cannot be sent"
        assert all(form.get("action", "").startswith("/") for form in page.forms), path
        for link in page.links:
            if link.startswith("/"):
                curl(f"--output /dev/null {shlex.quote(url + link)}")


def test_what_a_page_lets_a_person_fill_in_is_a_form_that_curl_can_send(url: str) -> None:
    (composer,) = [form for form in dict(pages(url))[f"/{LOBBY}"].forms if form["method"] == "post"]
    page = dict(pages(url))[f"/{LOBBY}"]
    fields = page.fields[page.forms.index(composer)] | {"message": "By hand <b>& safe", "name": "Ann"}
    given = " ".join(f"--data-urlencode {shlex.quote(f'{key}={value}')}" for key, value in fields.items())
    told = curl(f"{AS_BROWSER} --location {given} {url}{composer['action']}")
    assert "By hand &lt;b&gt;&amp; safe" in told, "the page that follows shows the message"
    assert "Ann: By hand <b>& safe\n" in curl(f"{url}/{LOBBY}")
    (go,) = [form for form in page.forms if form["method"] == "get"]
    assert "<h1" in curl(f"{AS_BROWSER} --location --get -d room=another {url}{go['action']}")
