"""What axe-core finds wrong with a page as it is shown."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.conformance.npm_packages import NPM, install
from tests.support.browser import Person

_FOUND = """async (options) => {
    if (!("axe" in window)) return null;
    for (const each of document.getAnimations()) if (each.effect.getTiming().iterations === 1) each.finish();
    const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options });
    return violations.flatMap(
        ({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`));
}"""
"""In a page: null as long as axe is not there. What fades in is judged when it is there."""


@cache
def _source() -> str:
    install()
    return (NPM / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules that look at colours."""


def violations(person: Person, **options: Any) -> list[str]:
    """The rules that the page of a person breaks, with the place; `options` are those of `axe.run`."""
    found: list[str] | None = person.page.evaluate(_FOUND, options)
    if found is None:
        person.page.evaluate(_source())
        person.context.add_init_script(_source())  # in the pages that come after this one
        found = person.page.evaluate(_FOUND, options)
        assert found is not None
    return found


def violations_in_both_schemes(person: Person) -> list[str]:
    """The same with light colours, as a page begins, and with dark ones, which the other rules do not look at."""
    found = violations(person)
    person.page.emulate_media(color_scheme="dark")
    found += [f"{what} (dark)" for what in violations(person, **_COLOURS)]
    person.page.emulate_media(color_scheme="light")
    return found
