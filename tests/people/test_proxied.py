"""Signing in by the word of a trusted proxy: real nginx asks for the password, and says who it is."""

from __future__ import annotations

import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.people.server import Town
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S, wait_until

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        auth_basic "The company";
        auth_basic_user_file {folder}/people;
        location / {{
            proxy_pass http://unix:{folder}/parlour.sock;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header X-Forwarded-Proto http;
            proxy_set_header X-Forwarded-For 127.0.0.1;
            proxy_set_header X-Remote-User $remote_user;
            proxy_set_header Authorization "";
        }}
    }}
}}
"""

PEOPLE = ("ada", "bob", "olga", "admin", "Not a name", "gone", "cleo")


@dataclass(frozen=True)
class Site:
    """A server behind nginx, on a Unix socket that it trusts, and on a port of its own that it does not."""

    town: Town
    port: int

    def browser(self, name: str, **fields: str) -> httpx.Client:
        """A browser of somebody who has given nginx their password."""
        given = {"Authorization": _basic(name), "Origin": self.url, "Accept": "application/json", **fields}
        return httpx.Client(base_url=self.url, headers=given, timeout=TIMEOUT_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _basic(name: str) -> str:
    return f"Basic {b64encode(f'{name}:secret'.encode()).decode()}"


@contextmanager
def site(folder: Path, *options: str) -> Iterator[Site]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "this test needs nginx"
    hashed = subprocess.run(["openssl", "passwd", "-apr1", "secret"], capture_output=True, text=True, check=True).stdout
    (folder / "people").write_text("".join(f"{name}:{hashed}" for name in PEOPLE), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port), encoding="utf-8")
    more = ("--unix-socket", str(folder / "parlour.sock"), "--trusted-proxies", "unix")
    with ServerProcess(folder / "data", *more, "--trusted-user-header", "X-Remote-User", *options) as server:
        nginx = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        try:
            while True:
                assert nginx.poll() is None, (folder / "error.log").read_text()
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
            town = Town(server)
            yield Site(town, port)
            town.close()
        finally:
            nginx.terminate()
            nginx.wait(TIMEOUT_S)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("company"), "--trusted-user-accounts", "on") as running:
        yield running


def test_who_has_signed_in_at_the_proxy_is_in_with_an_account_of_that_name(company: Site) -> None:
    with company.browser("ada") as browser:
        me = browser.get("/api/v1/me").json()
        assert (me["account"]["name"], me["account"]["role"]) == ("ada", "member")
        posted = browser.post("/api/v1/rooms/lobby/messages", json={"text": "Hello"})
        assert posted.status_code == 201, posted.text
        assert browser.get("/api/v1/me").json()["account"]["id"] == me["account"]["id"]
        assert "parlour_session" not in browser.cookies


def test_an_account_that_is_there_is_theirs_by_its_name(company: Site) -> None:
    with company.browser("olga") as browser:
        assert browser.get("/api/v1/me").json()["account"]["role"] == "owner"


@pytest.mark.parametrize("name", ["admin", "Not a name"])
def test_a_name_that_no_account_can_have_lets_nobody_in(company: Site, name: str) -> None:
    with company.browser(name) as browser:
        refused = browser.get("/api/v1/me")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_name_that_somebody_has_had_leads_to_nobody(company: Site) -> None:
    renamed = company.town.join("bob")
    assert renamed.patch("/api/v1/me", json={"name": "robert"}).status_code == 200
    with company.browser("bob") as browser:
        assert browser.get("/api/v1/me").status_code == 403


def test_others_than_the_proxy_name_nobody_and_it_stands_in_the_log(company: Site) -> None:
    with company.town.server.client(headers={"X-Remote-User": "olga"}) as stranger:
        assert stranger.get("/api/v1/me").json()["kind"] == "guest"
        assert stranger.get("/api/v1/accounts").status_code == 401
    wait_until(lambda: "user_header_ignored" in company.town.server.log)


def test_what_a_client_says_to_the_proxy_of_itself_counts_for_nothing(company: Site) -> None:
    with company.browser("ada", **{"X-Remote-User": "olga", "X_Remote_User": "olga"}) as browser:
        assert browser.get("/api/v1/me").json()["account"]["name"] == "ada"


def test_a_page_of_another_site_does_nothing_in_their_name(company: Site) -> None:
    body = {"text": "Hello"}
    with company.browser("ada", Origin="https://evil.example") as browser:
        assert browser.post("/api/v1/rooms/lobby/messages", json=body).status_code == 403
        del browser.headers["Origin"]
        assert browser.post("/api/v1/rooms/lobby/messages", json=body).json()["code"] == "cross_origin"


def test_an_account_that_is_disabled_is_out_at_once_streams_too(company: Site) -> None:
    fields = (f"Authorization: {_basic('gone')}", "Accept: text/event-stream")
    with company.browser("gone") as browser:
        assert browser.get("/api/v1/me").json()["account"]["name"] == "gone"
        with Client.to(company.port) as stream:
            stream.send(raw.head("GET", "/lobby?follow=1", *fields)).read_until(b"caught_up")
            company.town.owner.patch("/api/v1/accounts/gone", json={"state": "disabled"}).raise_for_status()
            stream.read_until(b"\r\n0\r\n\r\n")
        refused = browser.get("/api/v1/me")
        assert (refused.status_code, "disabled" in refused.text) == (403, True)


def test_signing_out_says_where(company: Site) -> None:
    with company.browser("cleo", Accept="text/html") as browser:
        assert browser.get("/account").status_code == 200
        said = browser.post("/logout")
        assert (said.status_code, "sign out there" in said.text) == (403, True)


def test_a_token_says_more_than_the_proxy(company: Site) -> None:
    secret = company.town.token(company.town.join("dora"), "read", label="cron")
    unix = httpx.HTTPTransport(uds=str(company.town.server.data.parent / "parlour.sock"))
    with httpx.Client(transport=unix, base_url="http://127.0.0.1", timeout=TIMEOUT_S) as proxy:
        named = {"X-Remote-User": "ada", "Authorization": f"Bearer {secret}"}
        assert proxy.get("/api/v1/me", headers=named).json()["account"]["name"] == "dora"
        both = [("X-Remote-User", "ada"), ("X-Remote-User", "olga")]
        assert proxy.get("/api/v1/me", headers=both).status_code == 403


def test_without_the_setting_the_proxy_makes_no_account(tmp_path: Path) -> None:
    with site(tmp_path) as strict:
        strict.town.join("ada")
        with strict.browser("ada") as ada, strict.browser("bob") as bob:
            assert ada.get("/api/v1/me").json()["account"]["name"] == "ada"
            assert bob.get("/api/v1/me").status_code == 403
