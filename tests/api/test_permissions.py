"""What docs/permissions.md says of guests, asked of real servers: operations, access, ways in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import pytest

from parlour.api.operation import Operation
from parlour.api.operations import OPERATIONS
from parlour.api.reference import is_allowed
from parlour.core.permissions import Access
from parlour.http.router import WEBSOCKET
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client

Servers = Mapping[Access, ServerProcess]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    data = tmp_path_factory.mktemp("permissions")
    with ServerProcess(data / "open") as open_, ServerProcess(data / "members", "--access", "members") as members:
        for server in (open_, members):
            with server.operator() as http:  # so that who may register is no question of rights
                assert http.patch("/api/v1/settings", json={"registration": "open"}).status_code == 200
        yield {"open": open_, "members": members}


def guest_by_address(server: ServerProcess) -> list[str]:
    return []


@cache
def guest_with_a_cookie(server: ServerProcess) -> list[str]:
    """The cookie that a page gave; a server for members gives none, and takes none."""
    with server.client(headers={"Accept": "text/html"}) as http:
        cookie = http.get("/lobby").headers.get("set-cookie", "parlour_guest=AAAAAAAAAAAAAAAAAAAAAA.A")
    return [f"Cookie: {cookie.partition(';')[0]}"]


WAYS_IN: Mapping[str, Callable[[ServerProcess], list[str]]] = {
    "address": guest_by_address,
    "cookie": guest_with_a_cookie,
}
"""All are guests; those who are signed in have tests/people/test_matrix.py."""

VALUES = {
    "room": "lobby",
    "item": "12345678",
    "file": "room.css",
    "who": "nobody",
    "name": "alice",
    "id": "t_nothing",
    "code": "nothing",
    "provider": "company",
}


def asked(operation: Operation, *fields: str) -> bytes:
    """A request for an operation, with a body where it takes one."""
    path = re.sub(r"\{(\w+)\}", lambda found: VALUES[found[1]], operation.path)
    fields += ("Accept: application/json",)
    if operation.method == WEBSOCKET:
        return raw.head("GET", path, *raw.UPGRADE, *fields)
    if operation.body is None:
        return raw.head(operation.method, path, *fields)
    request = raw.post(path, b'{"text":"Hello"}', "Content-Type: application/json", *fields)
    return request.replace(b"POST", operation.method.encode(), 1)


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("access", ["open", "members"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.name for operation in OPERATIONS])
def test_the_server_answers_as_the_matrix_says(
    servers: Servers, operation: Operation, access: Access, way: str
) -> None:
    server = servers[access]
    with Client.to(server.port) as client:
        client.send(asked(operation, *WAYS_IN[way](server)))
        if is_allowed(operation, "guest", access):
            status = client.head().status
            # Some that are for guests too, in a way of their own, tell a program that it is not signed in.
            assert status not in (401, 403) or (status == 401 and "login_required" in operation.refusals)
            assert status < 500
        else:
            found = client.answer()
            assert found.status == 401
            assert found.fields["www-authenticate"].startswith('Bearer realm="parlour"')
            assert b'"code":"login_required"' in found.body
