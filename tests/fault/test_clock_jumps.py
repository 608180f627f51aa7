"""T16: the wall clock decides nothing: order, resume, keys, deadlines, rates and streams go on whatever it shows."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from parlour.store.sqlite.check import check
from parlour.work.retention import ROUND_PAUSE_S
from tests.fault.clocks import WallClock
from tests.fault.listeners import Listener, listen, say
from tests.fault.load import Load, read_pages
from tests.support import raw
from tests.support.server import ServerProcess

HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S

SET: dict[str, datetime] = {
    "1970": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    "before-1970": datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC),
    "2038": datetime(2038, 1, 19, 3, 14, 7, 500_000, tzinfo=UTC),
    "leap-second": datetime(2016, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC),
}
"""The last second of 32 bits ends during the scene. The system repeats a leap second: see `stepping`."""

SHIFTED: dict[str, float] = {
    "hour-back": -HOUR_S,
    "hour-on": HOUR_S,
    "year-back": -YEAR_S,
    "year-on": YEAR_S,
    "right-again": 0,
}
STEP_S = 0.1
STEPS = 3
ACKS = 40

RATES = ("--sends-per-s", "0.01", "--sends-burst", "3")
"""A sender that was too fast may send one more after a hundred seconds: a test has ended before that on any machine."""

LONG_ROUNDS = int(os.environ.get("PARLOUR_TEST_CLOCK_ROUNDS", "20"))


async def scenes(server: ServerProcess, clock: WallClock, load: Load, listeners: list[Listener], number: int) -> None:
    """All that can happen to a clock, once, under load."""
    scene = functools.partial(go_on, server, clock, load, listeners)
    for name, seconds in SHIFTED.items():
        clock.shift(seconds)
        await scene(f"{name}-{number}")
    for name, at in SET.items():
        clock.set(at)
        await scene(f"{name}-{number}")
    clock.freeze()
    await scene(f"frozen-{number}", is_frozen=True)
    await stepping(clock, load, Random(number))
    clock.shift(0)
    await scene(f"at-the-end-{number}")


async def stepping(clock: WallClock, load: Load, random: Random) -> None:
    """Steps in both directions, each before the last has been got used to."""
    wanted = load.acks + ACKS
    for size in (1, HOUR_S, YEAR_S):
        for _ in range(STEPS):
            clock.shift(random.uniform(-size, size))
            await asyncio.sleep(STEP_S)
    await load.until(lambda: load.acks >= wanted)


async def go_on(
    server: ServerProcess,
    clock: WallClock,
    load: Load,
    listeners: list[Listener],
    name: str,
    *,
    is_frozen: bool = False,
) -> None:
    """Senders and readers go on, nobody is cut off, and a fresh room shows that the clock is what it should be."""
    seen = {reader.name: reader.seen for reader in load.readers}
    earliest = clock.now()
    event = await asyncio.to_thread(first_of, server.port, f"scene-{name}")
    assert max(earliest, EPOCH) - MILLISECOND <= at(event) <= max(clock.now(), EPOCH) + (not is_frozen) * SLACK, name
    await load.until_acks(ACKS)
    await load.until(lambda: all(reader.seen > seen[reader.name] for reader in load.readers))
    said = (await asyncio.to_thread(say, server.port, f"after {name}."))["text"]
    for listener in listeners:
        listener.live()
        assert (await asyncio.to_thread(listener.texts_until, f"after {name}."))[-1] == said
    ready = raw.exchange(server.port, raw.head("GET", "/readyz", "Connection: close"))
    assert raw.status(ready) == 200


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SLACK = timedelta(milliseconds=1)


def at(event: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(event["at"]))


def first_of(port: int, room: str) -> dict[str, object]:
    """The first event of a new room."""
    answer = raw.exchange(port, raw.post(f"/{room}", b"first", "Accept: application/json", "Connection: close"))
    assert raw.status(answer) == 201, answer
    event: dict[str, object] = json.loads(raw.body(answer))
    return event


def times(load: Load) -> dict[str, list[str]]:
    """The `at` of all events, by room."""
    found: dict[str, list[str]] = {}
    for room, _, data in read_pages(load.shared):
        found.setdefault(room, []).append(json.loads(data)["at"])
    return found


async def through_all_scenes(tmp_path: Path, seed: int, rounds: int) -> None:
    server = ServerProcess(tmp_path / "data")
    with WallClock(tmp_path) as clock, clock.start(server), ExitStack() as sockets:
        async with Load(server.port, seed) as load:
            listeners = listen(server.port, sockets)
            for number in range(rounds):
                await scenes(server, clock, load, listeners, number)
            clock.shift(-HOUR_S)
            server.kill()
            load.shared.is_up.clear()
            await asyncio.to_thread(clock.start, server)
            load.shared.is_up.set()
            await load.until_acks(ACKS)
            await load.rest()
            found = await asyncio.to_thread(times, load)
        load.verify(tmp_path / "history.jsonl")
        load.figures(1, 0.0)
        lost = {send.code for send in load.shared.history.sends if send.outcome == "unknown"}
        assert lost <= {"lost"}
        for room, ats in found.items():
            moments = [datetime.fromisoformat(each) for each in ats]
            for before, after in itertools.pairwise(moments):
                assert before <= after or before - after > timedelta(hours=1), f"the time of {room} went back a little"
    assert check(tmp_path / "data").is_ok


@pytest.mark.timeout(120)
async def test_all_goes_on_whatever_the_wall_clock_shows(tmp_path: Path) -> None:
    """B.1 D17, judged by every invariant of the history."""
    await through_all_scenes(tmp_path, 16, 1)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_all_goes_on_whatever_the_wall_clock_shows_again_and_again(tmp_path: Path) -> None:
    await through_all_scenes(tmp_path, 17, LONG_ROUNDS)


def test_deadlines_and_rates_do_not_look_at_the_wall_clock(tmp_path: Path) -> None:
    """A wait is as long as it was asked to be; a year gone by fills no bucket, and a year back empties none."""
    server = ServerProcess(tmp_path / "data", *RATES, rate_limits=True)
    with WallClock(tmp_path) as clock, clock.start(server), ExitStack() as sockets:
        slow, other = ({"Cookie": f"parlour_guest={raw.guest_cookie(server.port)}"} for _ in range(2))
        with server.client() as http:
            while http.post("/lobby", content="quick").status_code != 429:
                pass
            clock.shift(YEAR_S)
            assert http.post("/lobby", content="a year later").status_code == 429
            assert http.post("/lobby", content="in that year", headers=other).status_code == 201
            clock.shift(-YEAR_S)
            began = time.monotonic()
            waiting = sockets.enter_context(raw.connected(server.port))
            waiting.sendall(raw.head("GET", "/quiet?format=json&wait=1&since=0", "Connection: close"))
            assert http.get("/quiet?format=json").json()["head_seq"] == 0
            clock.shift(YEAR_S)
            answered = raw.read_until(waiting, lambda data: False)
            assert (raw.status(answered), json.loads(raw.body(answered))["events"]) == (200, [])
            assert time.monotonic() - began >= 0.9
            half = sockets.enter_context(raw.connected(server.port))
            request = raw.post("/lobby", b"in two halves", "Connection: close", f"Cookie: {slow['Cookie']}")
            half.sendall(request[:20])  # the rest has to come within ten seconds: only one request lies between
            clock.shift(-YEAR_S)
            assert http.post("/lobby", content="two years before", headers=other).status_code == 201
            clock.shift(YEAR_S)
            half.sendall(request[20:])
            assert raw.status(raw.read_until(half, lambda data: False)) == 201
            assert http.post("/quiet", content="the same connection", headers=other).status_code == 201
        clock.freeze()
        assert server.stop() == 0


def test_a_room_that_saw_a_clock_ahead_is_named_in_the_log_and_at_the_start(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "--log-format", "json")
    with WallClock(tmp_path) as clock, clock.start(server):
        with server.client() as http:
            clock.shift(YEAR_S)
            assert http.post("/future", content="next year").status_code == 201
            clock.shift(0)
            asked = {"Accept": "application/json"}
            for room in ("/lobby", "/future", "/future"):
                answer = http.post(room, content="today", headers=asked)
                assert answer.status_code == 201
                assert abs((at(answer.json()) - datetime.now(UTC)).total_seconds()) < HOUR_S
            clock.shift(YEAR_S)
            assert http.post("/next", content="next year").status_code == 201
            clock.shift(0)
        assert server.stop() == 0
        assert ahead(server) == [("future", True)]
        clock.start(server)
        with server.client() as http:
            assert http.post("/lobby", content="today").status_code == 201
        assert server.stop() == 0
        assert ahead(server) == [("future", True), ("next", True)]


def ahead(server: ServerProcess) -> list[tuple[str, bool]]:
    """The rooms that the log calls ahead of the clock, and whether by about a year."""
    rows = [json.loads(line) for line in server.log.splitlines()]
    found = [row for row in rows if row["event"] == "room_ahead_of_the_clock"]
    return [(row["room"], YEAR_S - HOUR_S < row["ahead_s"] <= YEAR_S) for row in found]


@pytest.mark.long
@pytest.mark.timeout(400)
def test_retention_drops_nothing_for_a_clock_that_was_set_forward(tmp_path: Path) -> None:
    """docs/storage.md#retention: what cannot be undone waits until the jump has lasted for a day."""
    server = ServerProcess(tmp_path / "data", "--retention-days", "1")
    with WallClock(tmp_path) as clock, clock.start(server), server.client() as http:
        for number in range(10):
            assert http.post("/lobby", content=f"message {number}").status_code == 201
        clock.shift(YEAR_S)
        until = time.monotonic() + 2 * ROUND_PAUSE_S + 10
        while time.monotonic() < until:
            assert http.get("/lobby?format=json&wait=3&since=10").status_code == 200
            assert http.get("/lobby?format=json&since=0").json()["first_seq"] == 1
        assert "the wall clock" in server.log
