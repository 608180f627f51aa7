"""A soak tells growth from warming up, sees what stays open, and draws what it saw."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench.curve import CURVES, Curve, draw, lines
from bench.report import Results, markdown
from bench.scenario import Scenario
from bench.servers import FLOOR, PARLOUR, Server
from bench.soak import growth_per_hour
from bench.table import Pace, chosen, measure

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.2, soak_s=1.0)
LOAD = ("--publishers", "4", "--rooms", "4", "--subscribers", "8", "--rate", "80", "--churn", "20", "--turnover", "5")
OWN = ("--check-seq", "--mixed", "--readers", "2", "--reader-rate", "20", "--pollers", "4")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.long
def test_soak_when_clients_come_and_go_then_nothing_is_lost_and_everything_is_closed() -> None:
    broken = Server("broken", "nothing", lambda _folder, _port: ["false"], lambda: "0")
    brief = Scenario(
        "soak", "A brief one", (PARLOUR, FLOOR, broken), LOAD, ("minutes",), kind="soak", own_arguments=OWN
    )
    results = Results("2026-01-01 00:00", "quick", {}, {})
    measure(results, [brief], [PARLOUR, FLOOR, broken], BRIEF)
    assert "| broken | – | runs failed: 1 |" in markdown(results, [brief])
    for server in (PARLOUR, FLOOR):
        (figures,) = results.runs["soak"][server.name]
        lost = ("missing", "extra", "repeats", "gaps", "refused", "lost_connections")
        assert {each: figures[each] for each in lost} == dict.fromkeys(lost, 0)
        assert figures["descriptors_most"] > figures["descriptors_end"] <= figures["descriptors_start"]
        assert figures["delivery_ms_p99"] >= figures["delivery_ms_p50"] > 0
        assert figures["goings"] > 0
    own = results.runs["soak"][PARLOUR.name][0]
    assert own["polled"] > 0
    assert own["page_ms_count"] > 0
    samples = results.curves["soak"][PARLOUR.name]
    assert [each["elapsed_s"] for each in samples] == sorted(each["elapsed_s"] for each in samples)
    assert all(each["pss_mib"] > 0 and each["threads"] > 0 for each in samples)


def test_growth_when_memory_rises_at_first_only_then_it_does_not_count() -> None:
    warming = [{"elapsed_s": 36.0 * each, "pss_mib": min(each, 20.0)} for each in range(101)]
    assert growth_per_hour(warming) == pytest.approx(0)
    leaking = [{"elapsed_s": 36.0 * each, "pss_mib": 20 + each / 100} for each in range(101)]
    assert growth_per_hour(leaking) == pytest.approx(1024)


def test_scenarios_when_none_are_named_then_the_long_ones_do_not_run() -> None:
    assert {each.kind for each in chosen(["soak", "slow"], quick=False)} == {"soak", "slow"}
    for quick in (True, False):
        assert not {"soak", "slow"} & {each.kind for each in chosen([], quick=quick)}


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_curve_when_servers_were_sampled_then_each_has_a_line_and_a_name(curve: Curve) -> None:
    def samples(*values: float) -> list[dict[str, float]]:
        return [{"elapsed_s": 60.0 * at, curve.figure: value} for at, value in enumerate(values, 1)]

    found = lines({"curves": {curve.scenario: {"Parlour": samples(30, 40, 40), "Bun <1>": samples(2, 40, 40)}}}, curve)
    assert found["Bun <1>"] == [(60, 2), (120, 40), (180, 40)]
    picture = ElementTree.fromstring(draw(curve, found))  # noqa: S314 (our own)
    own, peer = ([each.split(",") for each in way.attrib["points"].split()] for way in picture.iter(f"{SVG}polyline"))
    assert float(own[0][1]) > float(own[1][1]) == float(own[2][1])
    assert own[2] == peer[2]
    names = {text.text: float(text.attrib["y"]) for text in picture.iter(f"{SVG}text")}
    assert abs(names["Parlour 40"] - names["Bun <1> 40"]) > 10


def test_curve_when_a_table_has_no_samples_then_there_is_nothing_to_draw() -> None:
    assert lines({"runs": {}}, CURVES[0]) == {}
