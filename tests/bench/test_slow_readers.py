"""The measurement of slow readers sees what it is about: who waits, who is let go, and that nobody loses a message."""

from __future__ import annotations

import dataclasses

import pytest

from bench.scenario import Scenario
from bench.servers import PARLOUR, Server
from bench.table import Pace, run_once

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.5)
LOAD = ("--publishers", "4", "--rate", "100", "--subscribers", "10", "--payload", "4000")
SHORT_TIMEOUT = dataclasses.replace(
    PARLOUR, command=lambda folder, port: [*PARLOUR.command(folder, port), "--stalled-s", "1"]
)


def measured(server: Server, *arguments: str) -> dict[str, float]:
    scenario = Scenario("brief", "A brief one", (server,), (*arguments, *LOAD, "--check-seq"), (), kind="slow")
    figures = run_once(scenario, server, BRIEF)
    faults = ("missing", "extra", "repeats", "gaps", "refused", "lost_connections")
    assert {each: figures[each] for each in faults} == dict.fromkeys(faults, 0)
    return figures


@pytest.mark.parametrize(
    "rate", [(), pytest.param(("--slow-rate", "1024"), marks=pytest.mark.long)], ids=["nothing", "a trickle"]
)
def test_slow_readers_when_they_read_on_then_nothing_is_missing(rate: tuple[str, ...]) -> None:
    figures = measured(PARLOUR, "20", "--stall", "1", *rate)
    assert (figures["slow_complete"], figures["slow_missed"], figures["slow_closed"]) == (20, 0, 0)
    assert figures["slow_caught_up_s"] >= 0
    for phase in ("before", "during"):
        assert figures[f"{phase}_ms_count"] > 0
        assert figures[f"{phase}_ms_p999"] >= figures[f"{phase}_ms_p50"] > 0
    assert figures["kib_per_slow_reader"] < 1024


@pytest.mark.long
def test_slow_readers_when_they_are_let_go_then_they_come_back_with_their_cursor() -> None:
    figures = measured(SHORT_TIMEOUT, "20", "--stall", "30")
    assert figures["slow_closed"] == 20
    assert (figures["slow_complete"], figures["slow_missed"]) == (20, 0)
