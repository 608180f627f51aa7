"""The benchmarks measure what they say: every delivery is counted, losses are seen, budgets are judged."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench.plot import Plot, draw, rows
from bench.report import Results, doubts, faults, markdown
from bench.scenario import Budget, Scenario
from bench.scenarios import SCENARIOS
from bench.servers import FLOOR, PARLOUR, Server
from bench.table import Pace, chosen, measure, run_once

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.2)
FAN_OUT = ("--publishers", "4", "--subscribers", "10", "--markers", "10")


def scenario(*arguments: str, kind: str = "load", budgets: tuple[Budget, ...] = ()) -> Scenario:
    return Scenario("brief", "A brief one", (PARLOUR, FLOOR), arguments, ("deliveries_per_s",), budgets, kind)


@pytest.mark.parametrize(
    "server", [pytest.param(FLOOR, marks=pytest.mark.long), PARLOUR], ids=lambda server: server.name
)
@pytest.mark.parametrize("load", [(), ("--rooms", "5"), ("--rate", "100")], ids=["closed", "rooms", "on schedule"])
def test_fan_out_when_nothing_is_lost_then_every_delivery_is_counted(server: Server, load: tuple[str, ...]) -> None:
    figures = run_once(scenario(*FAN_OUT, *load), server, BRIEF)
    assert figures["acks"] > 0
    assert figures["deliveries"] > 0
    assert figures["delivery_ms_count"] > 0
    assert figures["server_cpu_us"] > 0
    lost = ("missing", "extra", "repeats", "gaps", "refused", "lost_connections")
    assert {each: figures[each] for each in lost} == dict.fromkeys(lost, 0)


def test_sse_when_subscribers_follow_then_every_delivery_is_counted() -> None:
    figures = run_once(scenario(*FAN_OUT, "--sse", "--check-seq"), PARLOUR, BRIEF)
    assert figures["deliveries"] > 0
    assert (figures["missing"], figures["extra"], figures["repeats"], figures["gaps"]) == (0, 0, 0, 0)


def test_storm_when_everyone_reconnects_then_nobody_stays_behind() -> None:
    load = ("--publishers", "4", "--subscribers", "100", "--storm", "20", "--rate", "100", "--check-seq")
    figures = run_once(scenario(*load), PARLOUR, BRIEF)
    assert figures["storm_s"] > 0
    assert (figures["still_behind"], figures["missing"], figures["repeats"], figures["gaps"]) == (0, 0, 0, 0)


def test_history_when_pages_are_read_under_load_then_their_latency_is_known() -> None:
    load = ("--publishers", "2", "--rate", "100", "--readers", "2", "--reader-rate", "100", "--preload", "100")
    figures = run_once(scenario(*load), PARLOUR, BRIEF)
    assert figures["pages_per_s"] > 0
    assert figures["page_ms_p99"] >= figures["page_ms_p50"] > 0


def test_sign_ins_when_they_are_asked_for_then_each_is_hashed_or_refused() -> None:
    load = ("50", "--publishers", "4", "--subscribers", "1", "--rate", "100")
    figures = run_once(scenario(*load, kind="signing-in"), PARLOUR, BRIEF)
    assert figures["ack_ms_p99_ratio"] > 0
    assert figures["sign_ins_asked_per_s"] > 0
    assert figures["sign_ins_failed"] == 0


def test_idle_when_subscribers_wait_then_each_has_its_weight() -> None:
    figures = run_once(scenario("50", kind="idle"), PARLOUR, BRIEF)
    assert figures["handshakes_per_s"] > 0
    assert figures["kib_per_subscriber"] < 1024


def test_budget_when_the_value_is_on_either_side_then_it_is_held_or_missed() -> None:
    at_least = Budget("speed", lambda medians: medians["Parlour"]["deliveries_per_s"], 1.5)
    at_most = Budget("weight", lambda medians: medians["Parlour"]["deliveries_per_s"], 1.5, at_most=True)
    results = Results("2026-01-01 00:00", "quick", {}, {})
    results.runs["brief"] = {"Parlour": [{"deliveries_per_s": value} for value in (1.0, 2.0, 9.0)]}
    page = markdown(results, [scenario(budgets=(at_least, at_most))])
    assert "| speed | ≥ 1.5 | 2 | held |" in page
    assert "| weight | ≤ 1.5 | 2 | **missed** |" in page
    assert "| Parlour | 2 (1–9) |" in page


def test_doubts_when_the_generator_was_full_and_the_server_was_not_then_the_row_says_so() -> None:
    full = {"generator_share": 0.97, "server_share": 0.5, "others_share": 0.0}
    assert doubts([full]) == "generator-bound"
    assert doubts([full | {"server_share": 0.99}]) == ""
    assert doubts([full | {"generator_share": 0.5, "others_share": 0.3}]) == "noisy"


def test_faults_when_a_server_owes_something_then_the_row_says_so() -> None:
    assert faults([{"acks_per_s": 10.0, "rate": 0.0}]) == ""
    assert faults([{"missing": 7.0, "repeats": 2.0}]) == "7 missing, 2 doubled or out of order"
    assert faults([{"acks_per_s": 50.0, "rate": 100.0}]) == "fell behind the schedule"


def test_measure_when_a_server_cannot_start_then_the_table_says_so_and_goes_on() -> None:
    broken = Server("broken", "nothing", lambda _folder, _port: ["false"], lambda: "0")
    both = Scenario("brief", "A brief one", (broken, FLOOR), FAN_OUT, ("deliveries_per_s",))
    results = Results("2026-01-01 00:00", "quick", {}, {})
    measure(results, [both], [broken, FLOOR], BRIEF)
    page = markdown(results, [both])
    assert "| broken | – | runs failed: 1 |" in page
    assert "deliveries_per_s" in results.runs["brief"][FLOOR.name][0]


def test_scenarios_when_listed_then_names_are_unique_and_each_includes_our_server() -> None:
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)
    assert all(PARLOUR in each.servers for each in SCENARIOS if each.name != "postgres-cores")


@pytest.mark.parametrize("group", ["latency", "rooms", "sizes", "heard"])
def test_scenarios_when_a_group_is_not_named_then_it_does_not_run(group: str) -> None:
    named = chosen([group], quick=False)
    assert named
    for quick in (True, False):
        assert not set(named) & set(chosen([], quick=quick))


def test_scenarios_when_a_row_has_many_rooms_then_it_fits_the_descriptors() -> None:
    words = [each.arguments for each in SCENARIOS if each.name.startswith("rooms-")]
    counts = [int(each[each.index("--rooms") + 1]) * int(each[each.index("--subscribers") + 1]) for each in words]
    assert max(counts) == 15000  # of 20 000 descriptors 80 % are for clients, less its publishers


def test_plot_when_a_table_has_figures_then_every_server_has_a_bar_and_the_best_is_first() -> None:
    plot = Plot("posts", "CPU & post", "cpu_us_per_post", ("posts",))
    runs = {"Bun <1>": [{"cpu_us_per_post": 12.5}], "Parlour": [{"cpu_us_per_post": 24.0}, {"cpu_us_per_post": 26.0}]}
    values = rows({"runs": {"posts": {**runs, "Idle": [{"acks": 0.0}]}}}, plot)
    assert values == [("Bun <1>", 12.5), ("Parlour", 25.0)]
    picture = ElementTree.fromstring(draw(plot.title, values))  # noqa: S314 (our own)
    bars = [float(bar.attrib["width"]) for bar in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[1] == pytest.approx(2 * bars[0], rel=0.01)
    assert "Bun <1>" in [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
