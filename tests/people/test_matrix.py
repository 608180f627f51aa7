"""Every operation, asked by everybody: who is signed in gets what the table of rights says, and nothing else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from parlour.api.forms import Form
from parlour.api.operation import Operation
from parlour.api.operations import OPERATIONS
from parlour.core.accounts import Role, Scope
from parlour.core.event import AuthorKind
from parlour.core.permissions import Access, Right, Who, refused_everywhere, rule
from parlour.core.policy import NO_POLICY
from parlour.http.router import WEBSOCKET
from tests.people.server import Town
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Line


@dataclass(frozen=True)
class Person:
    """Somebody with a token of these scopes; None: everything that the account may do."""

    role: Role
    scopes: frozenset[Scope]
    kind: AuthorKind = "member"


PEOPLE = {
    "member": Person("member", frozenset({"read", "post"})),
    "member who may do everything": Person("member", frozenset({"admin"})),
    "reader": Person("owner", frozenset({"read"})),
    "writer": Person("owner", frozenset({"post"})),
    "moderator": Person("moderator", frozenset({"admin"})),
    "admin": Person("admin", frozenset({"admin"})),
    "owner": Person("owner", frozenset({"admin"})),
    "bot": Person("member", frozenset({"read", "post"}), "bot"),
    "bot that may do everything": Person("member", frozenset({"admin"}), "bot"),
}

VALUES = {
    "room": "lobby",
    "item": "12345678",
    "file": "room.css",
    "name": "nobody",
    "who": "nobody",
    "id": "t_nothing",
    "code": "nothing",
    "provider": "nothing",
}


BESIDES: dict[str, Right] = {
    "DELETE /api/v1/invitations/{id}": "administer",
    "DELETE /api/v1/rooms/{room}/messages/{item}": "read",
    "DELETE /{room}/{item}": "read",
    "POST /api/v1/session/confirm": "account",
    "POST /{room}/{item}/delete": "read",
    "GET /rooms/{room}/guests": "moderate",
    "GET /rooms/{room}/guests/{id}": "moderate",
}
"""What an operation needs here beside the right of its row: no invitation is one into a room of theirs, a message is
looked at before it is deleted, and whoever is not signed in is led to that before a page is for moderators alone."""


@dataclass(frozen=True)
class Asking:
    """A server with all of them, and their tokens."""

    server: ServerProcess
    tokens: Mapping[str, str]
    ended: str


@pytest.fixture(scope="module", params=["open", "members"])
def asking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Access, Asking]]:
    with ServerProcess(tmp_path_factory.mktemp("matrix") / "data", "--access", request.param) as server:
        town = Town(server)
        browsers = {"owner": town.owner}
        tokens = {}
        for index, (name, person) in enumerate(PEOPLE.items()):
            if person.role not in browsers:
                browsers[person.role] = town.join(f"p{index}-{person.role}", person.role)
            body = {"label": name, "scopes": sorted(person.scopes)}
            if person.kind == "bot":
                assert browsers["member"].post("/api/v1/bots", json={"name": f"bot{index}"}).status_code == 201
                body["account"] = f"bot{index}"
            made = browsers[person.role].post("/api/v1/tokens", json=body)
            assert made.status_code == 201, made.text
            tokens[name] = made.json()["secret"]
        gone = town.join("gone")
        ended = town.token(gone, "admin")
        town.owner.patch("/api/v1/accounts/gone", json={"state": "disabled"})
        yield request.param, Asking(server, tokens, ended)
        town.close()


def asked(operation: Operation, *fields: str) -> bytes:
    """A request for an operation, with a body where it takes one that changes nothing."""
    path = re.sub(r"\{(\w+)\}", lambda found: VALUES[found[1]], operation.path)
    fields += ("Accept: application/json",)
    if operation.method == WEBSOCKET:
        return raw.head("GET", path, *raw.UPGRADE, *fields)
    if operation.body is None:
        return raw.head(operation.method, path, *fields)
    kind, body = ("application/json", b"{}")
    if operation.body is Form:
        kind, body = ("application/x-www-form-urlencoded", b"do=nothing")
    request = raw.post(path, body, f"Content-Type: {kind}", *fields)
    return request.replace(b"POST", operation.method.encode(), 1)


def test_everybody_gets_what_the_table_says(asking: tuple[Access, Asking]) -> None:
    access, town = asking
    wrong = []
    with Line(town.server.port) as line:
        for operation, (name, person) in itertools.product(OPERATIONS, PEOPLE.items()):
            status = line.ask(asked(operation, f"Authorization: Bearer {town.tokens[name]}")).status
            refusal = None
            who = Who(person.kind, "u", person.role, person.scopes)
            in_room = "{room}" in operation.path
            for right in (operation.right or operation.page_for, BESIDES.get(operation.name)):
                if right is not None and refusal is None:
                    refusal = rule(who, right, access)(NO_POLICY) if in_room else refused_everywhere(who, right, access)
            if (status == 403) is not (refusal is not None) or status == 401 or status >= 500:
                wrong.append(f"{operation.name} by {name}: {status}")
    assert not wrong, "\n".join(wrong)


def test_who_has_been_disabled_gets_nothing_at_all(asking: tuple[Access, Asking]) -> None:
    _, town = asking
    wrong = []
    with Line(town.server.port) as line:
        for operation in OPERATIONS:
            status = line.ask(asked(operation, f"Authorization: Bearer {town.ended}")).status
            if status != 401:
                wrong.append(f"{operation.name}: {status}")
    assert not wrong, "\n".join(wrong)
