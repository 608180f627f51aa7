"""Keep every server under the same small load at once, for long: what grows, what stays open, what gets lost."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench.generator import GENERATOR_CORE, Figures, command, flat
from bench.servers import PARLOUR, on_core, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.scenario import Scenario
    from bench.servers import Running, Server

INTERVALS = 60  # samples of a run
SHORTEST_S = 0.25  # between two of them: reading them costs the server something too
VISIT_S = 0.5  # a first load: what a server opens once and keeps (files, threads) is no leak
RELEASE_S = 20.0  # for descriptors to come back after the last client has gone
DISCARDED = 0.25  # of a run: caches fill, allocators take what they will keep

SAMPLED = (
    *("delivery_ms_p50", "delivery_ms_p99", "ack_ms_p50", "ack_ms_p99", "page_ms_p99", "poll_ms_p50", "poll_ms_p99"),
    *("server_share", "generator_share", "others_share", "acks_per_s", "goings"),
)
PLACES = 3  # digits behind the point that are kept of a sample

Soaked = tuple[Figures, list[Figures]]  # the whole run, and its samples in the order of time


def soak(scenario: Scenario, servers: list[Server], seconds: float, warm_up_s: float) -> dict[str, Soaked | Exception]:
    """Run all servers of `scenario` at once, each with a generator of its own; by name what came of it.

    Only a run that is the same minutes for all can say whose tail a busy machine is: nothing is interleaved here.
    """
    with ThreadPoolExecutor(len(servers)) as pool:
        runs = {each.name: pool.submit(_one, scenario, each, seconds, warm_up_s) for each in servers}
        outcomes: dict[str, Soaked | Exception] = {}
        for name, run in runs.items():
            try:
                outcomes[name] = run.result()
            except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
                outcomes[name] = failure
    return outcomes


def growth_per_hour(samples: list[Figures]) -> float:
    """Return the slope of memory in KiB per hour: least squares over the samples behind the first quarter.

    Raises statistics.StatisticsError for fewer than two samples.
    """
    kept = [each for each in samples if each["elapsed_s"] >= DISCARDED * samples[-1]["elapsed_s"]]
    hours = [each["elapsed_s"] / 3600 for each in kept]
    return statistics.linear_regression(hours, [each["pss_mib"] * 1024 for each in kept]).slope


def vitals(server: Running) -> Figures:
    """Return memory (MiB), open descriptors and threads of all the server's processes."""
    pids = server.pids()
    return {
        "pss_mib": server.pss_kib() / 1024,
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids),
    }


def _one(scenario: Scenario, server: Server, seconds: float, warm_up_s: float) -> Soaked:
    own = scenario.own_arguments if server is PARLOUR else ()
    arguments = [*scenario.arguments, *own, "--warm-up", str(warm_up_s)]
    with started(server) as running:
        for _ in _reports(running, [*arguments, "--seconds", str(VISIT_S), "--report", str(VISIT_S)]):
            pass
        before = _at_rest(running, at_most=0)
        samples: list[Figures] = []
        end: Figures = {}
        interval = max(SHORTEST_S, seconds / INTERVALS)
        for line in _reports(running, [*arguments, "--seconds", str(seconds), "--report", str(interval)]):
            if "missing" in line:
                end = line
                continue
            seen = vitals(running) | {name: line[name] for name in SAMPLED if name in line}
            samples.append({"elapsed_s": line["elapsed_s"]} | {k: round(v, PLACES) for k, v in seen.items()})
        after = _at_rest(running, at_most=before["descriptors"])
    return _summary(end, before, after, samples), samples


def _reports(server: Running, arguments: list[str]) -> Iterator[Figures]:
    """Run the generator and give its lines as they come, flat. Raises RuntimeError when it gave up."""
    pids = [word for pid in server.pids() for word in ("--pid", str(pid))]
    with subprocess.Popen(
        [*command(server), *pids, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=on_core(GENERATOR_CORE),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            with contextlib.suppress(json.JSONDecodeError):  # half a line of a generator that gave up
                yield flat(json.loads(line))
        said = process.stderr.read()
    if process.returncode != 0:
        raise RuntimeError(said.strip())


def _at_rest(server: Running, at_most: float) -> Figures:
    """Look again until no more than `at_most` descriptors are open, or until their number has stood for a second."""
    deadline = time.monotonic() + RELEASE_S
    seen, since = vitals(server), time.monotonic()
    while seen["descriptors"] > at_most and time.monotonic() < deadline:
        time.sleep(0.1)
        now = vitals(server)
        if now["descriptors"] != seen["descriptors"]:
            since = time.monotonic()
        elif not at_most and time.monotonic() - since > 1:
            return now
        seen = now
    return seen


def _summary(end: Figures, before: Figures, after: Figures, samples: list[Figures]) -> Figures:
    whole = {name.removeprefix("whole_"): value for name, value in end.items()}
    busy = whole.pop("others_share") + whole["server_share"] + whole["generator_share"]
    return {
        **whole,
        "cores_busy": busy,  # by everyone: the other servers of the run and their generators too
        "minutes": end["seconds"] / 60,
        "pss_start_mib": before["pss_mib"],
        "pss_end_mib": samples[-1]["pss_mib"],
        "pss_kib_per_hour": growth_per_hour(samples),
        "descriptors_start": before["descriptors"],
        "descriptors_most": max(each["descriptors"] for each in samples),
        "descriptors_end": after["descriptors"],
        "threads_start": before["threads"],
        "threads_end": after["threads"],
    }
