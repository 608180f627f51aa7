"""What axe-core finds wrong for people who hear the page, tab through it or see little: nothing, in any state."""

from __future__ import annotations

import pytest

from tests.support.axe import violations, violations_in_both_schemes
from tests.support.server import ServerProcess
from tests.ui.conftest import Visit


@pytest.fixture(scope="module")
def room(server: ServerProcess) -> str:
    texts = ["hello\nשלום", "see https://example.net/a", "hidden \u202e" + "\u200b" * 120, "👩\u200d🚀", "x" * 400]
    with server.client() as client:
        for number in range(70):
            body = {"text": texts[number % len(texts)], "name": ["Maya", "Jonas", "מאיה"][number // 7 % 3]}
            client.post("/heard", json=body).raise_for_status()
    return "/heard"


def test_page_in_every_state_has_nothing_that_axe_finds(visit: Visit, room: str) -> None:
    alice = visit(room)
    found: dict[str, list[str]] = {}

    def judge(state: str, *, opens_panel: bool = False) -> None:
        """On a wide screen all that is there is seen, on a narrow one less of it, or the panel."""
        alice.page.set_viewport_size({"width": 1440, "height": 700})
        found[f"{state}, wide"] = violations_in_both_schemes(alice)
        alice.page.set_viewport_size({"width": 320, "height": 700})
        found[state] = violations(alice)
        if opens_panel:
            alice.page.click(".menu")
            found["the panel"] = violations_in_both_schemes(alice)
            alice.page.click(".close")

    judge("live", opens_panel=True)
    alice.page.fill("#message", "Obey me")
    alice.page.press("#message", "Enter")
    alice.page.fill("#name", "admin")
    alice.page.press("#name", "Enter")
    alice.page.wait_for_selector("[aria-invalid]")
    judge("name refused")
    alice.page.fill("#name", "")
    alice.page.press("#name", "Enter")
    alice.page.click(".bar .invite")
    judge("invite")
    alice.page.keyboard.press("Escape")
    alice.page.evaluate("document.getElementById('connect').showPopover()")
    judge("connect")
    alice.page.keyboard.press("Escape")
    alice.write("line\n" * 401 + "end")
    alice.page.wait_for_selector("#outbox .failed")
    judge("refused")
    alice.page.hover("#messages .message:last-child")
    alice.page.focus("#messages .message:last-child")
    judge("at a message")
    for state, path in (
        ("past", f"{room}?before=30"), ("deep link", f"{room}/12"), ("empty", "/heard-not"), ("error", f"{room}/999"),
    ):  # fmt: skip
        alice.page.goto(path)
        judge(state)
    alice.complaints[:] = [words for words in alice.complaints if "status of 40" not in words]
    assert {state: what for state, what in found.items() if what} == {}


def test_page_as_the_server_renders_it_has_nothing_that_axe_finds(visit: Visit, room: str) -> None:
    alice = visit("/help", live=False)
    alice.page.route("**/*.js*", lambda route: route.fulfill(content_type="text/javascript", body=""))
    alice.page.goto(room)
    assert violations(alice) == []
    alice.page.fill("#message", "Let me in")
    alice.page.fill("#name", "admin")
    alice.page.click(".send")
    alice.page.wait_for_selector("#refused")
    assert violations(alice) == []
    alice.complaints[:] = [words for words in alice.complaints if "status of 400" not in words]


def test_page_when_more_contrast_is_wanted_has_it_where_text_is_faint(visit: Visit, room: str) -> None:
    alice = visit(room, contrast="more")
    enhanced = {"runOnly": ["color-contrast-enhanced"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
    assert [what for what in violations(alice, **enhanced) if ".when" in what or ".help" in what] == []
    assert alice.page.evaluate("matchMedia('(prefers-contrast: more)').matches")


def test_page_in_the_colours_of_the_system_keeps_what_colour_says(visit: Visit, room: str) -> None:
    alice = visit(room, forced_colors="active")
    for part in (".avatar", ".hidden-char"):
        assert alice.page.evaluate(
            "(part) => getComputedStyle(document.querySelector(part)).borderTopStyle", part
        ) == "solid", "a ground that is gone leaves an edge"  # fmt: skip
    alice.page.goto(f"{room}/69")
    assert alice.page.evaluate("getComputedStyle(document.querySelector(':target')).borderTopStyle") == "solid"
