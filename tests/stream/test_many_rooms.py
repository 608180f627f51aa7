"""Many rooms on one connection: the limits hold however fast a client asks, and one `id:` never skips a room."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

ROOMS = 100


def all_at_once(server: ServerProcess, *operations: dict[str, object], answers: int) -> list[dict[str, Any]]:
    """What a WebSocket says to operations that come in one write, up to so many rooms caught up with or refused."""
    handshake = raw.head("GET", "/api/v1/stream", *raw.UPGRADE)

    def said(data: bytes) -> list[dict[str, Any]]:
        return [json.loads(item) for item in raw.ws_payloads(data.partition(b"\r\n\r\n")[2])]

    def is_answered(data: bytes) -> bool:
        return sum(item["type"] in ("caught_up", "error") for item in said(data)) >= answers

    with raw.connected(server.port) as sock:
        sock.sendall(handshake + b"".join([raw.ws_frame(json.dumps(operation).encode()) for operation in operations]))
        return said(raw.read_until(sock, is_answered))


def subscribe(room: str, **more: object) -> dict[str, object]:
    return {"op": "subscribe", "room": room} | more


def kinds(items: Sequence[dict[str, Any]]) -> list[str]:
    return [item["type"] for item in items]


def test_a_websocket_never_has_more_rooms_than_the_limit(server: ServerProcess) -> None:
    wanted = [subscribe(f"limit-{number}") for number in range(ROOMS + 20)]
    counted = Counter(kinds(all_at_once(server, *wanted, answers=ROOMS + 20)))
    assert counted == {"subscribed": ROOMS, "caught_up": ROOMS, "error": 20}


def test_a_room_that_is_still_being_opened_is_subscribed_to_already(server: ServerProcess) -> None:
    found = all_at_once(server, subscribe("twice"), subscribe("twice"), answers=2)
    assert sorted(kinds(found)) == ["caught_up", "error", "subscribed"]


def test_unsubscribing_from_a_room_that_is_still_being_opened_ends_it(server: ServerProcess) -> None:
    withdrawn: list[dict[str, object]] = [subscribe("never-mind"), {"op": "unsubscribe", "room": "never-mind"}]
    found = all_at_once(server, *withdrawn, subscribe("kept"), answers=1)
    assert kinds(found) == ["unsubscribed", "subscribed", "caught_up"]
    assert found[-1]["room"] == "kept"


def stream(server: ServerProcess, target: str, *fields: str) -> bytes:
    with raw.connected(server.port) as sock:
        sock.sendall(raw.head("GET", f"/api/v1/stream?{target}", *fields))
        return raw.read_until(sock, lambda data: data.count(b"caught_up\n") == 2 and data.endswith(b"\n\n\r\n"))


def test_a_place_of_another_epoch_is_never_given_out_as_one_of_this(server: ServerProcess) -> None:
    for room in ("old-a", "old-b"):
        httpx.post(f"{server.url}/{room}", content=b"hello", timeout=TIMEOUT_S)
    answer = stream(server, "room=old-a&room=old-b", "Last-Event-ID: zzz;old-a=1;old-b=1")
    epoch = httpx.get(f"{server.url}/api/v1", timeout=TIMEOUT_S).json()["epoch"]
    ids = [line for line in raw.dechunk(raw.body(answer)).split(b"\n") if line.startswith(b"id: ")]
    # After the reset of the first room nothing of the second has been shown: whoever is cut off here must get it.
    assert ids[0] == f"id: {epoch};old-a=1;old-b=0".encode()
    assert ids[-1] == f"id: {epoch};old-a=1;old-b=1".encode()
    assert answer.count(b"event: reset\n") == 2


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("", "room"),
        ("room=a&format=json", "format"),
        ("room=a&limit=5", "limit"),
        ("&".join(f"room=r{number}" for number in range(33)), "room"),
        ("&".join("room=" + "%D1%8F" * 62 + str(number) for number in range(20)), "room"),  # an id of 8 KiB
    ],
)
def test_a_stream_that_could_not_be_resumed_is_not_begun(server: ServerProcess, target: str, field: str) -> None:
    answer = httpx.get(f"{server.url}/api/v1/stream?{target}", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "bad_parameter", field)


def test_a_stream_has_no_more_rooms_than_a_connection_may(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--stream-rooms", "2") as server:
        refused = httpx.get(f"{server.url}/api/v1/stream?room=a&room=b&room=c", timeout=TIMEOUT_S)
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (400, "bad_parameter", "room")
        assert stream(server, "room=a&room=b").count(b"event: caught_up\n") == 2
