"""A page whose log cannot be continued says so, where that happened, for as long as it is open."""

from __future__ import annotations

import shutil

import httpx
from playwright.sync_api import expect

from tests.support.server import ServerProcess
from tests.ui.conftest import Visit, lose
from tests.ui.test_ears_and_fingers import SPOKEN

REPLACED = "The server’s data was replaced: some messages may be missing here."


def _say(server: ServerProcess, text: str) -> None:
    httpx.post(f"{server.url}/lobby", json={"text": text, "name": "Maya"}).raise_for_status()


def test_page_when_the_data_was_replaced_says_so_once_and_goes_on_saying_so(
    visit: Visit, own_server: ServerProcess
) -> None:
    _say(own_server, "before")
    alice = visit("/lobby", at=own_server)
    alice.see("before")
    lose(own_server, alice)
    shutil.rmtree(own_server.data)
    alice.context.set_offline(True)  # the page comes back when the new log has its message
    own_server.start()
    _say(own_server, "another world")
    alice.context.set_offline(False)
    alice.see("another world")
    rows = alice.page.locator("#messages > li:not(.day)")
    expect(rows).to_contain_text(["another world", REPLACED])
    _say(own_server, "and on")
    alice.see("another world", "and on")
    alice.write("and I")
    alice.see("another world", "and on", "and I")
    expect(rows).to_contain_text(["another world", REPLACED, "and on", "and I"])
    assert alice.page.evaluate(SPOKEN).count(REPLACED) == 1
