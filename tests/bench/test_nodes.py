"""Several nodes on one database are measured: everyone gets everything, and each part's processes are counted."""

from __future__ import annotations

import pytest

from bench.model import fitted
from bench.nodes import ON_NODES
from bench.scenario import Scenario
from bench.servers import ON_POSTGRES, PARLOUR, THREE_NODES, THREE_OVER_NATS, Server
from bench.table import Pace, run_once

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.5)
LOAD = ("--publishers", "6", "--rooms", "3", "--subscribers", "3", "--markers", "9", "--rate", "100")


@pytest.mark.parametrize(
    ("server", "where"),
    [
        pytest.param(PARLOUR, (), marks=pytest.mark.long),
        pytest.param(ON_POSTGRES, (), marks=pytest.mark.long),
        pytest.param(THREE_NODES, (), marks=pytest.mark.long),
        pytest.param(THREE_NODES, ("--posting", "1", "--elsewhere"), marks=pytest.mark.long),
        (THREE_OVER_NATS, ("--posting", "1", "--elsewhere")),
    ],
    ids=["embedded", "one node", "three nodes", "read on others than posted", "the same over NATS"],
)
def test_nodes_when_they_are_posted_to_then_everyone_gets_everything(server: Server, where: tuple[str, ...]) -> None:
    scenario = Scenario(
        "brief", "A brief one", (server,), (*LOAD, *where), (), kind="nodes", own_arguments=("--check-seq",)
    )
    figures = run_once(scenario, server, BRIEF)
    assert figures["delivery_ms_count"] == figures["deliveries"] > 0
    lost = ("missing", "extra", "repeats", "gaps", "refused", "lost_connections")
    assert {each: figures[each] for each in lost} == dict.fromkeys(lost, 0)
    plan = server.plan
    parts = ["node", "generator", *(["postgresql"] if plan else []), *(["relay"] if plan and plan.relay else [])]
    assert all(figures[f"{part}_us_per_post"] > 0 for part in parts)
    assert figures["all_us_per_post"] == pytest.approx(sum(figures[f"{part}_us_per_post"] for part in parts), rel=0.1)
    assert figures["node_rss_mib"] > figures["node_uss_mib"] > 0
    assert figures.get("postgresql_mib", 1.0) > 0


def test_scenarios_of_nodes_when_they_are_listed_then_one_word_names_them_all() -> None:
    assert all(each.name.startswith("postgres-") and each.apart for each in ON_NODES)


def test_model_when_one_node_and_three_were_measured_then_more_nodes_and_cores_follow() -> None:
    one = {"node_us_per_post": 20.0, "postgresql_us_per_post": 5.0, "generator_us_per_post": 8.0}
    three = {"node_us_per_post": 30.0, "postgresql_us_per_post": 10.0, "generator_us_per_post": 8.0}
    model = fitted({"load": {ON_POSTGRES.name: [one], THREE_NODES.name: [three]}}, "load", "load")
    assert model.posts_per_s(1, 4) == (50_000, "nodes")
    assert model.posts_per_s(3, 4) == (100_000, "nodes")  # three cores of 30 µs a post, and one for PostgreSQL
    assert model.posts_per_s(3, 2) == (50_000, "cores")
    assert model.posts_per_s(6, 4)[1] == "cores"
