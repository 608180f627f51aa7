"""A page whose room is closed to guests says so at once, keeps what is written, and goes on when the room is opened."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from parlour.core.payloads import Access
from tests.support.server import ServerProcess
from tests.ui.conftest import Visit


def _set(server: ServerProcess, access: Access) -> None:
    transport = httpx.HTTPTransport(uds=str(server.data / "operator.sock"))
    with httpx.Client(transport=transport, base_url="http://localhost") as operator:
        operator.patch("/api/v1/rooms/lobby", json={"access": access}).raise_for_status()


def test_page_when_its_room_is_closed_says_so_and_sends_what_waits_once_it_is_opened(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    alice.write("before")
    alice.see("before")
    _set(own_server, "members")
    expect(alice.page.locator("#connection .words")).to_have_text("Closed")
    expect(alice.page.locator("#strip .words")).to_have_text("Only members can come in here.")
    alice.write("for later")
    expect(alice.page.locator("#strip .words")).to_contain_text("1 message waits")
    _set(own_server, "open")
    alice.page.locator("#strip .retry").click()
    alice.see("before", "for later")
    expect(alice.page.locator("#messages .what")).to_have_text(
        ["closed this room to guests", "opened this room to guests"]
    )
    expect(alice.page.locator("#connection .words")).to_contain_text("Live")
