"""What axe-core finds wrong for people who hear the page, tab through it or see little: nothing, in any state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.npm_packages import NPM, install
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.ui.conftest import Visit

NAMES = """async (options) => (await axe.run(document, options)).violations.flatMap(
    ({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`))"""

AT_REST = "document.getAnimations().filter(({ effect }) => effect.getTiming().iterations === 1).map((a) => a.finish())"
"""What fades in is judged when it is there."""


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    install()
    return (NPM / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def room(server: ServerProcess) -> str:
    texts = ["hello\nשלום", "see https://example.net/a", "hidden \u202e" + "\u200b" * 120, "👩\u200d🚀", "x" * 400]
    with server.client() as client:
        for number in range(70):
            body = {"text": texts[number % len(texts)], "name": ["Maya", "Jonas", "מאיה"][number // 7 % 3]}
            client.post("/heard", json=body).raise_for_status()
    return "/heard"


def _violations(person: Person, axe: str, **options: Any) -> list[str]:
    person.page.evaluate(axe)
    person.page.evaluate(AT_REST)
    found: list[str] = person.page.evaluate(NAMES, options)
    return found


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 320),
        ("dark", 1440),
        pytest.param("light", 1440, marks=pytest.mark.long),
        pytest.param("dark", 320, marks=pytest.mark.long),
    ],
)
def test_page_in_every_state_has_nothing_that_axe_finds(
    visit: Visit, room: str, axe: str, scheme: str, width: int
) -> None:
    alice = visit(room, color_scheme=scheme, viewport={"width": width, "height": 700})
    found = {"live": _violations(alice, axe)}
    alice.write("Obey me", name="admin")
    alice.page.wait_for_selector("[aria-invalid]")
    found["name refused"] = _violations(alice, axe)
    alice.page.fill("#name", "")
    alice.write("line\n" * 401 + "end")
    alice.page.wait_for_selector("#outbox .failed")
    found["refused"] = _violations(alice, axe)
    alice.page.hover("#messages .message:last-child")
    alice.page.focus("#messages .message:last-child")
    found["at a message"] = _violations(alice, axe)
    if width < 900:
        alice.page.click(".menu")
        found["the panel"] = _violations(alice, axe)
    for state, path in (
        ("past", f"{room}?before=30"), ("deep link", f"{room}/12"), ("empty", "/heard-not"), ("error", f"{room}/999"),
    ):  # fmt: skip
        alice.page.goto(path)
        found[state] = _violations(alice, axe)
    alice.complaints[:] = [words for words in alice.complaints if "status of 404" not in words]
    assert {state: what for state, what in found.items() if what} == {}


def test_page_as_the_server_renders_it_has_nothing_that_axe_finds(visit: Visit, room: str, axe: str) -> None:
    alice = visit("/help", live=False)
    alice.page.route("**/*.js*", lambda route: route.fulfill(content_type="text/javascript", body=""))
    alice.page.goto(room)
    assert _violations(alice, axe) == []
    alice.page.fill("#message", "Let me in")
    alice.page.fill("#name", "admin")
    alice.page.click("text=Send")
    alice.page.wait_for_selector("#refused")
    assert _violations(alice, axe) == []
    alice.complaints[:] = [words for words in alice.complaints if "status of 400" not in words]


def test_page_when_more_contrast_is_wanted_has_it_where_text_is_faint(visit: Visit, room: str, axe: str) -> None:
    alice = visit(room, contrast="more")
    enhanced = {"runOnly": ["color-contrast-enhanced"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
    assert [what for what in _violations(alice, axe, **enhanced) if ".when" in what or ".below" in what] == []
    assert alice.page.evaluate("matchMedia('(prefers-contrast: more)').matches")


def test_page_in_the_colours_of_the_system_keeps_what_colour_says(visit: Visit, room: str) -> None:
    alice = visit(room, forced_colors="active")
    for part in (".avatar", ".hidden-char"):
        assert alice.page.evaluate(
            "(part) => getComputedStyle(document.querySelector(part)).borderTopStyle", part
        ) == "solid", "a ground that is gone leaves an edge"  # fmt: skip
    alice.page.goto(f"{room}/69")
    assert alice.page.evaluate("getComputedStyle(document.querySelector(':target')).borderTopStyle") == "solid"
