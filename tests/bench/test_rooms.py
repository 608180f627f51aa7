"""Posts reach every room, in turn or as Zipf has it, and every delivery of every room is counted."""

from __future__ import annotations

import math

import pytest

from bench.scenario import Scenario
from bench.servers import FLOOR, PARLOUR, Server
from bench.table import Pace, run_once

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.2)
ROOMS = 20
LOAD = ("--publishers", "8", "--rooms", str(ROOMS), "--subscribers", "2", "--markers", "40", "--preload", "2000")
IN_TURN = 1 / ROOMS
ZIPF = 1 / sum(1 / rank for rank in range(1, ROOMS + 1))


def _chance(share: float, posts: float) -> float:
    """How far a share may be from what is asked: four standard deviations, and two posts of each publisher."""
    return 4 * math.sqrt(share * (1 - share) / posts) + 16 / posts


@pytest.mark.parametrize(
    "server", [pytest.param(FLOOR, marks=pytest.mark.long), PARLOUR], ids=lambda server: server.name
)
@pytest.mark.parametrize(
    ("how", "share"), [((), IN_TURN), pytest.param(("--zipf",), ZIPF, marks=pytest.mark.long)], ids=["in turn", "zipf"]
)
def test_rooms_when_all_are_posted_to_then_each_gets_its_share(
    server: Server, how: tuple[str, ...], share: float
) -> None:
    scenario = Scenario("brief", "A brief one", (server,), (*LOAD, *how), ())
    figures = run_once(scenario, server, BRIEF)
    assert figures["rooms_reached"] == ROOMS
    assert figures["busiest_room_share"] == pytest.approx(share, abs=_chance(share, figures["acks"]))
    lost = ("missing", "extra", "repeats", "gaps", "refused", "lost_connections")
    assert {each: figures[each] for each in lost} == dict.fromkeys(lost, 0)
    assert figures["delivery_ms_count"] == figures["deliveries"] > 0
