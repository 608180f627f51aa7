"""Draw what was sampled over time as lines, one picture per figure: memory and latency of a soak."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from bench.report import number

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 40, 34
LINE_HEIGHT = 16  # of the names at the right end, which are pushed apart

Points = list[tuple[float, float]]  # seconds since the start, value


@dataclass(frozen=True, slots=True)
class Curve:
    """One picture: a sampled figure of one scenario over time, a line per server."""

    name: str
    title: str
    figure: str
    scenario: str
    logarithmic: bool = False


CURVES = (
    Curve("soak-memory", "Soak: memory of the server's processes (PSS, MiB) over minutes", "pss_mib", "soak"),
    Curve(
        "soak-latency",
        "Soak: delivery p99 of each interval (ms, logarithmic) over minutes",
        "delivery_ms_p99",
        "soak",
        logarithmic=True,
    ),
)

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b}.title{font-weight:600}.grid{stroke:#8a94a6;stroke-opacity:.3}"
    "polyline,path{fill:none;stroke-width:1.5;stroke:#8a94a6}.own{stroke:#2563eb;stroke-width:2.5}"
    ".c1{stroke:#b45309}.c2{stroke:#15803d}.c3{stroke:#9333ea}.c4{stroke:#be123c}"
    "@media(prefers-color-scheme:dark){text{fill:#e8e8e8}.own{stroke:#60a5fa}"
    ".c1{stroke:#fbbf24}.c2{stroke:#4ade80}.c3{stroke:#d8b4fe}.c4{stroke:#fb7185}}"
)


def lines(results: dict[str, object], curve: Curve) -> dict[str, Points]:
    """The points of every server that was sampled and has the figure, in the order of the table."""
    curves = results.get("curves", {})
    assert isinstance(curves, dict)
    found = {
        server: [(each["elapsed_s"], each[curve.figure]) for each in samples if curve.figure in each]
        for server, samples in curves.get(curve.scenario, {}).items()
    }
    return {server: points for server, points in found.items() if points}


def draw(curve: Curve, found: dict[str, Points]) -> str:
    """The lines with their names at the right end, as an SVG document that also reads in the dark."""
    values = [value for points in found.values() for _, value in points]
    end_s = max(seconds for points in found.values() for seconds, _ in points)
    scale = _Scale.decades(min(values), max(values)) if curve.logarithmic else _Scale.from_zero(max(values))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(curve.title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(curve.title)}</text>',
    ]
    for tick in scale.ticks():
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{scale.y(tick):.1f}" y2="{scale.y(tick):.1f}"/>'
            f'<text x="{LEFT - 8}" y="{scale.y(tick) + 4:.1f}" text-anchor="end">{number(tick)}</text>'
        )
    for part in range(5):
        x = LEFT + part / 4 * (WIDTH - LEFT - RIGHT)
        minutes = number(end_s * part / 4 / 60)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{minutes}</text>')
    kinds = {server: "own" if server == "Parlour" else f"c{index}" for index, server in enumerate(found)}
    for server, points in found.items():
        way = " ".join(f"{LEFT + s / end_s * (WIDTH - LEFT - RIGHT):.1f},{scale.y(value):.1f}" for s, value in points)
        parts.append(f'<polyline class="{kinds[server]}" points="{way}"/>')
    parts += _names(found, kinds, scale)
    return "\n".join([*parts, "</svg>", ""])


def _names(found: dict[str, Points], kinds: dict[str, str], scale: _Scale) -> list[str]:
    """Each line's colour, name and last value beside its end, from above to below, none over another."""
    parts = []
    x = WIDTH - RIGHT + 8
    lowest = 0.0
    for server, points in sorted(found.items(), key=lambda each: scale.y(each[1][-1][1])):
        last = points[-1][1]
        lowest = max(scale.y(last) + 4, lowest + LINE_HEIGHT)
        parts.append(
            f'<path class="{kinds[server]}" d="M{x} {lowest - 4:.1f}h12"/>'
            f'<text x="{x + 18}" y="{lowest:.1f}">{escape(server)} {number(last)}</text>'
        )
    return parts


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to heights in the picture."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def decades(cls, low: float, high: float) -> _Scale:
        """Whole powers of ten around the values, which are above zero."""
        return cls(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)), logarithmic=True)

    @classmethod
    def from_zero(cls, high: float) -> _Scale:
        """Four round steps that reach over the highest value."""
        decade = 10.0 ** math.floor(math.log10(high / 4))
        return cls(0.0, 4 * next(step * decade for step in (1, 2, 2.5, 5, 10) if 4 * step * decade >= high))

    def y(self, value: float) -> float:
        if self.logarithmic:
            share = math.log(value / self.low) / (math.log(self.high / self.low) or 1)
        else:
            share = (value - self.low) / ((self.high - self.low) or 1)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            return [self.low * 10**n for n in range(round(math.log10(self.high / self.low)) + 1)]
        return [self.low + (self.high - self.low) * part / 4 for part in range(5)]
