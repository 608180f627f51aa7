"""The style: every colour that carries text can be read on what it stands on (WCAG 2.2 §1.4.3, §1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parlour.core.accounts import HUES

STATIC = Path(__file__).parents[2] / "src" / "parlour" / "ui" / "static"
STYLE = (STATIC / "style.css").read_text("utf-8")
STYLES = [path.read_text("utf-8") for path in STATIC.glob("*.css")]
LIGHT, DARK = (
    STYLE.split("@media (prefers-color-scheme: dark)", 1)[0],
    STYLE.split("(prefers-color-scheme: dark)", 1)[1],
)
TEXT = 4.5
GRAPHIC = 3.0


def _colours(css: str) -> dict[str, str]:
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css.split("/* Basics */")[0]))
    found.update(
        (f"hue-{number}", value) for number, value in re.findall(r"\.hue-(\d+) \{ --hue: (#[0-9a-f]{6}); \}", css)
    )
    return found


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("css", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_when_text_stands_on_them_have_enough_contrast(css: str) -> None:
    colours = _colours(css)
    pairs = [
        (ink, ground, TEXT)
        for ink in ("ink", "muted", "accent", "warn", *(f"hue-{number}" for number in range(HUES)))
        for ground in ("paper", "raised", "hover")
    ]
    pairs += [("on-accent", "accent", TEXT)]
    pairs += [("edge", ground, GRAPHIC) for ground in ("paper", "raised")]
    pairs += [("good", "paper", GRAPHIC), ("warn", "paper", GRAPHIC)]
    for ink, ground, least in pairs:
        assert _contrast(colours[ink], colours[ground]) >= least, f"{ink} on {ground}"


def test_movement_when_it_is_not_wanted_is_none() -> None:
    for style in STYLES:
        outside = style.split("@media (prefers-reduced-motion: no-preference)")[0]
        assert "transition" not in outside
        assert "animation" not in outside


def test_style_when_read_is_short_and_says_what_it_is_for() -> None:
    for style in STYLES:
        assert len(style.splitlines()) < 300
        assert style.startswith("/*")


def test_style_of_the_page_is_made_of_all_styles() -> None:
    imported = re.findall(r'^@import "\./([a-z-]+\.css)";$', (STATIC / "room.css").read_text("utf-8"), re.MULTILINE)
    assert sorted([*imported, "room.css"]) == sorted(path.name for path in STATIC.glob("*.css"))
