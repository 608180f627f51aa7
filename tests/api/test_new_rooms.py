"""New rooms have a rate of their own, and whoever makes many does not push the others off the list."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from parlour.chat.new_rooms import LISTED
from parlour.core.limits import Limits
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

NOISE, OTHER = "127.0.0.11", "127.0.0.12"
MOST = Limits().address_new_rooms_burst


def at(server: ServerProcess, source: str) -> httpx.Client:
    return server.client(transport=httpx.HTTPTransport(local_address=source), headers={"Accept": "application/json"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", rate_limits=True) as server:
        yield server


def make(client: httpx.Client, room: str) -> httpx.Response:
    """Say something in a room, each time as another guest."""
    return client.post(f"/{room}?name=maker-of-{room}", content=b"Hello")


def listed(client: httpx.Client, limit: int = 20) -> list[str]:
    return [room["room"] for room in client.get(f"/api/v1/rooms?limit={limit}").json()["rooms"]]


def test_a_hackathon_makes_thirty_rooms_at_once(server: ServerProcess) -> None:
    with at(server, NOISE) as client:
        assert [make(client, f"team-{number}").status_code for number in range(30)] == [201] * 30
        assert set(listed(client, 50)) == {f"team-{number}" for number in range(30)}, (
            "where no others are, all are shown"
        )


def test_new_rooms_beyond_the_rate_are_refused_and_nothing_else(server: ServerProcess) -> None:
    with at(server, NOISE) as noise, at(server, OTHER) as other:
        assert make(other, "quiet").status_code == 201
        answers = [make(noise, f"noise-{number}") for number in range(MOST + 20)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert [answer.status_code for answer in answers[:MOST]] == [201] * MOST
        assert refused
        problem = refused[-1].json()
        assert (problem["code"], problem["stored"]) == ("rate_limited", False)
        assert "New rooms" in problem["detail"]
        assert refused[-1].headers["retry-after"]
        number = answers.index(refused[-1])
        assert noise.get(f"/api/v1/rooms/noise-{number}").json()["head_seq"] == 0
        # Rooms that exist take messages from there, and others make rooms.
        assert make(noise, "quiet").status_code == 201
        assert make(noise, "noise-0").status_code == 201
        assert make(other, "another").status_code == 201


def test_one_address_does_not_push_others_off_the_list(server: ServerProcess) -> None:
    with at(server, OTHER) as other, at(server, NOISE) as noise:
        quiet = [f"quiet-{number}" for number in range(10)]
        for room in quiet:
            assert make(other, room).status_code == 201
            made = time.time_ns() // 1_000_000
            while time.time_ns() // 1_000_000 == made:  # the order of the list is that of milliseconds
                os.sched_yield()
        for round_ in range(2):
            for number in range(30):
                assert make(noise, f"noise-{number}").status_code in (201, 429), round_
        shown = listed(other)
        page = other.get("/quiet-0", headers={"Accept": "text/html"}).text
    assert [room for room in shown if room.startswith("quiet")][:LISTED] == quiet[: -LISTED - 1 : -1]
    assert sum(room.startswith("noise") for room in shown[: 2 * LISTED]) == LISTED
    for room in quiet[-LISTED:]:
        assert f'href="/{room}"' in page


def test_a_room_that_exists_is_known_after_a_restart(tmp_path: Path) -> None:
    few = ("--address-new-rooms-per-s", "0.01", "--address-new-rooms-burst", "2")
    with ServerProcess(tmp_path / "data", *few, rate_limits=True) as server:
        with at(server, NOISE) as client:
            assert [make(client, room).status_code for room in ("one", "two", "three")] == [201, 201, 429]
        server.restart()
        with at(server, NOISE) as client:
            assert [make(client, room).status_code for room in ("one", "two", "one")] == [201] * 3
            assert [make(client, room).status_code for room in ("three", "four", "five")] == [201, 201, 429]
            assert [make(client, room).status_code for room in ("one", "two", "three")] == [201] * 3


def test_all_addresses_together_have_a_rate(tmp_path: Path) -> None:
    few = ("--new-rooms-per-s", "0.01", "--new-rooms-burst", "3")
    with ServerProcess(tmp_path / "data", *few, rate_limits=True) as server:
        statuses = []
        for number in range(5):
            with at(server, f"127.0.0.{20 + number}") as client:
                statuses.append(make(client, f"room-{number}").status_code)
    assert statuses == [201] * 3 + [429] * 2


def test_a_websocket_is_told_and_stays_open(tmp_path: Path) -> None:
    few = ("--address-new-rooms-per-s", "0.01", "--address-new-rooms-burst", "1")
    with (
        ServerProcess(tmp_path / "data", *few, rate_limits=True) as server,
        connect(f"ws://127.0.0.1:{server.port}/api/v1/stream") as line,
    ):

        def say(room: str) -> dict[str, object]:
            line.send(json.dumps({"op": "send", "room": room, "text": "Hello"}))
            answer: dict[str, object] = json.loads(line.recv(TIMEOUT_S))
            return answer

        assert say("one")["type"] == "ack"
        refused = say("two")
        assert (refused["type"], refused["code"]) == ("error", "rate_limited")
        assert say("one")["type"] == "ack"
