"""Killed between any two steps, a server has tables of people and of rooms that are the fold of its logs.

A program makes accounts, rooms, members, tokens and invitations one after the other, and writes down what it was
answered; strace kills the server at one system call after another. After each death the disk is read by nothing but
SQLite: the tables are what the logs say, and what was acknowledged is there.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import httpx
import pytest

from parlour.store.sqlite.check import check
from tests.fault.deaths import At, injecting
from tests.people.server import Town
from tests.support.fold import Fold, events_of, wrong_about_tables
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

WAL, DATABASE = "parlour.db-wal", "parlour.db"

POINTS = [
    *[At("fdatasync", count) for count in range(1, 21)],
    *[At("pwrite64", count, WAL) for count in range(1, 41)],
    *[At("pwrite64", count, DATABASE) for count in (1, 2, 5)],
    *[At("write", count) for count in range(1, 13)],
]

Key = tuple[str, ...]


class Folk:
    """The program. `facts` has what it was told last of each thing; what it asked for last is in nobody's hand."""

    def __init__(self, seed: int) -> None:
        self.facts: dict[Key, Any] = {}
        self.acks = 0
        self._random = Random(seed)
        self._asked: Key = ()
        self._bots: list[str] = []
        self._rooms: list[str] = []
        self._tokens: list[str] = []
        self._links: list[str] = []

    def live(self, http: httpx.Client) -> None:
        """Do one thing after the other until the server is gone."""
        acts: list[Callable[[httpx.Client], None]] = [
            self._make_bot, self._set_state, self._make_room, self._put_member, self._put_member, self._remove,
            self._change, self._make_token, self._end_token, self._invite, self._end_link,
        ]  # fmt: skip
        try:
            while True:
                self._random.choice(acts)(http)
        except httpx.TransportError:
            self.facts.pop(self._asked, None)

    def _do(self, http: httpx.Client, key: Key, method: str, path: str, body: object = None) -> httpx.Response:
        self._asked = key
        answer = http.request(method, path, json=body) if body is not None else http.request(method, path)
        assert answer.status_code < 500, answer.text
        self.acks += answer.is_success
        return answer

    def _make_bot(self, http: httpx.Client) -> None:
        name = f"bot-{self._random.randrange(10**9)}"
        answer = self._do(http, ("account", name), "POST", "/api/v1/bots", {"name": name})
        if answer.is_success:
            self._bots.append(name)
            self.facts["account", name] = "active"

    def _set_state(self, http: httpx.Client) -> None:
        if self._bots:
            name, state = self._random.choice(self._bots), self._random.choice(("active", "disabled"))
            answer = self._do(http, ("account", name), "PATCH", f"/api/v1/accounts/{name}", {"state": state})
            if answer.is_success:
                self.facts["account", name] = state

    def _make_room(self, http: httpx.Client) -> None:
        body = {"title": f"Room {self._random.randrange(10**9)}", "access": "private"}
        answer = self._do(http, ("room", ""), "POST", "/api/v1/rooms", body)
        if answer.is_success:
            self._rooms.append(answer.json()["room"])
            self.facts["room", self._rooms[-1]] = body["title"]

    def _change(self, http: httpx.Client) -> None:
        if self._rooms:
            room, title = self._random.choice(self._rooms), f"Title {self._random.randrange(10**9)}"
            if self._do(http, ("room", room), "PATCH", f"/api/v1/rooms/{room}", {"title": title}).is_success:
                self.facts["room", room] = title

    def _put_member(self, http: httpx.Client) -> None:
        if self._rooms and self._bots:
            room, name = self._random.choice(self._rooms), self._random.choice(self._bots)
            role, key = self._random.choice(("member", "moderator", "owner")), ("member", room, name)
            if self._do(http, key, "PUT", f"/api/v1/rooms/{room}/members/{name}", {"role": role}).is_success:
                self.facts[key] = role

    def _remove(self, http: httpx.Client) -> None:
        if self._rooms and self._bots:
            room, name = self._random.choice(self._rooms), self._random.choice(self._bots)
            if self._do(http, ("member", room, name), "DELETE", f"/api/v1/rooms/{room}/members/{name}").is_success:
                self.facts["member", room, name] = None

    def _make_token(self, http: httpx.Client) -> None:
        if len(self._tokens) < 30:
            made = self._do(http, ("sign-in", ""), "POST", "/api/v1/tokens", {"label": "cron", "scopes": ["read"]})
            if made.is_success:
                self._tokens.append(made.json()["id"])
                self.facts["sign-in", self._tokens[-1]] = True

    def _end_token(self, http: httpx.Client) -> None:
        if self._tokens:
            id_ = self._tokens.pop(self._random.randrange(len(self._tokens)))
            if self._do(http, ("sign-in", id_), "DELETE", f"/api/v1/sign-ins/{id_}").is_success:
                self.facts["sign-in", id_] = False

    def _invite(self, http: httpx.Client) -> None:
        path = f"/api/v1/rooms/{self._random.choice(self._rooms)}/invitations" if self._rooms else "/api/v1/invitations"
        made = self._do(http, ("link", ""), "POST", path, {"uses": 3})
        if made.is_success:
            self._links.append(made.json()["id"])
            self.facts["link", self._links[-1]] = True

    def _end_link(self, http: httpx.Client) -> None:
        if self._links:
            id_ = self._links.pop(self._random.randrange(len(self._links)))
            if self._do(http, ("link", id_), "DELETE", f"/api/v1/invitations/{id_}").is_success:
                self.facts["link", id_] = False

    def missing(self, fold: Fold) -> Iterator[str]:
        """What was acknowledged, and is not so."""
        names = {account.name: account for account in fold.accounts.values()}
        for key, value in self.facts.items():
            found: Any = None
            if key[0] == "account":
                found = names[key[1]].state if key[1] in names else None
            elif key[0] == "room":
                found = fold.policies[key[1]].title if key[1] in fold.policies else None
            elif key[0] == "member":
                found = fold.policies[key[1]].role_of(names[key[2]].id)
            else:
                found = key[1] in (fold.sign_ins if key[0] == "sign-in" else fold.invitations)
            if found != value:
                yield f"{key} is {found}, and was acknowledged as {value}"


def judge(data: Path, copy: Path, folk: Folk) -> None:
    """Read what is on the disk of a server that is gone."""
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock", "*-shm"))
    connection = apsw.Connection(str(copy / DATABASE))
    try:
        fold = Fold()
        for event in events_of(connection):
            fold.add(*event)
        assert [*wrong_about_tables(connection), *folk.missing(fold)] == []
    finally:
        connection.close()
    shutil.rmtree(copy)


@pytest.mark.parametrize("points", [POINTS[11::20], pytest.param(POINTS, marks=pytest.mark.long)], ids=["some", "all"])
@pytest.mark.timeout(900)
def test_tables_are_the_fold_of_the_logs_wherever_the_server_is_killed(tmp_path: Path, points: list[At]) -> None:
    data, folk = tmp_path / "data", Folk(5)
    with ServerProcess(data, "--rate-limits", "off") as server:
        town = Town(server)
        headers = {"Authorization": f"Bearer {town.token(town.owner, 'admin')}"}
        town.close()
        for number, point in enumerate(points):
            path = server.data / point.path if point.path else None
            with (
                injecting(server.pid, f"{point.syscall}:{point.effect}:when={point.count}", path),
                httpx.Client(base_url=server.url, headers=headers, timeout=TIMEOUT_S) as http,
            ):
                folk.live(http)
                assert server.wait() == -signal.SIGKILL, server.log
            judge(data, tmp_path / f"copy-{number}", folk)
            server.start()
    assert check(data).is_ok
    assert folk.acks >= 3 * len(points)
