"""Measure the whole table: every scenario, its servers in turn, several rounds; print it and keep it."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import generator, latency, machine
from bench.report import Results, doubts, faults, markdown, number
from bench.scenario import Scenario
from bench.scenarios import SCENARIOS
from bench.servers import ALL, BENCH, BUILD, PARLOUR, Server, parlour_of, started
from bench.soak import soak

QUIET_SHARE = 0.03


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often: rounds per scenario, seconds of warm-up and of the measured window."""

    rounds: int
    warm_up_s: float
    seconds: float
    soak_s: float = 600.0


QUICK = Pace(rounds=1, warm_up_s=0.5, seconds=1.5)
FULL = Pace(rounds=3, warm_up_s=1.0, seconds=4.0)


def run_once(scenario: Scenario, server: Server, pace: Pace) -> generator.Figures:
    """Start `server`, put the load of `scenario` on it once and return the figures."""
    with started(server) as running:
        if scenario.kind == "start":
            return generator.start(running)
        if scenario.kind == "idle":
            return generator.idle(running, list(scenario.arguments[1:]), int(scenario.arguments[0]))
        own = (*server.load, *(scenario.own_arguments if server.name.startswith(PARLOUR.name) else ()))
        timing = ("--warm-up", str(pace.warm_up_s), "--seconds", str(pace.seconds))
        if scenario.kind == "slow":
            return generator.slow(running, [*scenario.arguments[1:], *own, *timing], int(scenario.arguments[0]))
        if scenario.kind == "signing-in":
            return generator.signing_in(running, [*scenario.arguments[1:], *own, *timing], scenario.arguments[0])
        if scenario.kind == "nodes":
            return generator.nodes(running, [*scenario.arguments, *own, *timing])
        figures = generator.load(running, [*scenario.arguments, *own, *timing])
        if scenario.kind == "added":
            alone = generator.load(running, [*scenario.arguments, "--subscribers", "1", *own, *timing])
            return generator.added(figures, alone)
        return figures


def rows_of(scenario: Scenario, server: Server) -> list[str]:
    """Return the rows that `server` has in the table of `scenario`: one, or one for each step."""
    return [f"{server.name}, {step}" for step in latency.STEPS] if scenario.kind == "latency" else [server.name]


def turn(scenario: Scenario, server: Server, pace: Pace) -> Iterator[tuple[str, generator.Figures]]:
    """Run `scenario` once on `server`; give each of its rows as it is measured."""
    if scenario.kind != "latency":
        yield server.name, run_once(scenario, server, pace)
        return
    subscribers = scenario.arguments[0]
    timing = ("--warm-up", str(pace.warm_up_s), "--seconds", str(pace.seconds))
    always = ["--subscribers", subscribers, *scenario.arguments[1:], *server.load, *timing]
    with started(server) as running:
        for step, figures in latency.steps(lambda load: generator.load(running, [*always, *load]), int(subscribers)):
            yield f"{server.name}, {step}", figures


def measure(results: Results, scenarios: list[Scenario], servers: list[Server], pace: Pace) -> None:
    """Fill `results`: in each round every server has its turn, so that a bad minute hits all alike."""
    for scenario in scenarios:
        print(f"\n{scenario.title}", flush=True)
        if scenario.kind == "soak":
            measure_soak(results, scenario, servers, pace)
            continue
        asked = [each for each in scenario.servers if each in servers]
        by_step = zip(*(rows_of(scenario, each) for each in asked), strict=True)
        results.runs[scenario.name] = {row: [] for step in by_step for row in step}
        for _ in range(pace.rounds):
            for server in asked:
                measure_turn(results, scenario, server, pace)


def measure_turn(results: Results, scenario: Scenario, server: Server, pace: Pace) -> None:
    """Add one run of `server` to `results`, or to the rows that it did not get as far as, why."""
    owed = rows_of(scenario, server)
    try:
        for row, figures in turn(scenario, server, pace):
            owed.remove(row)
            results.runs[scenario.name][row].append(figures)
            shown = "  ".join(f"{each} {number(figures[each])}" for each in scenario.columns if each in figures)
            print(f"  {row:14} {shown}  {faults([figures])} {doubts([figures])}", flush=True)
    except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
        for row in owed:
            results.failures.setdefault(f"{scenario.name}, {row}", []).append(str(failure))
        print(f"  {server.name:14} failed: {failure}", flush=True)


def measure_soak(results: Results, scenario: Scenario, servers: list[Server], pace: Pace) -> None:
    """Fill `results` with one long run of all servers at once, and its curves."""
    asked = [each for each in scenario.servers if each in servers]
    rows = results.runs[scenario.name] = {each.name: [] for each in asked}
    curves = results.curves[scenario.name] = {}
    for name, outcome in soak(scenario, asked, pace.soak_s, pace.warm_up_s).items():
        if isinstance(outcome, Exception):
            results.failures[f"{scenario.name}, {name}"] = [str(outcome)]
            print(f"  {name:14} failed: {outcome}", flush=True)
        else:
            figures, curves[name] = outcome
            rows[name].append(figures)


def keep(results: Results, page: str) -> Path:
    """Store the raw runs and the page under bench/results, named after date and mode; return the page's path."""
    folder = BENCH / "results"
    folder.mkdir(exist_ok=True)
    stem = f"{results.date.replace(':', '').replace(' ', '-')}-{results.mode}"
    (folder / f"{stem}.json").write_text(json.dumps(dataclasses.asdict(results), indent=1) + "\n")
    path = folder / f"{stem}.md"
    path.write_text(page)
    return path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure Parlour beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round: a few minutes, for orientation only")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="a scenario, or all whose name starts so (repeatable)"
    )
    parser.add_argument("--servers", help="names, separated by commas; default: all")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="length of each measured window")
    parser.add_argument("--soak-seconds", type=float, help="length of a soak, with --only soak; default: 600")
    parser.add_argument("--discard", action="store_true", help="print the table without keeping it in bench/results")
    parser.add_argument(
        "--before", type=Path, metavar="TREE", help="a checkout of an earlier commit, prepared too, beside this one"
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and servers, and stop")
    return parser.parse_args()


def chosen(only: list[str], *, quick: bool) -> list[Scenario]:
    """Return the scenarios that `only` names; without such, those of a quick or of a full table.

    The name of a scenario is that one alone, anything else all whose name starts so.
    """
    if only:
        names = {each.name for each in SCENARIOS}
        starts = tuple(each for each in only if each not in names)
        return [each for each in SCENARIOS if each.name in only or each.name.startswith(starts)]
    return [each for each in SCENARIOS if not each.apart and (each.quick or not quick)]


def _with(before: Server, servers: tuple[Server, ...]) -> tuple[Server, ...]:
    return (before, *servers) if PARLOUR in servers else servers


def main() -> None:
    """Run what the command line asks for."""
    asked = _arguments()
    if asked.list:
        print("scenarios:", *(each.name for each in SCENARIOS), "\nservers:", *(repr(each.name) for each in ALL))
        return
    names = asked.servers.split(",") if asked.servers else [each.name for each in ALL]
    servers = [each for each in ALL if each.name in names]
    scenarios = [each for each in chosen(asked.only or [], quick=asked.quick) if {*each.servers} & {*servers}]
    if asked.before:
        before = parlour_of(asked.before.resolve(), f"{PARLOUR.name} before")
        servers.insert(0, before)
        scenarios = [dataclasses.replace(each, servers=_with(before, each.servers)) for each in scenarios]
    if not (BUILD / "load").exists():
        sys.exit("run bench/prepare first")
    pace = QUICK if asked.quick else FULL
    pace = dataclasses.replace(pace, rounds=asked.rounds or pace.rounds, seconds=asked.seconds or pace.seconds)
    pace = dataclasses.replace(pace, soak_s=asked.soak_seconds or pace.soak_s)
    about = machine.describe(BUILD)
    if float(str(about["busy_before"])) > QUIET_SHARE:
        print(
            f"warning: {about['busy_before']} cores were busy before the start: these figures are noise",
            file=sys.stderr,
        )
    now = datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%d %H:%M")
    results = Results(
        now,
        "quick" if asked.quick else "full",
        about,
        {each.name: f"{each.version()}; stores: {each.keeps}" for each in servers},
    )
    measure(results, scenarios, servers, pace)
    page = markdown(results, scenarios)
    print(f"\n{page}")
    if not asked.discard:
        print(f"kept as {keep(results, page).relative_to(BENCH.parent)}")
