"""A server with people in it, as their browsers and programs see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx

from tests.people.house import PASSWORD
from tests.support.server import ServerProcess


@dataclass
class Town:
    """A server with an owner, `olga`."""

    server: ServerProcess

    def __post_init__(self) -> None:
        self._browsers: list[httpx.Client] = []
        self.owner = self.join("olga", "owner")

    def close(self) -> None:
        """Close all browsers."""
        for browser in self._browsers:
            browser.close()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def public_url(self) -> str:
        """What links begin with."""
        given = dict(pairwise(self.server.options))
        return str(given.get("--public-url", self.url))

    def operator(self, method: str, path: str, body: object = None) -> Any:
        """Ask as whoever may open the operator's socket."""
        with self.server.operator() as http:
            answer = http.request(method, path, json=body)
            assert answer.status_code < 300, answer.text
            return answer.json() if answer.content else None

    def browser(self) -> httpx.Client:
        """Somebody's browser, which says where its forms come from."""
        browser = self.server.client(
            headers={"Origin": self.url, "Accept": "text/html,*/*;q=0.8"}, follow_redirects=False
        )
        self._browsers.append(browser)
        return browser

    def invitation(self, role: str = "member", uses: int = 1) -> str:
        """The path of a link."""
        made = self.operator("POST", "/api/v1/invitations", {"role": role, "uses": uses})
        assert made["url"].startswith(f"{self.public_url}/join/")
        return str(made["url"]).removeprefix(self.public_url)

    def join(self, name: str, role: str = "member") -> httpx.Client:
        """Somebody who has made an account in a browser, and is signed in."""
        browser = self.browser()
        answer = browser.post(self.invitation(role), data={"name": name, "display": "", "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    def token(self, browser: httpx.Client, *scopes: str, label: str = "cron") -> str:
        """A token of somebody."""
        made = browser.post("/api/v1/tokens", json={"label": label, "scopes": scopes})
        assert made.status_code == 201, made.text
        return str(made.json()["secret"])


def page_after(browser: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    """The page that a form leads to in a browser."""
    answer = browser.post(path, data=form)
    return browser.get(answer.headers["Location"]) if answer.status_code == 303 else answer


def join(town: Town, name: str, role: str = "member") -> httpx.Client:
    """Somebody who has an account, and asks for JSON."""
    browser = town.join(name, role)
    browser.headers["Accept"] = "application/json"
    return browser


def ways_on(browser: httpx.Client, path: str) -> list[str]:
    """Where the links of a page lead that is a refusal."""
    return re.findall(r'href="([^"]*)"', browser.get(path, headers={"Accept": "text/html"}).text.partition("<main")[2])


def bearer(token: str) -> dict[str, str]:
    """The field that a program sends."""
    return {"Authorization": f"Bearer {token}"}


def session_of(browser: httpx.Client) -> str:
    """The secret in somebody's cookie."""
    return str(browser.cookies["parlour_session"])
