"""Promises 1 to 3 through restarts and cuts: a whole crowd comes back at once, and nobody misses or repeats a thing."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import uvloop

from tests.fault.crowd import Crowd, Talker, percentile, until
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

RESUMED_S = 30
SPREAD_MS = 15_000
PER_SECOND = 200

_log = logging.getLogger("parlour.fault")


def test_a_crowd_comes_back_after_a_restart_and_after_a_cut(tmp_path: Path) -> None:
    """Time away runs ten times as fast as told."""
    with ServerProcess(tmp_path / "data") as server:
        uvloop.run(storm(server, members=300, rooms=6, away=0.1))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_thousand_come_back_after_a_restart_and_after_a_cut(tmp_path: Path) -> None:
    members = int(os.environ.get("PARLOUR_TEST_CROWD", "10000"))
    with ServerProcess(tmp_path / "data") as server:
        uvloop.run(storm(server, members=members, rooms=members // 100, away=1.0))


async def storm(server: ServerProcess, members: int, rooms: int, away: float) -> None:
    """Stop and start under load, then cut all connections; nobody may notice but by the connection."""
    names = [f"room-{number}" for number in range(rooms)]
    epoch = log_of(server, names[0])["epoch"]
    assert isinstance(epoch, str)
    async with (
        Crowd(server.port, epoch, names, members, lambda told_ms: told_ms / 1000 * away) as crowd,
        Talker(server.port, names, PER_SECOND) as talker,
    ):
        await until(lambda: len(talker.acks) >= PER_SECOND, TIMEOUT_S)
        before = percentile(talker.latencies, 0.99)
        begun = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        code = await asyncio.to_thread(server.wait)
        stopped_s = time.monotonic() - begun
        await asyncio.to_thread(server.start)
        down_s = time.monotonic() - begun
        await until(lambda: crowd.live == members, RESUMED_S)
        restart_s = time.monotonic() - begun
        assert code == 0
        assert "cut_off=0" in server.log
        assert Counter(member.connections for member in crowd.members) == {2: members}, "one reconnection each"
        check_delays(crowd.seen.delays_ms, members)

        known = len(talker.acks)  # all lines are at work again
        await until(lambda: len(talker.acks) >= known + PER_SECOND // 2, TIMEOUT_S)
        talker.latencies.clear()
        begun = time.monotonic()
        crowd.cut()
        await until(lambda: crowd.live == members, RESUMED_S)
        cut_s = time.monotonic() - begun
        assert Counter(member.connections for member in crowd.members) == {3: members}
        known = len(talker.acks)
        await until(lambda: len(talker.acks) >= known + PER_SECOND, TIMEOUT_S)
        during = percentile(talker.latencies, 0.99)
        await talker.stop()
        logs = {name: log_of(server, name) for name in names}
        await until(lambda: all(member.seq == logs[member.room]["head_seq"] for member in crowd.members), RESUMED_S)
        assert crowd.seen.faults == []
    check_acks(talker, {name: int(str(log["head_seq"])) for name, log in logs.items()})
    figures = f"{members} members, {len(talker.acks)} messages, {len(crowd.seen.latencies)} shown; stopped in"
    figures += f" {stopped_s:.1f} s, serving again after {down_s:.1f} s, all back after {restart_s:.1f} s, attempts"
    figures += f" refused meanwhile {crowd.seen.refused}; after a cut all back in {cut_s:.2f} s; p99 of a send"
    _log.info("%s %.0f ms before, %.0f ms at the cut", figures, before * 1000, during * 1000)


def log_of(server: ServerProcess, room: str) -> dict[str, object]:
    """The newest page of a room, without waiting for anything."""
    answer = raw.exchange(server.port, raw.head("GET", f"/{room}?format=json&limit=1", "Connection: close"))
    page: dict[str, object] = json.loads(raw.body(answer))
    return page


def check_delays(delays_ms: list[int], members: int) -> None:
    """Streams are told when to come back, each at its own random moment of the whole time."""
    assert len(delays_ms) == members * 3 // 4, "all but the long-polls"
    assert all(0 <= delay < SPREAD_MS for delay in delays_ms)
    tenths = Counter(delay * 10 // SPREAD_MS for delay in delays_ms)
    assert len(tenths) == 10
    assert max(tenths.values()) < 2.5 * len(delays_ms) / 10, "not all in the same second"


def check_acks(talker: Talker, heads: dict[str, int]) -> None:
    """Every acknowledged message has a place of its own, and the logs have no other."""
    places = Counter(talker.acks.values())
    assert max(places.values()) == 1, "two acknowledgements for one place"
    assert Counter(room for room, _ in places) == Counter(heads), "a message is stored that nobody sent, or twice"
