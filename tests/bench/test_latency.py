"""Shares of a server's own limit are asked for as it was measured, and who falls behind is seen."""

from __future__ import annotations

import pytest

from bench.generator import Figures
from bench.latency import RATES, SATURATED, SHARES, STEPS, steps
from bench.report import Results, faults, markdown
from bench.scenario import Scenario
from bench.servers import FLOOR, PARLOUR, Server
from bench.table import Pace, measure

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.4)  # in 0.1 s a busy machine delivers nothing
COLUMNS = ("rate", "achieved_per_s", "delivery_ms_p99")


def scenario(*servers: Server) -> Scenario:
    return Scenario("brief", "A brief one", servers, ("10", "--publishers", "4"), COLUMNS, kind="latency")


def test_steps_when_a_server_delivers_less_than_it_answers_then_shares_are_of_what_it_delivers() -> None:
    asked: list[list[str]] = []

    def load(arguments: list[str]) -> Figures:
        asked.append(arguments)
        return {"acks_per_s": 900.0, "deliveries_per_s": 4000.0, "rate": 0.0}

    measured = dict(steps(load, subscribers=10))
    assert tuple(measured) == STEPS
    assert asked == [[], *(["--rate", each] for each in ("100.000", "200.000", "300.000", "50.000", "1000.000"))]
    assert all(figures["achieved_per_s"] == 400 for figures in measured.values())


def test_steps_when_nothing_is_delivered_then_there_is_no_share_to_ask_for() -> None:
    with pytest.raises(RuntimeError, match="nothing was delivered"):
        dict(steps(lambda _: {"acks_per_s": 10.0, "deliveries_per_s": 0.0}, subscribers=10))


@pytest.mark.long
def test_latency_when_servers_are_measured_then_each_step_has_a_row_for_each() -> None:
    broken = Server("broken", "nothing", lambda _folder, _port: ["false"], lambda: "0")
    servers = [PARLOUR, FLOOR, broken]
    results = Results("2026-01-01 00:00", "quick", {}, {})
    measure(results, [scenario(*servers)], servers, BRIEF)
    assert list(results.runs["brief"]) == [f"{server.name}, {step}" for step in STEPS for server in servers]
    for server in (PARLOUR, FLOOR):
        rows = {step: results.runs["brief"][f"{server.name}, {step}"][0] for step in STEPS}
        limit = rows[SATURATED]["achieved_per_s"]
        asked = [rows[step]["rate"] for step in STEPS[1:]]
        assert asked == pytest.approx([*(share * limit for share in SHARES), *RATES], rel=0.001)
        assert "rate" not in rows[SATURATED]
        assert all(rows[step]["delivery_ms_p999"] >= rows[step]["delivery_ms_p50"] > 0 for step in STEPS[: -len(RATES)])
        for row in rows.values():
            assert (row["missing"], row["extra"], row["repeats"], row["lost_connections"]) == (0, 0, 0, 0)
    page = markdown(results, [scenario(*servers)])
    assert page.count("runs failed: 1") == len(STEPS)


def test_faults_when_a_server_answers_on_schedule_but_delivers_late_then_the_row_says_so() -> None:
    on_time = {"rate": 100.0, "acks_per_s": 100.0, "achieved_per_s": 98.0}
    assert faults([on_time]) == ""
    assert faults([on_time | {"achieved_per_s": 90.0}]) == "fell behind the schedule"
