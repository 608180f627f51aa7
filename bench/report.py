"""Turn raw runs into what people read: medians with their spread, and each budget as held or missed."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.scenario import Medians, Scenario

NOISY_SHARE = 0.05  # of one core, used by neither server nor generator
GENERATOR_LIMIT = 0.9  # of its core: beyond it the server was not what was measured ...
SERVER_FULL = 0.95  # ... unless the server's own core was full as well
ON_SCHEDULE = 0.97  # of the posts that were due; less is saturation, and its latencies are those of a queue

COLUMNS = {
    "deliveries_per_s": "deliveries/s",
    "cpu_us_per_delivery": "CPU µs/delivery",
    "cpu_us_per_added_delivery": "CPU µs/added delivery",
    "cpu_us_per_post_to_one": "CPU µs/post to one",
    "messages_per_read": "messages/read",
    "delivery_ms_p50": "delivery p50 ms",
    "delivery_ms_p99": "p99",
    "delivery_ms_p999": "p99.9",
    "acks_per_s": "posts/s",
    "cpu_us_per_post": "CPU µs/post",
    "ack_ms_p50": "answer p50 ms",
    "ack_ms_p99": "answer p99",
    "ack_ms_p999": "answer p99.9",
    "kib_per_subscriber": "KiB/subscriber",
    "handshakes_per_s": "handshakes/s",
    "pss_mib": "PSS MiB",
    "ready_s": "ready s",
    "rate": "posts/s asked",
    "achieved_per_s": "posts/s answered and delivered",
    "acks": "posts in the window",
    "rooms_reached": "rooms that got a post",
    "busiest_room_share": "share of the busiest",
    "storm_s": "all resumed s",
    "replayed_per_s": "replayed/s",
    "pages_per_s": "pages/s",
    "page_ms_p50": "page p50 ms",
    "page_ms_p99": "p99",
    "page_ms_p999": "p99.9",
    "server_share": "server's core",
    "before_ms_p50": "before: p50 ms",
    "before_ms_p99": "p99",
    "before_ms_p999": "p99.9",
    "during_ms_p50": "during: p50 ms",
    "during_ms_p99": "p99",
    "during_ms_p999": "p99.9",
    "after_ms_p99": "after: p99",
    "before_cpu_us_per_delivery": "CPU µs/delivery before",
    "kib_per_slow_reader": "KiB/slow reader",
    "slow_closed": "slow: let go",
    "slow_missed": "messages they never got",
    "slow_caught_up_s": "caught up s",
    "ack_ms_p99_alone": "without sign-ins: answer p99 ms",
    "ack_ms_p99_ratio": "with ÷ without",
    "acks_per_s_ratio": "posts/s with ÷ without",
    "sign_ins_asked_per_s": "sign-ins/s asked",
    "sign_ins_refused_share": "refused (503)",
    "sign_ins_failed": "failed",
    "sign_ins_mib": "MiB more",
    "pss_start_mib": "PSS MiB at rest before",
    "pss_end_mib": "at the end",
    "pss_kib_per_hour": "growth KiB/h",
    "descriptors_start": "descriptors before",
    "descriptors_most": "most",
    "descriptors_end": "after",
    "threads_start": "threads before",
    "threads_end": "after",
    "poll_ms_p99": "long-poll p99",
    "cores_busy": "cores busy (all together)",
    "node_us_per_post": "CPU µs/post in nodes",
    "postgresql_us_per_post": "in PostgreSQL",
    "relay_us_per_post": "in NATS",
    "generator_us_per_post": "in the generator",
    "node_share": "cores: nodes",
    "postgresql_share": "PostgreSQL",
    "node_rss_mib_idle": "a node at rest, RSS MiB",
    "node_uss_mib_idle": "USS",
    "node_rss_mib": "after the load, RSS",
    "node_uss_mib": "USS",
    "postgresql_mib_idle": "PostgreSQL at rest, PSS MiB",
    "postgresql_mib": "after the load",
}


@dataclass(slots=True)
class Results:
    """All runs of one table: `runs[scenario][server]` is a list of figures, one per run."""

    date: str
    mode: str
    machine: dict[str, object]
    versions: dict[str, str]
    runs: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)  # "scenario, server" -> what went wrong
    curves: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict)  # samples of a soak, over time

    def medians(self, scenario: Scenario) -> Medians:
        """Return the median of each figure over the runs of each server."""
        return {
            server: {figure: statistics.median(run[figure] for run in runs) for figure in common_figures(runs)}
            for server, runs in self.runs[scenario.name].items()
            if runs
        }


def common_figures(runs: list[dict[str, float]]) -> list[str]:
    """Return the figures that every run has, in the order of the first."""
    return [figure for figure in runs[0] if all(figure in run for run in runs)]


def doubts(runs: list[dict[str, float]]) -> str:
    """Say why figures of these runs should not be taken at face value; empty when there is no reason."""
    words = []
    if any(run.get("generator_share", 0) > GENERATOR_LIMIT and run["server_share"] < SERVER_FULL for run in runs):
        words.append("generator-bound")
    if any(abs(run.get("others_share", 0)) > NOISY_SHARE for run in runs):
        words.append("noisy")
    return ", ".join(words)


def faults(runs: list[dict[str, float]]) -> str:
    """Say what a server did not do: deliveries it owed, order it broke, a schedule it could not follow."""
    words = []
    if missing := sum(run.get("missing", 0) for run in runs):
        words.append(f"{missing:.0f} missing")
    if surplus := sum(run.get("extra", 0) + run.get("repeats", 0) + run.get("gaps", 0) for run in runs):
        words.append(f"{surplus:.0f} doubled or out of order")
    if refused := sum(run.get("refused", 0) for run in runs):
        words.append(f"{refused:.0f} refused")
    if any(run.get("achieved_per_s", run.get("acks_per_s", 0)) < ON_SCHEDULE * run.get("rate", 0) for run in runs):
        words.append("fell behind the schedule")
    return ", ".join(words)


def markdown(results: Results, scenarios: list[Scenario]) -> str:
    """Write the whole table as a page."""
    parts = [_heading(results), _budgets(results, scenarios)]
    parts.extend(_rows(results, scenario) for scenario in scenarios)
    return "\n".join(parts)


def _heading(results: Results) -> str:
    facts = [f"- {name.replace('_', ' ')}: {value}" for name, value in results.machine.items()]
    facts += [f"- {name} {version}" for name, version in results.versions.items()]
    return "\n".join([f"# Benchmarks of {results.date} ({results.mode})", "", *facts, ""])


def _budgets(results: Results, scenarios: list[Scenario]) -> str:
    lines = ["## Budgets", "", "| budget | limit | measured | |", "|---|---|---|---|"]
    for scenario in scenarios:
        medians = results.medians(scenario)
        suspect = any(doubts(runs) for runs in results.runs[scenario.name].values())
        for budget in scenario.budgets:
            limit = f"{'≤' if budget.at_most else '≥'} {budget.limit:g}"
            try:
                value = budget.value(medians)
            except KeyError:  # a server was left out of this table, or failed
                lines.append(f"| {budget.text} | {limit} | – | not measured |")
                continue
            verdict = ("held" if budget.held(value) else "**missed**") + (" (in doubt)" if suspect else "")
            lines.append(f"| {budget.text} | {limit} | {number(value)} | {verdict} |")
    return "\n".join([*lines, ""])


def _rows(results: Results, scenario: Scenario) -> str:
    names = [COLUMNS.get(column, column.replace("_", " ")) for column in scenario.columns]
    lines = [f"## {scenario.title}", "", f"| server | {' | '.join(names)} | |", "|---" * (len(names) + 2) + "|"]
    for server, runs in results.runs[scenario.name].items():
        cells = [_cell([run[column] for run in runs if column in run]) for column in scenario.columns]
        failed = results.failures.get(f"{scenario.name}, {server}", [])
        notes = [faults(runs), doubts(runs), f"runs failed: {len(failed)}" if failed else ""]
        lines.append(f"| {server} | {' | '.join(cells)} | {', '.join(note for note in notes if note)} |")
    return "\n".join([*lines, ""])


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    middle = number(statistics.median(values))
    low, high = number(min(values)), number(max(values))
    return middle if low == high else f"{middle} ({low}–{high})"


def number(value: float) -> str:
    """Write a figure with three significant digits, thousands in groups."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
