"""What is measured, against whom, and which budget each figure is held to (the table of docs/performance.md)."""

from __future__ import annotations

from collections.abc import Callable

from bench.nodes import ON_NODES
from bench.scenario import Budget, Medians, Scenario
from bench.servers import (
    AIOHTTP,
    BUN_AS_LARGE,
    BUN_SERVER,
    FLOOR,
    JETSTREAM,
    MOSQUITTO,
    NATS,
    NCHAN,
    NODE_WS,
    PARLOUR,
    REDIS_STREAMS,
    SOCKET_IO,
    STARLETTE,
    Server,
)

FANOUT = ("deliveries_per_s", "cpu_us_per_delivery", "messages_per_read", "delivery_ms_p50", "delivery_ms_p99")
SINGLE = (
    "cpu_us_per_added_delivery",
    "cpu_us_per_post_to_one",
    "cpu_us_per_delivery",
    "deliveries_per_s",
    "delivery_ms_p50",
    "delivery_ms_p99",
    "delivery_ms_p999",
)
POSTS = ("acks_per_s", "cpu_us_per_post", "ack_ms_p50", "ack_ms_p99", "ack_ms_p999")
ROOMS = (*FANOUT, "acks_per_s", "rooms_reached", "busiest_room_share")
LATENCY = (
    "rate",
    "achieved_per_s",
    "delivery_ms_p50",
    "delivery_ms_p99",
    "delivery_ms_p999",
    "acks",
    "cpu_us_per_delivery",
    "messages_per_read",
    "server_share",
)
MEMORY = ("kib_per_subscriber", "handshakes_per_s")
SOAK = (
    "minutes",
    "acks_per_s",
    "delivery_ms_p50",
    "delivery_ms_p99",
    "delivery_ms_p999",
    "ack_ms_p99",
    "page_ms_p50",
    "page_ms_p99",
    "poll_ms_p99",
    "server_share",
    "pss_start_mib",
    "pss_end_mib",
    "pss_kib_per_hour",
    "descriptors_start",
    "descriptors_most",
    "descriptors_end",
    "threads_start",
    "threads_end",
    "goings",
    "cores_busy",
)
SLOW = (
    "before_ms_p50",
    "before_ms_p99",
    "before_ms_p999",
    "during_ms_p50",
    "during_ms_p99",
    "during_ms_p999",
    "after_ms_p99",
    "before_cpu_us_per_delivery",
    "cpu_us_per_delivery",
    "kib_per_slow_reader",
    "slow_closed",
    "slow_missed",
    "slow_caught_up_s",
)


def _ratio(figure: str, peer: Server) -> Callable[[Medians], float]:
    return lambda medians: medians[PARLOUR.name][figure] / medians[peer.name][figure]


def _own(figure: str) -> Callable[[Medians], float]:
    return lambda medians: medians[PARLOUR.name][figure]


def _faults(medians: Medians) -> float:
    own = medians[PARLOUR.name]
    return sum(own[figure] for figure in ("missing", "extra", "repeats", "gaps", "still_behind", "lost_connections"))


def _unserved(medians: Medians) -> float:
    own = medians[PARLOUR.name]
    return sum(own[figure] for figure in ("missing", "extra", "repeats", "gaps", "slow_missed", "lost_connections"))


def _lost(medians: Medians) -> float:
    own = medians[PARLOUR.name]
    return sum(own[figure] for figure in ("missing", "extra", "repeats", "gaps", "lost_connections"))


def _unclosed(medians: Medians) -> float:
    own = medians[PARLOUR.name]
    return max(0.0, own["descriptors_end"] - own["descriptors_start"])


def _fan_out(
    publishers: int, subscribers: int, bun: float, nchan: float = 0.0, servers: tuple[Server, ...] = ()
) -> Scenario:
    budgets = [
        Budget(
            f"delivered messages/s, {publishers} × {subscribers}, ÷ Bun with messages as large",
            _ratio("deliveries_per_s", BUN_AS_LARGE),
            bun,
        )
    ]
    if nchan:
        budgets.append(
            Budget(
                f"delivered messages/s, {publishers} × {subscribers}, ÷ nchan", _ratio("deliveries_per_s", NCHAN), nchan
            )
        )
    return Scenario(
        name=f"fanout-{publishers}x{subscribers}",
        title=f"Fan-out: {publishers} publishers (one post in flight each), {subscribers} WebSocket subscribers",
        servers=(PARLOUR, BUN_SERVER, BUN_AS_LARGE, NCHAN, FLOOR, *servers),
        arguments=("--publishers", str(publishers), "--subscribers", str(subscribers)),
        columns=FANOUT,
        budgets=tuple(budgets),
    )


def _one_message(name: str, title: str, arguments: tuple[str, ...], servers: tuple[Server, ...]) -> Scenario:
    return Scenario(
        name=name,
        title=title,
        servers=(PARLOUR, FLOOR, *servers),
        arguments=(*arguments, "--awake"),  # waking a reader that sleeps would cost as much as the delivery
        columns=SINGLE,
        budgets=(
            Budget(
                f"CPU per added delivery, {name}, ÷ C send() loop",
                _ratio("cpu_us_per_added_delivery", FLOOR),
                1.2,
                at_most=True,
            ),
        ),
        kind="added",
    )


def _few_posts(publishers: int) -> Scenario:
    return Scenario(
        name=f"posts-{publishers}",
        title=f"Posts: {publishers} connection{'s' * (publishers > 1)} (one in flight each), one subscriber",
        servers=(PARLOUR, BUN_SERVER, NCHAN, REDIS_STREAMS, JETSTREAM),
        arguments=("--publishers", str(publishers), "--subscribers", "1"),
        columns=POSTS,
        quick=False,
    )


def _size(publishers: int, subscribers: int) -> Scenario:
    return Scenario(
        name=f"sizes-{publishers}x{subscribers}",
        title=f"One room: {publishers} publishers (one post in flight each), {subscribers} WebSocket subscribers",
        servers=(PARLOUR, BUN_SERVER, BUN_AS_LARGE, NCHAN, NODE_WS, FLOOR),
        arguments=("--publishers", str(publishers), "--subscribers", str(subscribers)),
        columns=FANOUT,
        apart=True,
    )


def _rooms(rooms: int, *, zipf: bool) -> Scenario:
    return Scenario(
        name=f"rooms-{rooms}{'-zipf' * zipf}",
        title=f"Rooms: {rooms} of 10 WebSocket subscribers each, 64 publishers, "
        + ("most posts to few of them (Zipf, exponent 1)" if zipf else "all of them in turn"),
        servers=(PARLOUR, BUN_SERVER, BUN_AS_LARGE, NCHAN, NODE_WS, FLOOR, MOSQUITTO, NATS),
        arguments=(
            *("--publishers", "64", "--rooms", str(rooms), "--subscribers", "10"),
            *("--markers", str(rooms * 10)),  # everyone: a few of them would all sit in a few rooms
            *(("--zipf",) if zipf else ()),
        ),
        columns=ROOMS,
        apart=True,
    )


def _heard(publishers: int) -> Scenario:
    return Scenario(
        name=f"heard-{publishers}",
        title=f"Posts that ten hear: {publishers} connection{'s' * (publishers > 1)} (one in flight each), "
        "ten subscribers",
        servers=(PARLOUR, BUN_SERVER, NCHAN, NODE_WS, FLOOR, REDIS_STREAMS, JETSTREAM),
        arguments=("--publishers", str(publishers), "--subscribers", "10"),
        columns=(*POSTS, "delivery_ms_p50", "delivery_ms_p99"),
        apart=True,
    )


def _catch_up(subscribers: int, missed: int) -> Scenario:
    return Scenario(
        name=f"catch-up-{missed}",
        title=f"Catching up: {subscribers} WebSockets of a room return, each {missed} messages behind, 100 posts/s",
        servers=(PARLOUR,),
        arguments=(
            *("--publishers", "64", "--subscribers", str(subscribers)),
            *("--storm", str(missed), "--rate", "100"),
        ),
        columns=("storm_s", "replayed_per_s", "missing", "extra", "repeats", "gaps", "ack_ms_p50", "ack_ms_p99"),
        quick=False,
        own_arguments=("--check-seq",),
    )


def _memory(transport: str, subscribers: int, servers: tuple[Server, ...], quick: bool) -> Scenario:
    return Scenario(
        name=f"idle-{transport}-{subscribers}",
        title=f"Memory: {subscribers} idle {transport} subscribers of one room",
        servers=(PARLOUR, *servers),
        arguments=(str(subscribers), *(("--sse",) if transport == "sse" else ())),
        columns=MEMORY,
        budgets=(
            Budget(
                f"KiB per idle subscriber, {subscribers} × {transport}", _own("kib_per_subscriber"), 2.5, at_most=True
            ),
        ),
        kind="idle",
        quick=quick,
    )


def _slow(name: str, what: str, arguments: tuple[str, ...]) -> Scenario:
    return Scenario(
        name=f"slow-{name}",
        title=f"Slow readers: 200 WebSocket subscribers, 50 posts/s of 1000 bytes on schedule, {what}",
        servers=(PARLOUR, BUN_SERVER, NCHAN, NODE_WS, AIOHTTP, STARLETTE),
        arguments=(*arguments, "--publishers", "4", "--rate", "50", "--subscribers", "200", "--payload", "1000"),
        columns=SLOW,
        budgets=(
            Budget(f"messages that slow or healthy readers do not get, slow-{name}", _unserved, 0.0, at_most=True),
        ),
        kind="slow",
        apart=True,
        own_arguments=("--check-seq",),
    )


SIGNING_IN = (
    *("ack_ms_p99_alone", "ack_ms_p99", "ack_ms_p99_ratio", "acks_per_s", "acks_per_s_ratio"),
    *("sign_ins_asked_per_s", "sign_ins_refused_share", "sign_ins_failed", "sign_ins_mib"),
)

SIZES = ((16, 100), (16, 1000), (16, 10000), (64, 100), (64, 10000))  # beside the default rows of 64 publishers
SCENARIOS = (
    _fan_out(64, 200, bun=1.0),
    _fan_out(64, 1000, bun=1.4, nchan=20.0, servers=(NODE_WS, AIOHTTP, STARLETTE, SOCKET_IO, MOSQUITTO, NATS)),
    _fan_out(64, 5000, bun=1.4),
    _fan_out(4, 200, bun=0.55),
    _one_message(
        "one-by-one",
        "One message per batch: 1 publisher, one post in flight, 200 WebSocket subscribers",
        ("--publishers", "1", "--subscribers", "200"),
        (NCHAN, BUN_SERVER, NODE_WS, AIOHTTP, STARLETTE, SOCKET_IO, MOSQUITTO, NATS),
    ),
    _one_message(
        "steady",
        "One message per batch: 50 posts/s on schedule, 1000 WebSocket subscribers",
        ("--publishers", "4", "--rate", "50", "--subscribers", "1000"),
        (NCHAN, BUN_SERVER),
    ),
    Scenario(
        name="posts",
        title="Posts: 64 connections (one in flight each), one subscriber",
        servers=(PARLOUR, BUN_SERVER, NCHAN, FLOOR, NODE_WS, AIOHTTP, STARLETTE, REDIS_STREAMS, JETSTREAM),
        arguments=("--publishers", "64", "--subscribers", "1"),
        columns=POSTS,
        budgets=(
            Budget("durable posts/s ÷ Bun's undurable", _ratio("acks_per_s", BUN_SERVER), 0.35),
            Budget("durable posts/s ÷ nchan's undurable", _ratio("acks_per_s", NCHAN), 0.3),
            Budget("CPU µs per durable post", _own("cpu_us_per_post"), 30.0, at_most=True),
        ),
    ),
    Scenario(
        name="signing-in",
        title="10,000 posts/s on schedule while 100 sign-ins a second are asked for: 64 connections, one subscriber",
        servers=(PARLOUR,),
        arguments=("100", "--publishers", "64", "--rate", "10000", "--subscribers", "1"),
        columns=SIGNING_IN,
        budgets=(
            Budget("p99 of an answer while many sign in ÷ without", _own("ack_ms_p99_ratio"), 1.25, at_most=True),
            Budget("sign-ins that were neither hashed nor refused", _own("sign_ins_failed"), 0.0, at_most=True),
            Budget("MiB more while many sign in", _own("sign_ins_mib"), 192.0, at_most=True),
        ),
        kind="signing-in",
        apart=True,
    ),
    *ON_NODES,
    *(_few_posts(publishers) for publishers in (1, 16, 256)),
    Scenario(
        name="fanout-sse",
        title="Fan-out over SSE: 64 publishers, one room, 1000 subscribers",
        servers=(PARLOUR, NCHAN),
        arguments=("--publishers", "64", "--subscribers", "1000", "--sse"),
        columns=FANOUT,
        quick=False,
    ),
    Scenario(
        name="many-rooms",
        title="Many rooms: 64 publishers in turn over 1000 rooms of 5 WebSocket subscribers",
        servers=(PARLOUR, BUN_SERVER, NCHAN, FLOOR),
        arguments=("--publishers", "64", "--rooms", "1000", "--subscribers", "5"),
        columns=FANOUT,
        quick=False,
    ),
    _memory("websocket", 1000, (BUN_SERVER, NCHAN, NODE_WS), quick=False),
    _memory(
        "websocket",
        10000,
        (BUN_SERVER, NCHAN, NODE_WS, AIOHTTP, STARLETTE, SOCKET_IO, MOSQUITTO, NATS),
        quick=True,
    ),
    _memory(
        "websocket", 15900, (BUN_SERVER, NCHAN, NODE_WS), quick=False
    ),  # of 20 000 descriptors 80 % are for clients
    _memory("sse", 1000, (NCHAN,), quick=False),
    _memory("sse", 10000, (NCHAN,), quick=True),
    Scenario(
        name="start",
        title="An idle process",
        servers=(PARLOUR, BUN_SERVER, NCHAN, NODE_WS, AIOHTTP, STARLETTE),
        arguments=(),
        columns=("pss_mib", "ready_s"),
        budgets=(
            Budget("MiB of an idle process", _own("pss_mib"), 45.0, at_most=True),
            Budget("seconds until it is ready", _own("ready_s"), 0.5, at_most=True),
        ),
        kind="start",
    ),
    Scenario(
        name="storm",
        title="Reconnects: 10 rooms of 1000 WebSockets cut at once, each 100 messages behind, 100 posts/s going on",
        servers=(PARLOUR,),
        arguments=("--publishers", "10", "--rooms", "10", "--subscribers", "1000", "--storm", "100", "--rate", "100"),
        columns=("storm_s", "missing", "extra", "repeats", "gaps", "ack_ms_p99"),
        budgets=(
            Budget("seconds until 10 000 have resumed", _own("storm_s"), 3.0, at_most=True),
            Budget("events lost or doubled on resume", _faults, 0.0, at_most=True),
        ),
        own_arguments=("--check-seq",),
    ),
    _catch_up(1000, 10),
    _catch_up(1000, 1000),
    _catch_up(20, 100000),
    Scenario(
        name="history",
        title="Newest page of history: 500 pages/s over 16 connections, 200 posts/s, 100 WebSocket subscribers",
        servers=(PARLOUR,),
        arguments=(
            *("--publishers", "4", "--rate", "200", "--subscribers", "100"),
            *("--readers", "16", "--reader-rate", "500", "--preload", "5000"),
        ),
        columns=("pages_per_s", "page_ms_p50", "page_ms_p99", "page_ms_p999", "server_share"),
        budgets=(Budget("newest page p99, ms", _own("page_ms_p99"), 5.0, at_most=True),),
    ),
    *(_size(publishers, subscribers) for publishers, subscribers in SIZES),
    *(_rooms(rooms, zipf=zipf) for rooms in (100, 1000, 1500) for zipf in (False, True)),
    *(_heard(publishers) for publishers in (1, 16, 64, 256)),
    Scenario(
        name="latency",
        title="Latency: 1000 WebSocket subscribers, 64 publishers; as much as the server can, then shares of that, and "
        "rates common to all, on schedule",
        servers=(PARLOUR, BUN_SERVER, BUN_AS_LARGE, NCHAN, NODE_WS, FLOOR),
        arguments=("1000", "--publishers", "64", "--awake"),  # a late timer of the generator would be a late message
        columns=LATENCY,
        kind="latency",
        apart=True,
    ),
    _slow("100", "100 more that read nothing for 35 s", ("100", "--stall", "35")),
    _slow("1000", "1000 more that read nothing for 12 s", ("1000", "--stall", "12")),
    _slow("1000-trickle", "1000 more that read 1 KiB/s for 12 s", ("1000", "--stall", "12", "--slow-rate", "1024")),
    Scenario(
        name="soak",
        title="Soak: 40 posts/s over 8 rooms of 25 subscribers, half of whom come and go; for Parlour also SSE, pages, "
        "long-polls",
        servers=(PARLOUR, BUN_SERVER, NCHAN, NODE_WS),
        arguments=(
            *("--publishers", "8", "--rate", "40", "--rooms", "8", "--subscribers", "25", "--markers", "40"),
            *("--churn", "2", "--turnover", "50"),
        ),
        columns=SOAK,
        budgets=(
            Budget("soak: events lost or doubled", _lost, 0.0, at_most=True),
            Budget("soak: descriptors that do not come back", _unclosed, 0.0, at_most=True),
        ),
        kind="soak",
        apart=True,
        own_arguments=("--check-seq", "--mixed", "--readers", "4", "--reader-rate", "4", "--pollers", "8"),
    ),
)
