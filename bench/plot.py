"""Draw the figures of a kept table: `python -m bench.plot bench/results/NAME.json` makes docs/figures/*.svg."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench import curve
from bench.report import number
from bench.servers import ROOT

FIGURES = ROOT / "docs" / "figures"

WIDTH, LABEL, VALUE = 720, 190, 90
BAR, GAP, TOP = 18, 8, 46


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture: a figure of one or several scenarios, for every server that has it. The best value comes first."""

    name: str
    title: str
    figure: str
    scenarios: tuple[str, ...]
    larger_is_better: bool = False


PLOTS = (
    Plot(
        "posts",
        "CPU µs per post (Parlour, Redis Streams, JetStream: synced to disk; the others: not stored)",
        "cpu_us_per_post",
        ("posts",),
    ),
    Plot(
        "fan-out",
        "Delivered messages per second, 64 publishers × 1000 subscribers",
        "deliveries_per_s",
        ("fanout-64x1000",),
        larger_is_better=True,
    ),
    Plot("delivery", "CPU µs for one more subscriber, one message at a time", "cpu_us_per_added_delivery", ("steady",)),
    Plot("memory", "KiB per idle WebSocket subscriber", "kib_per_subscriber", ("idle-websocket-10000",)),
)

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b}.title{font-weight:600}.bar{fill:#8a94a6}.own{fill:#2563eb}"
    "@media(prefers-color-scheme:dark){text{fill:#e8e8e8}.bar{fill:#6b7688}.own{fill:#60a5fa}}"
)


def rows(results: dict[str, object], plot: Plot) -> list[tuple[str, float]]:
    """Server and median, the best first. Servers without the figure are left out."""
    runs = results["runs"]
    assert isinstance(runs, dict)
    found: list[tuple[str, float]] = []
    for scenario in plot.scenarios:
        for server, figures in runs.get(scenario, {}).items():
            values = [run[plot.figure] for run in figures if plot.figure in run]
            if values:
                found.append((server, statistics.median(values)))
    return sorted(found, key=lambda row: row[1], reverse=plot.larger_is_better)


def draw(title: str, values: list[tuple[str, float]]) -> str:
    """Horizontal bars with their names and figures, as an SVG document that also reads in the dark."""
    height = TOP + len(values) * (BAR + GAP)
    most = max((value for _, value in values), default=1.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
    ]
    for index, (name, value) in enumerate(values):
        y = TOP + index * (BAR + GAP)
        length = max(1.0, value / most * (WIDTH - LABEL - VALUE))
        kind = "own" if name == "Parlour" else "bar"
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>'
            f'<text x="{LABEL + length + 8:.1f}" y="{y + 13}">{number(value)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Draw every plot and curve for which the table has figures."""
    results = json.loads(Path(sys.argv[1]).read_text())
    FIGURES.mkdir(exist_ok=True)
    for plot in PLOTS:
        values = rows(results, plot)
        if values:
            (FIGURES / f"{plot.name}.svg").write_text(draw(plot.title, values))
            print(f"docs/figures/{plot.name}.svg: {', '.join(f'{name} {number(value)}' for name, value in values)}")
    for each in curve.CURVES:
        lines = curve.lines(results, each)
        if lines:
            (FIGURES / f"{each.name}.svg").write_text(curve.draw(each, lines))
            print(f"docs/figures/{each.name}.svg: {', '.join(lines)}")


if __name__ == "__main__":
    main()
