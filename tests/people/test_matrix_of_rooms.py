"""Every operation in rooms of every state, by everybody, by every way in: the answer is what the table of rights says.

What may not be seen answers like what is not there: to the byte, and by the same code.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from random import Random
from typing import Any, get_args
from urllib.parse import quote

import pytest

from parlour.api.operation import Operation
from parlour.api.operations import OPERATIONS
from parlour.core.errors import Refusal
from parlour.core.payloads import Access
from parlour.schema.commands import Op
from tests.people.matrix import ASKED, JSON, Asked, Asker, Everybody, code_of
from tests.people.server import Town
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client, Line

IN_ROOMS = [
    operation
    for operation in OPERATIONS
    if "{room}" in operation.path or operation.name in ("POST /send", "GET /api/v1/stream")
]
SAMPLES = int(os.environ.get("PARLOUR_TEST_SAMPLES", "20000"))


@pytest.fixture(scope="module", params=get_args(Access))
def everybody(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everybody]:
    data = tmp_path_factory.mktemp("rooms") / "data"
    with ServerProcess(data, "--access", request.param, "--rate-limits", "off") as server:
        town = Town(server)
        yield Everybody(town, request.param)
        town.close()


@pytest.fixture
def line(everybody: Everybody) -> Iterator[Line]:
    """Everybody asks over it, one after the other."""
    with Line(everybody.port) as made:
        yield made


def asked(operation: Operation) -> tuple[Asked, ...]:
    """How an operation is asked for."""
    found = ASKED[operation.name]
    return found if isinstance(found, tuple) else (found,)


def test_every_operation_in_a_room_is_asked_for() -> None:
    assert {operation.name for operation in IN_ROOMS} == ASKED.keys()


@pytest.mark.parametrize("one_of", [2, pytest.param(1, marks=pytest.mark.long)], ids=["in half of them", "in all"])
@pytest.mark.parametrize("operation", IN_ROOMS, ids=[operation.name for operation in IN_ROOMS])
def test_everybody_gets_what_the_table_says_in_every_room(
    everybody: Everybody, line: Line, operation: Operation, one_of: int
) -> None:
    """Each asker meets half of the rooms, which are drawn: other ones in each operation and on each server."""
    random, wrong = Random(f"{operation.name} {everybody.access}"), []
    for (name, asker), how in itertools.product(everybody.askers.items(), asked(operation)):
        rooms = list(everybody.states())
        for state, room in random.sample(rooms, len(rooms) // one_of):
            refusal = everybody.refusal(asker, operation.right or operation.page_for, how.needs, room, operation.path)
            if operation.page_for and asker.actor.account is None:
                assert line.ask(how.request(room, asker.fields)).status == LED_TO_SIGNING_IN, state
                continue
            if how.waits and state == "not there" and refusal is None:
                continue
            if refusal is None and how.lets_in and everybody.policies.of(room).is_archived:
                refusal = Refusal("read_only", "This room is archived: nobody joins it any more.")
            found = line.ask(how.request(room, asker.fields))
            if not fits(refusal, found.status, found.body, how.status):
                expected = how.status if refusal is None else f"{refusal.kind.status} {refusal.code}: {refusal.detail}"
                wrong.append(f"{state}, by {name}: {found.status} {found.body[:200]!r}, and not {expected}")
    assert not wrong, "\n".join(wrong)


def fits(refusal: Refusal | None, status: int, body: bytes, otherwise: int) -> bool:
    """Whether an answer is that refusal; or that of somebody who may, about whom there is nothing to find (404)."""
    if refusal is not None:
        return status == refusal.kind.status and refusal.code in body.decode() and refusal.detail in body.decode()
    return status == otherwise or ((status, code_of(body)) in OTHERWISE and NO_ROOM not in body)


LED_TO_SIGNING_IN = 303

NO_ROOM = b"There is no such room"

OTHERWISE = {(200, ""), (410, "gone"), (410, "cursor_gone"), (404, "not_found")}
"""What somebody may be told who has the right: of a repeated key, a history that begins later, an event to come."""


def test_who_has_been_disabled_is_nobody_in_every_room(everybody: Everybody, line: Line) -> None:
    for operation, room in itertools.product(IN_ROOMS, everybody.rooms.values()):
        for how in asked(operation):
            assert line.ask(how.request(room, everybody.ended)).status == 401, (operation.name, room)


# --- what may not be seen ---


def unseen(everybody: Everybody) -> Iterator[tuple[str, str, Asker]]:
    """Private rooms that somebody may not know of, with that somebody."""
    for (state, room), (name, asker) in itertools.product(everybody.rooms.items(), everybody.askers.items()):
        if room.startswith("~") and not everybody.may_know(asker, room):
            yield f"{state}, by {name}", room, asker


def seen(answer: bytes, room: str) -> bytes:
    """An answer without the time, and with one name for all rooms."""
    told = answer.replace(room.encode(), b"NAME").replace(quote(room).encode(), b"NAME")
    told = re.sub(rb"(?m)^(Date|Content-Length): .*\r$", b"", told)
    return re.sub(rb"(parlour_guest=|key\" value=\")[A-Za-z0-9_.-]+", b"", told)


FORMS = (None, "Accept: text/html", "Accept: text/plain")
"""What is asked for: as the operation is usually asked for, a page, a line."""


@pytest.mark.parametrize(
    "forms_each", [1, pytest.param(len(FORMS), marks=pytest.mark.long)], ids=["in a form", "in every form"]
)
@pytest.mark.parametrize("operation", IN_ROOMS, ids=[operation.name for operation in IN_ROOMS])
def test_what_may_not_be_seen_answers_to_the_byte_like_what_is_not_there(
    everybody: Everybody, line: Line, operation: Operation, forms_each: int
) -> None:
    """The forms are drawn: an operation meets each of them in some rooms and by some askers."""
    random, tried = Random(operation.name), 0
    for who, room, asker in unseen(everybody):
        refusal = everybody.refusal(asker, operation.right, asked(operation)[0].needs, room)
        if refusal is None or refusal.code in ("removed", "link_gone"):
            continue  # those who run the server moderate and govern what they do not read; guests were there
        nothing = f"{room[:-6]}zzzzzz"
        for how in asked(operation):
            for form in random.sample(FORMS, forms_each):
                found = []
                for name in (room, nothing):
                    request = how.request(name, asker.fields)
                    if form is not None:
                        request = re.sub(rb"Accept: .*\r\n", form.encode() + b"\r\n", request)
                    answer = line.ask(request)
                    found.append(seen(answer.head + answer.body, name))
                assert found[0] == found[1], who
                tried += 1
    assert tried


def test_lists_and_counts_have_what_one_may_see_and_nothing_else(everybody: Everybody, line: Line) -> None:
    for name, asker in everybody.askers.items():
        refusal = everybody.refusal(asker, "read", (), "")
        found = line.ask(raw.head("GET", "/api/v1/rooms?limit=1000", JSON, *asker.fields))
        if found.status != 200:
            assert refusal is not None, name
            assert found.status == refusal.kind.status, name
            continue
        listed = {named(room["room"], everybody): room for room in json.loads(found.body)["rooms"]}
        may = {room for room in everybody.rooms.values() if everybody.refusal(asker, "read", ("read",), room) is None}
        assert listed.keys() & set(everybody.rooms.values()) == may, name
        for room, info in listed.items():
            found = line.ask(raw.head("GET", f"/api/v1/rooms/{room}", JSON, *asker.fields))
            assert found.status == 200
            described = json.loads(found.body)
            for member in ("head_seq", "first_seq", "members", "role", "access"):
                assert described.get(member) == info.get(member), (name, room, member)


def named(room: str, everybody: Everybody) -> str:
    """A listed room; a conversation of the two by the name that they are not told."""
    return everybody.direct if room in ("@mona", "@rita") else room


# --- operations of a WebSocket ---

OPERATIONS_OF_A_WEBSOCKET: dict[str, tuple[str, str]] = {
    "send": ("post", "ack"),
    "typing": ("post", ""),
    "subscribe": ("read", "subscribed"),
    "unsubscribe": ("read", "unsubscribed"),
    "read": ("", "error"),
    "me": ("inbox", "subscribed"),
    "presence": ("", "presence"),
    "ping": ("", "pong"),
}
"""The right that each needs in the room, and the type of its answer; a sign of typing has none."""


def test_every_operation_of_a_websocket_is_asked_for() -> None:
    assert {op.__struct_config__.tag for op in get_args(Op)} == OPERATIONS_OF_A_WEBSOCKET.keys()


def test_a_websocket_gives_what_the_table_says_in_every_room(everybody: Everybody) -> None:
    wrong = []
    for name, asker in everybody.askers.items():
        refused = everybody.refusal(asker, "read", (), "")
        with Client.to(everybody.port) as client:
            client.send(raw.head("GET", "/api/v1/stream", *raw.UPGRADE, *asker.fields))
            status = client.head().status
            if refused is not None:
                assert status == refused.kind.status, name
                continue
            assert status == 101, name
            may_follow = everybody.refusal(asker, "inbox", (), "")
            if is_other := told(client, {"op": "me"}, "subscribed", may_follow):
                wrong.append(f"me, by {name}: {is_other}")
            for state, room in everybody.states():
                wrong += [f"{state}, by {name}: {each}" for each in over_websocket(everybody, client, asker, room)]
    assert not wrong, "\n".join(wrong)


def over_websocket(everybody: Everybody, client: Client, asker: Asker, room: str) -> Iterator[str]:
    """What is wrong with the answers to operations about a room."""
    may_read = everybody.refusal(asker, None, ("read",), room)
    may_post = everybody.refusal(asker, None, ("post",), room)
    if is_other := told(client, {"op": "subscribe", "room": room}, "subscribed", may_read):
        yield f"subscribe: {is_other}"
    if is_other := told(client, {"op": "send", "room": room, "text": "Hello", "key": "12345678"}, "ack", may_post):
        yield f"send: {is_other}"
    if may_read is None:
        typing = {"op": "typing", "room": room}
        if may_post is not None and (is_other := told(client, typing, "", may_post)):
            yield f"typing: {is_other}"
        if is_other := told(client, {"op": "unsubscribe", "room": room}, "unsubscribed", None):
            yield f"unsubscribe: {is_other}"
    else:
        for op in ("typing", "unsubscribe"):
            found = answer_of(client, {"op": op, "room": room})
            if found["code"] != ("bad_op" if room != "@sam" else may_read.code) or room in found["detail"]:
                yield f"{op}: {found}"


def told(client: Client, op: dict[str, str], otherwise: str, refusal: Refusal | None) -> str:
    """What the answer to an operation is, if it is not the one that is expected."""
    found = answer_of(client, op)
    if refusal is None:
        return "" if found["type"] == otherwise else str(found)
    is_it = (found["type"], found.get("code"), found.get("detail")) == ("error", refusal.code, refusal.detail)
    return "" if is_it else f"{found}, and not {refusal.code}: {refusal.detail}"


def answer_of(client: Client, op: dict[str, str]) -> dict[str, Any]:
    """The next item that is an answer, and not an event of a room."""
    client.send(raw.ws_frame(json.dumps(op).encode()))
    while True:
        size = client.read(2)[1]
        if size >= 126:
            size = int.from_bytes(client.read(2 if size == 126 else 8), "big")
        item: dict[str, Any] = json.loads(client.read(size))
        if item["type"] in ("ack", "error", "subscribed", "unsubscribed", "pong"):
            return item
