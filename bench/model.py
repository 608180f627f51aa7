"""What a machine with more cores would take, from what a post costs in nodes and in PostgreSQL on this one.

    python -m bench.model bench/results/NAME.json

A node has one event loop, so it uses one core at most, and each further node costs every post something more: it hears
of the post and reads it if somebody reads that room there. With N nodes on k cores, all but the generator on them,

    posts/s = min(N × 10⁶ / node(N), k × 10⁶ / (node(N) + postgresql(N)))

where node(N) = node(1) + (N − 1) × another, in µs of CPU for each post, and PostgreSQL alike. What cannot be spread is
not in it: one room takes one batch at a time.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import number
from bench.servers import LAYOUTS, ON_POSTGRES, THREE_NODES

NODES = (1, 3, 6)
CORES = (4, 8, 16)
LOADS = (
    ("one room, 256 senders", "postgres-posts-256", "postgres-posts-256"),
    ("a room for each of 256 senders", "postgres-posts-256-apart", "postgres-posts-256-apart"),
    ("a room for each sender, 256 of them on each node", "postgres-posts-256-apart", "postgres-posts-768-apart"),
    ("1000 rooms, each read on every node, 64 senders", "postgres-rooms-1000", "postgres-rooms-1000"),
)
"""What was measured with one node, and what with three."""
COMPARED = "postgres-posts-256-apart"

Runs = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]  # scenario -> server -> figures of each run


@dataclass(frozen=True, slots=True)
class Cost:
    """µs of CPU for a post: with one node, and what each further node adds."""

    of_one: float
    of_another: float

    def of(self, nodes: int) -> float:
        """With so many nodes."""
        return self.of_one + (nodes - 1) * self.of_another


@dataclass(frozen=True, slots=True)
class Model:
    """What a post costs in all nodes together, in PostgreSQL, and in the generator."""

    node: Cost
    postgresql: Cost
    generator_us: float

    def posts_per_s(self, nodes: int, cores: float) -> tuple[float, str]:
        """Return what so many nodes take on so many cores, and which of the two it is that is full."""
        by_nodes = nodes * 1e6 / self.node.of(nodes)
        by_cores = cores * 1e6 / (self.node.of(nodes) + self.postgresql.of(nodes))
        return (by_nodes, "nodes") if by_nodes <= by_cores else (by_cores, "cores")


def fitted(runs: Runs, scenario: str, of_three: str) -> Model:
    """Return the model that the medians of one node and of three give. Raises KeyError if one was not measured."""
    one, three = _medians(runs[scenario][ON_POSTGRES.name]), _medians(runs[of_three][THREE_NODES.name])

    def cost(figure: str) -> Cost:
        return Cost(one[figure], (three[figure] - one[figure]) / 2)

    return Model(cost("node_us_per_post"), cost("postgresql_us_per_post"), one["generator_us_per_post"])


def page(runs: Runs) -> str:
    """Write the costs, the table for more cores, and what the model says of the layouts that were measured."""
    columns = [f"{nodes} node{'s' * (nodes > 1)}, {cores} cores" for nodes in NODES for cores in CORES]
    lines = ["| posts/s | µs in nodes (more for each further one) | in PostgreSQL | " + " | ".join(columns) + " |"]
    lines.append("|---" * (len(columns) + 3) + "|")
    for what, scenario, of_three in LOADS:
        if scenario in runs and of_three in runs:
            model = fitted(runs, scenario, of_three)
            costs = [f"{each.of_one:.1f} ({each.of_another:+.1f})" for each in (model.node, model.postgresql)]
            cells = [_cell(model, nodes, cores) for nodes in NODES for cores in CORES]
            lines.append(f"| {what} | {' | '.join([*costs, *cells])} |")
    if "postgres-cores" in runs and COMPARED in runs:
        lines += ["", "| layout | full | posts/s | the model, of the time that they got | ÷ |", "|---|---|---|---|---|"]
        lines += _compared(runs)
    return "\n".join(lines)


def _cell(model: Model, nodes: int, cores: int) -> str:
    posts_per_s, full = model.posts_per_s(nodes, cores)
    return f"{number(posts_per_s)} ({full})"


def _compared(runs: Runs) -> list[str]:
    """The rows of the layouts: on their own core the nodes are full, on both cores it is all together."""
    model, rows = fitted(runs, COMPARED, COMPARED), []
    for layout in LAYOUTS:
        assert layout.plan is not None
        figures, nodes = _medians(runs["postgres-cores"][layout.name]), layout.plan.nodes
        shares, cost = [figures["node_share"]], model.node.of(nodes)
        if len(layout.plan.node_cores) > 1:
            shares += [figures["postgresql_share"], figures["generator_share"]]
            cost += model.postgresql.of(nodes) + model.generator_us
        said = sum(shares) * 1e6 / cost
        measured = figures["acks_per_s"]
        cells = [f"{sum(shares):.2f}", number(measured), number(said), f"{said / measured:.2f}"]
        rows.append(f"| {layout.name} | {' | '.join(cells)} |")
    return rows


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text())["runs"]))
