"""Tests with a browser and tests that are coroutines share a process, in any order."""

from __future__ import annotations

import asyncio

import pytest
from playwright.sync_api import Browser


@pytest.mark.usefixtures("browser")
async def test_coroutine_runs_while_a_browser_is_there() -> None:
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, "done")
    assert await done == "done"


def test_a_loop_can_be_run_while_a_browser_is_there() -> None:
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"


@pytest.mark.parametrize("time", ["first", "again"])
def test_browser_goes_on_after_a_coroutine(browser: Browser, time: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_content(f"<p>{time}")
    assert page.text_content("p") == time
    context.close()
