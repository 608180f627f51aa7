"""What several nodes on one PostgreSQL can do, beside one of them and beside the embedded store."""

from __future__ import annotations

import dataclasses

from bench.scenario import Budget, Medians, Scenario
from bench.servers import LAYOUTS, ON_POSTGRES, PARLOUR, THREE_NODES, THREE_OVER_NATS

COLUMNS = (
    *("acks_per_s", "node_us_per_post", "postgresql_us_per_post", "relay_us_per_post", "generator_us_per_post"),
    *("ack_ms_p50", "ack_ms_p99", "delivery_ms_p50", "delivery_ms_p99", "node_share", "postgresql_share", "cores_busy"),
)
MEMORY = (
    *("node_rss_mib_idle", "node_uss_mib_idle", "node_rss_mib", "node_uss_mib"),
    *("postgresql_mib_idle", "postgresql_mib"),
)


def _ratio(medians: Medians) -> float:
    return medians[ON_POSTGRES.name]["acks_per_s"] / medians[PARLOUR.name]["acks_per_s"]


def _on_nodes(
    name: str, title: str, arguments: tuple[str, ...], budgets: tuple[Budget, ...] = (), more: tuple[str, ...] = ()
) -> Scenario:
    return Scenario(
        name=f"postgres-{name}",
        title=title,
        servers=(PARLOUR, ON_POSTGRES, THREE_NODES, THREE_OVER_NATS),
        arguments=arguments,
        columns=(*COLUMNS, *more),
        budgets=budgets,
        kind="nodes",
        apart=True,
        own_arguments=("--check-seq",),
    )


def _posts_on_nodes(
    publishers: int, rooms: int = 1, budgets: tuple[Budget, ...] = (), more: tuple[str, ...] = ()
) -> Scenario:
    senders = f"{publishers} connection{'s' * (publishers > 1)} (one in flight each), spread over the nodes"
    where = "each in a room of its own, one subscriber a room" if rooms > 1 else "one room, one subscriber"
    return _on_nodes(
        f"posts-{publishers}" + "-apart" * (rooms > 1),
        f"Posts on PostgreSQL: {senders}, {where}",
        ("--publishers", str(publishers), "--rooms", str(rooms), "--subscribers", "1"),
        budgets,
        more,
    )


ON_NODES = (
    _posts_on_nodes(1),
    _posts_on_nodes(64, budgets=(Budget("posts/s on PostgreSQL ÷ on SQLite", _ratio, 0.8),), more=MEMORY),
    _posts_on_nodes(256),
    _posts_on_nodes(64, rooms=64),
    _posts_on_nodes(256, rooms=256),
    _posts_on_nodes(768, rooms=768),
    dataclasses.replace(
        _posts_on_nodes(256, rooms=256),
        name="postgres-cores",
        title="The same on other cores: what the model says is compared with this",
        servers=LAYOUTS,
    ),
    _on_nodes(
        "rooms-1000",
        "Many rooms on PostgreSQL: 64 publishers in turn over 1000 rooms of 3 subscribers, all spread over the nodes",
        ("--publishers", "64", "--rooms", "1000", "--subscribers", "3"),
        more=("deliveries_per_s", "cpu_us_per_delivery"),
    ),
    _on_nodes(
        "fanout-4x200",
        "Fan-out on PostgreSQL: 4 publishers on one node, 200 WebSocket subscribers of one room, spread over the nodes",
        ("--publishers", "4", "--subscribers", "200", "--posting", "1"),
        more=("deliveries_per_s", "cpu_us_per_delivery", "messages_per_read"),
    ),
    *(
        _on_nodes(
            f"latency-{rate}",
            f"Latency on PostgreSQL: {rate} posts/s on schedule over 20 rooms, posted on one node, read on the others",
            (
                *("--publishers", "64", "--rooms", "20", "--subscribers", "2", "--rate", str(rate)),
                *("--posting", "1", "--elsewhere", "--awake"),
            ),
            more=("delivery_ms_p999",),
        )
        for rate in (500, 2000)
    ),
)
