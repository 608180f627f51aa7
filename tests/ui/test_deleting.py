"""Deleting a message on the page: whoever has it open sees it go, and without scripts a form does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Say, Visit


@pytest.mark.parametrize("scripts", [True, False])
def test_own_messages_can_be_deleted_and_leave_every_page(visit: Visit, say: Say, scripts: bool) -> None:
    room = f"/deleting-{'live' if scripts else 'plain'}"
    ada, bob = visit(room, java_script_enabled=scripts), visit(room)
    ada.answers_dialogs = True
    for text in ("stays", "goes away"):
        if scripts:
            ada.write(text, name="Ada")
        else:
            ada.page.fill("#name", "Ada")
            ada.page.fill("#message", text)
            ada.page.get_by_role("button", name="Send").click()
        expect(ada.page.locator(".message", has_text=text)).to_be_visible()
    bob.see("stays", "goes away")  # both are stored: the next message comes behind them
    say(room[1:], "somebody else's")
    if not scripts:
        ada.page.reload()
    bob.see("stays", "goes away", "somebody else's")
    message = ada.page.locator(".message", has_text="goes away")
    if scripts:
        theirs = bob.page.locator(".message", has_text="goes away")
        for person, row in ((bob, theirs), (ada, message)):
            row.hover()
            row.get_by_role("button", name="More actions").click()
            mine = person.page.get_by_role("menuitem", name="Delete")
            expect(mine).to_have_count(1 if person is ada else 0)
        ada.page.get_by_role("menuitem", name="Delete").click()
    else:
        expect(ada.page.locator(".actions")).to_have_count(2)
        message.get_by_label("Actions").click()
        message.get_by_role("button", name="Delete").click()
    expect(message).to_have_count(0)
    bob.see("stays", "somebody else's")
    for person in (ada, bob):
        expect(person.page.locator(".notice")).to_contain_text("Ada deleted a message")
    asked = ["dialog: Delete this message for everybody? It cannot be brought back."]
    assert (ada.complaints, bob.complaints) == (asked if scripts else [], [])
    ada.complaints.clear()
