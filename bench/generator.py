"""Drive the load generator: one run against one running server, as the figures it printed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.servers import BENCH, BUILD, memory_kib, on_core

if TYPE_CHECKING:
    from bench.servers import Running

GENERATOR_CORE = 1
RUN_DEADLINE_S = 180.0
SETTLE_S = 1.5  # for buffers of the handshakes to be freed before memory is read

Figures = dict[str, float]


def load(server: Running, arguments: list[str]) -> Figures:
    """Run one load against `server` and return its figures, flat; latencies in milliseconds, per-unit costs in µs.

    Raises RuntimeError when the generator gave up (the server refused or closed a connection, or never answered).
    """
    done = subprocess.run(
        [*command(server), *_processes(server), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_DEADLINE_S,
        preexec_fn=on_core(GENERATOR_CORE),
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    figures = flat(json.loads(done.stdout))
    for unit, count in (("delivery", "deliveries"), ("post", "acks")):
        if figures[count]:
            figures[f"cpu_us_per_{unit}"] = figures["server_cpu_us"] / figures[count]
    return figures


def _processes(server: Running) -> list[str]:
    """Return what says whose time is the server's: by parts where there are several."""
    if len(server.families) == 1:
        return [word for pid in server.pids() for word in ("--pid", str(pid))]
    families = ((name, pid) for name, pids in server.families.items() for pid in pids)
    return [word for name, pid in families for word in ("--family", f"{name}:{pid}")]


def added(figures: Figures, alone: Figures) -> Figures:
    """Return `figures` with what one more subscriber costs: the growth of a post's CPU over that of a post to one."""
    subscribers = figures["deliveries"] / figures["acks"]
    growth = figures["cpu_us_per_post"] - alone["cpu_us_per_post"]
    return {**figures, "cpu_us_per_post_to_one": alone["cpu_us_per_post"],
            "cpu_us_per_added_delivery": growth / (subscribers - 1)}  # fmt: skip


def idle(server: Running, arguments: list[str], subscribers: int) -> Figures:
    """Connect idle subscribers and return what each of them costs: KiB of the server's proportional set size."""
    before = server.pss_kib()
    arguments = [*command(server), "--hold", "--subscribers", str(subscribers), *arguments]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=on_core(GENERATOR_CORE)
    ) as process:
        assert process.stdout is not None
        connected = json.loads(process.stdout.readline())
        try:
            process.wait(SETTLE_S)
        except subprocess.TimeoutExpired:
            growth = server.pss_kib() - before
        process.communicate()
    return {"kib_per_subscriber": growth / subscribers, "handshakes_per_s": connected["handshakes_per_s"]}


def slow(server: Running, arguments: list[str], slow_readers: int) -> Figures:
    """Return what slow readers do to the healthy ones and to the server: KiB of its memory for each of them."""
    figures = load(server, ["--slow", str(slow_readers), *arguments])
    growth = figures["pss_during_kib"] - figures["pss_before_kib"]
    return {**figures, "kib_per_slow_reader": growth / slow_readers}


def signing_in(server: Running, arguments: list[str], rate: str) -> Figures:
    """Return what it does to posts that `rate` sign-ins a second are asked for: beside the same load without them.

    `ack_ms_p99_ratio` and `acks_per_s_ratio` are those with sign-ins to those without.
    """
    alone = load(server, arguments)
    before = server.pss_kib()
    asking = [sys.executable, str(BENCH / "sign_ins.py"), str(server.port), rate]
    with subprocess.Popen(
        asking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=on_core(GENERATOR_CORE)
    ) as process:
        figures = load(server, arguments)
        growth = server.pss_kib() - before
        asked = flat(json.loads(process.communicate()[0]))
    return {
        **figures,
        "ack_ms_p99_alone": alone["ack_ms_p99"],
        "ack_ms_p99_ratio": figures["ack_ms_p99"] / alone["ack_ms_p99"],
        "acks_per_s_ratio": figures["acks_per_s"] / alone["acks_per_s"],
        "sign_ins_asked_per_s": asked["asked"] / asked["seconds"],
        "sign_ins_refused_share": asked["refused"] / asked["asked"],
        "sign_ins_failed": asked["failed"] + asked["not_sent"],
        "sign_ins_mib": growth / 1024,
    }


def nodes(server: Running, arguments: list[str]) -> Figures:
    """Return the figures of one load, with what each part of the server takes.

    For each part its CPU for a post (`node_us_per_post`), its share of a core, and its memory; that of nodes is what
    one of them has. `all_us_per_post` is everybody's, the generator's too.
    """
    before = _memory(server)
    figures = load(server, arguments)
    posts = figures["acks"]
    if len(server.families) == 1:
        figures |= {"node_cpu_us": figures["server_cpu_us"], "node_share": figures["server_share"]}
    for name in server.families:
        figures[f"{name}_us_per_post"] = figures[f"{name}_cpu_us"] / posts
    generator_us = figures["generator_share"] * figures["seconds"] * 1e6 / posts
    after = _memory(server)
    return {
        **figures,
        "generator_us_per_post": generator_us,
        "all_us_per_post": figures["server_cpu_us"] / posts + generator_us,
        "cores_busy": figures["server_share"] + figures["generator_share"] + figures["others_share"],
        **{f"{name}_idle": value for name, value in before.items()},
        **after,
    }


def _memory(server: Running) -> Figures:
    count = len(server.ports)
    own = [memory_kib(pid) for pid in server.families["node"]]
    figures = {f"node_{kind}_mib": sum(each[kind] for each in own) / 1024 / count for kind in ("rss", "uss")}
    for name in server.families.keys() - {"node"}:
        figures[f"{name}_mib"] = sum(memory_kib(pid)["pss"] for pid in server.pids_of(name)) / 1024
    return figures


def start(server: Running) -> Figures:
    """Return what an idle server weighs and how long it took to accept connections."""
    return {"ready_s": server.ready_s, "pss_mib": server.pss_kib() / 1024}


def command(server: Running) -> list[str]:
    """Return how the generator is called for `server`, without what it is to do."""
    ports = [word for port in server.ports for word in ("--port", str(port))]
    return [str(BUILD / "load"), *ports, "--dialect", server.dialect]


def flat(printed: dict[str, object]) -> Figures:
    """Return the generator's line without levels: `{"ack_ms": {"p50": 1}}` becomes `ack_ms_p50`; nulls are left out."""
    figures: Figures = {}
    for name, value in printed.items():
        if isinstance(value, dict):
            figures.update({f"{name}_{quantile}": float(each) for quantile, each in value.items()})
        elif isinstance(value, int | float):
            figures[name] = float(value)
    return figures
