"""Steps of tests about guest links: to make one, to come in by it, to look who is there."""

from __future__ import annotations

from typing import Any

import httpx

from tests.people.server import Town


def made(answer: httpx.Response) -> Any:
    assert answer.status_code == 201, answer.text
    return answer.json()


def link(host: httpx.Client, room: str, **terms: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(host.post(f"/api/v1/rooms/{room}/guest-links", json=terms))
    return found


def way_of(found: dict[str, Any]) -> str:
    """The path of a link."""
    return "/join/" + str(found["url"]).rpartition("/")[2]


def come_in(town: Town, found: dict[str, Any], name: str) -> tuple[httpx.Client, httpx.Response]:
    """A browser that has opened a link and given a name, and what it was answered."""
    browser = town.browser()
    return browser, browser.post(way_of(found), data={"name": name})


def say(browser: httpx.Client, room: str, text: str, **more: str) -> httpx.Response:
    return browser.post(
        f"/api/v1/rooms/{room}/messages", json={"text": text, **more}, headers={"Accept": "application/json"}
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def guests(host: httpx.Client, room: str) -> dict[str, str]:
    """The names of guests with their states."""
    rows = host.get(f"/api/v1/rooms/{room}/guests").json()["guests"]
    return {row["name"]: row["state"] for row in rows}


def id_of(host: httpx.Client, room: str, name: str) -> str:
    rows = host.get(f"/api/v1/rooms/{room}/guests").json()["guests"]
    return next(str(row["id"]) for row in rows if row["name"] == name)
