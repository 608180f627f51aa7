"""A class of real browsers behind one address, with the settings as shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.browser import Person, chromium
from tests.support.server import ServerProcess

PUPILS = 30


@pytest.mark.long
@pytest.mark.timeout(900)
def test_thirty_browsers_behind_one_address_get_in_and_talk(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", rate_limits=True) as server, chromium() as browser:
        pupils = [Person(browser, base_url=server.url) for _ in range(PUPILS)]
        for pupil in pupils:
            pupil.page.goto("/class", wait_until="commit")
        for pupil in pupils:
            pupil.wait_for_line("live")
        second = [pupil.context.new_page() for pupil in pupils]
        for page in second:
            page.goto("/class", wait_until="commit")
        for page in second:
            page.wait_for_selector("#connection[data-state=live]")
        for number, pupil in enumerate(pupils):
            pupil.write(f"I am {number}", name=f"Pupil {number}")
        for pupil in pupils:
            pupil.page.wait_for_function(
                "(count) => document.querySelectorAll('#messages .text').length === count", arg=PUPILS
            )
        assert [pupil.complaints for pupil in pupils] == [[]] * PUPILS
