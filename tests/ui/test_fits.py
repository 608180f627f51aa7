"""Everything fits: each state of the page, from a phone to a wide screen, and zoomed until little of it is left."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.server import ServerProcess
from tests.ui.conftest import AnyTab, Say, Visit

SIZES = [(320, 568), (360, 640), (768, 1024), (1440, 900), (320, 256), (640, 180)]
"""320 px is also a window of 1280 px at 400 % (WCAG 2.2 §1.4.10); 640 by 180 a phone on its side with its keyboard."""

WIDTHS = [(320, 568), (768, 1024), (1440, 900)]
"""For what looks at the width alone: one on each side of the two widths at which a page changes."""

NARROWEST = [*WIDTHS, (320, 256)]
"""For the page of a room, which changes at a height too: of the sizes that change it alike, the narrowest."""

EACH_SHAPE_OR_SIZE = pytest.mark.parametrize(
    "sizes", [NARROWEST, pytest.param(SIZES, marks=pytest.mark.long)], ids=["shapes", "sizes"]
)

EACH_WIDTH_OR_SIZE = pytest.mark.parametrize(
    "sizes", [WIDTHS, pytest.param(SIZES, marks=pytest.mark.long)], ids=["widths", "sizes"]
)

LONG = "r" * 64
OUTSIDE = """() => {
    const clips = (node) => {
        const { overflowX, clipPath } = getComputedStyle(node);
        return overflowX !== "visible" || clipPath !== "none";
    };
    const found = [];
    for (const node of document.querySelectorAll("body *")) {
        const { left, right, width } = node.getBoundingClientRect();
        if (width === 0 || (left >= -0.5 && right <= innerWidth + 0.5)) continue;
        if (!node.checkVisibility({ visibilityProperty: true })) continue;
        let around = node;
        while (around && !clips(around)) around = around.parentElement;
        // Cut with …, or for ears, or a row that is moved by a finger.
        if (around?.matches(".room-name, .topic, .rooms bdi, .connection, .unseen, .contents, .top nav")) continue;
        found.push(`${node.localName}.${node.className} ${Math.round(left)}–${Math.round(right)}`);
    }
    for (const node of [document.documentElement, document.getElementById("scroller")])
        if (node && node.scrollWidth > node.clientWidth) found.push(`${node.localName} scrolls sideways`);
    return found;
}"""
"""What sticks out of the window."""

SHAPE = """() => {
    const box = (selector) => document.querySelector(selector)?.getBoundingClientRect();
    return {
        name: box(".room-name")?.width,
        room: box("#scroller")?.height, foot: box(".foot")?.bottom, refused: box("#refused")?.width,
    };
}"""


@pytest.fixture(scope="session")
def paths(server: ServerProcess) -> dict[str, str]:
    """Addresses of the states of a page, by what they are."""
    room = "fits"
    with server.client() as client:
        for target in (room, LONG):
            for text, name in [
                *((f"number {number}", "Maya") for number in range(70)),
                ("x" * 3000, "n" * 64), ("https://example.net/" + "y" * 500, "W" * 64), ("\t".join(["tab"] * 80), "ci"),
                ("שלום לכולם, " * 30 + "\nand a line\n" + "مرحبا" * 200, "אבגד"),
                ("h" + "\u200b" * 300, "h"),
                ("def f():\n    return " + "very_" * 200, "ci"), ("a\n" * 60, "many lines"),
            ]:  # fmt: skip
                client.post(f"/{target}", json={"text": text, "name": name}).raise_for_status()
    return {
        "live": f"/{room}", "past": f"/{room}?before=40", "deep link": f"/{room}/12", "deep link, live": f"/{room}/72",
        "long name": f"/{LONG}", "long name, past": f"/{LONG}/12", "empty": "/fits-empty",
        "no such event": f"/{room}/999", "gone": f"/{room}?since=9999", "bad name": "/" + "%C3%A9" * 80,
        "room to be mended": "/?room=%2F%2F%2F", "long room to be mended": "/?room=" + "M%C3%BC+%26+" * 60,
    }  # fmt: skip


def _outside(tab: AnyTab, state: str, sizes: list[tuple[int, int]]) -> list[str]:
    found: list[str] = []
    for width, height in sizes:
        tab.resize(width, height)
        found += [f"{state} at {width} × {height}: {what}" for what in tab.evaluate(OUTSIDE)]
    return found


@EACH_SHAPE_OR_SIZE
def test_page_in_every_state_and_size_fits(
    tab: AnyTab, server: ServerProcess, paths: dict[str, str], sizes: list[tuple[int, int]]
) -> None:
    found: list[str] = []
    for state, path in paths.items():
        tab.goto(server.url + path)
        found += _outside(tab, state, sizes)
    tab.complaints[:] = [words for words in tab.complaints if "status of 4" not in words]
    assert found == []


@EACH_SHAPE_OR_SIZE
@pytest.mark.parametrize("scripts", [True, False], ids=["live", "without scripts"])
def test_page_at_every_size_shows_the_name_the_messages_the_composer_and_the_panel(
    visit: Visit, paths: dict[str, str], sizes: list[tuple[int, int]], *, scripts: bool
) -> None:
    person = visit(paths["live"], java_script_enabled=scripts)
    for state in ("live", "past", "deep link", "long name, past"):
        person.page.goto(paths[state])
        for width, height in sizes:
            person.page.set_viewport_size({"width": width, "height": height})
            shape = person.page.evaluate(SHAPE)
            what = f"{state} at {width} × {height}: {shape}"
            assert shape["name"] >= 48, what
            assert shape["room"] >= 72, f"no place for messages: {what}"
            assert shape["foot"] == pytest.approx(height, abs=1), what
            if state == "live":
                assert person.page.evaluate(OUTSIDE) == [], what
                if width < 960:
                    person.page.click(".menu")
                    expect(person.page.locator(".side")).to_be_visible()
                    assert person.page.evaluate(OUTSIDE) == [], what
                    person.page.click(".close")
                    expect(person.page.locator(".side")).to_be_hidden()


def test_form_when_refused_fits_too(visit: Visit, room: str) -> None:
    person = visit(f"/{room}", java_script_enabled=False)
    person.page.fill("#message", "Let me in, " + "x" * 300)
    person.page.fill("#name", "admin")
    with person.page.expect_event("console"):  # the browser complains of the status
        person.page.click(".send")
    person.complaints.clear()
    for width, height in SIZES:
        person.page.set_viewport_size({"width": width, "height": height})
        assert person.page.evaluate(OUTSIDE) == [], width
        assert person.page.evaluate(SHAPE)["refused"] > 200


def test_message_that_is_refused_or_on_its_way_fits_too(visit: Visit, say: Say, room: str) -> None:
    person = visit(f"/{room}")
    person.write("x" * 500 + "\nline" * 400)
    person.page.wait_for_selector("#outbox .failed")
    for width, height in SIZES:
        person.page.set_viewport_size({"width": width, "height": height})
        assert person.page.evaluate(OUTSIDE) == [], width


def test_parts_of_an_error_page_stand_apart(tab: AnyTab, server: ServerProcess, paths: dict[str, str]) -> None:
    tab.goto(server.url + paths["room to be mended"])
    for width, height in SIZES:
        tab.resize(width, height)
        boxes = tab.evaluate(
            """() => [...document.querySelectorAll(".card > *:not(.emblem, .status, h1), .card label, .joined")]
                .map((node) => node.getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom }))"""
        )
        words, form, label, field, way = boxes
        assert label["top"] == pytest.approx(form["top"], abs=1)
        for above, below, least in ((words, form, 12), (label, field, 4), (form, way, 12)):
            assert below["top"] - above["bottom"] >= least, (width, boxes)
    tab.complaints[:] = [said for said in tab.complaints if "status of 4" not in said]
