"""What axe-core finds wrong with a page as it is shown."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.conformance.npm_packages import NPM, install
from tests.support.browser import Person

_NAMES = """async (options) => (await axe.run(document, options)).violations.flatMap(
    ({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`))"""

_AT_REST = "document.getAnimations().filter(({ effect }) => effect.getTiming().iterations === 1).map((a) => a.finish())"
"""What fades in is judged when it is there."""


@cache
def _source() -> str:
    install()
    return (NPM / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules that look at colours."""


def violations(person: Person, **options: Any) -> list[str]:
    """The rules that the page of a person breaks, with the place; `options` are those of `axe.run`."""
    if not person.page.evaluate("'axe' in window"):
        person.page.evaluate(_source())
    person.page.evaluate(_AT_REST)
    found: list[str] = person.page.evaluate(_NAMES, options)
    return found


def violations_in_both_schemes(person: Person) -> list[str]:
    """The same with light and with dark colours, which the other rules do not look at; light ones are left."""
    person.page.emulate_media(color_scheme="light")
    found = violations(person)
    person.page.emulate_media(color_scheme="dark")
    found += [f"{what} (dark)" for what in violations(person, **_COLOURS)]
    person.page.emulate_media(color_scheme="light")
    return found
