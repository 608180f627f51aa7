"""A guest is asked for a name once, before the first message, and the name is checked there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.ui.conftest import Say, Visit


def test_guest_is_asked_for_a_name_before_the_first_message_and_never_again(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    page, field = alice.page, alice.page.locator("#name")
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    for refused in ("admin", "a:b", "x" + "\u0301" * 5):
        field.fill(refused)
        field.press("Enter")
        expect(page.locator("#name-refused")).not_to_be_empty()
        expect(field).to_have_attribute("aria-invalid", "true")
        if refused == "admin":
            expect(page.locator("#name-refused")).to_contain_text("kept for the people who run this place")
    page.keyboard.press("Escape")
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("#message")).to_have_value("Hello")  # whoever does not answer has lost nothing
    assert alice.texts == []
    page.keyboard.press("Enter")
    field.fill("  Zoe  ")
    field.press("Enter")
    alice.see("Hello")
    expect(page.locator("#messages .mine .name")).to_have_text("Zoe")
    page.reload()
    alice.wait_for_line("live")
    page.keyboard.type("again")
    page.keyboard.press("Enter")
    alice.see("Hello", "again")
    alice.call("Zoe B.")
    expect(page.locator(".bar .me")).to_have_attribute("title", "Zoe B.")
    alice.write("as another")
    alice.see("Hello", "again", "as another")
    assert page.locator("#messages .name").all_text_contents() == ["Zoe", "Zoe", "Zoe B."]
    alice.complaints[:] = [words for words in alice.complaints if "status of 400" not in words]


def test_message_at_hand_is_answered_copied_and_reached_by_keys_alone(visit: Visit, say: Say, room: str) -> None:
    say(room, "nice\nsecond line", "Jonas")
    alice = visit(f"/{room}", permissions=["clipboard-read", "clipboard-write"])
    page = alice.page
    page.focus("#m1")
    page.keyboard.press("ArrowUp")
    bar = page.get_by_role("group", name="Actions")
    bar.get_by_role("button", name="More actions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Reply")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Copy link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"/{room}/1")
    page.hover("#m1")
    bar.get_by_role("button", name="Copy text").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('nice')")
    bar.get_by_role("button", name="Reply").click()
    page.keyboard.type("thank you")
    page.keyboard.press("Enter")
    page.fill("#name", "Zoe")
    page.press("#name", "Enter")
    alice.see("nice\nsecond line", "> Jonas: nice\n> second line\nthank you")
    assert page.get_by_role("menuitem", name="Delete").count() == 0


def test_finger_that_rests_on_a_message_opens_the_sheet_and_one_that_moves_does_not(
    visit: Visit, say: Say, room: str
) -> None:
    say(room, "touch me", "Jonas")
    alice = visit(f"/{room}", has_clock=True, has_touch=True, is_mobile=True, viewport={"width": 360, "height": 640})
    touch = """(moves) => {
        const text = document.querySelector("#m1 .text");
        const at = (type, x) => text.dispatchEvent(new PointerEvent(type, {
            bubbles: true, pointerType: "touch", clientX: x, clientY: 9,
        }));
        at("pointerdown", 9);
        if (moves) at("pointermove", 99);
    }"""
    menu = alice.page.get_by_role("menu")
    alice.page.evaluate(touch, True)
    alice.page.clock.run_for(2000)
    expect(menu).to_have_count(0)
    alice.page.evaluate(touch, False)
    alice.page.clock.run_for(500)
    expect(menu).to_be_visible()
    box = menu.get_by_role("menuitem", name="Reply").bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert alice.page.evaluate("innerHeight") - menu.bounding_box()["y"] < 400  # type: ignore[index]


def test_sheet_is_still_there_when_the_finger_is_lifted_which_chooses_nothing(
    visit: Visit, say: Say, room: str
) -> None:
    for number in range(30):
        say(room, f"touch {number}", "Jonas")
    alice = visit(f"/{room}", has_clock=True, has_touch=True, is_mobile=True, viewport={"width": 360, "height": 640})
    box = alice.page.locator("#m30 .text").bounding_box()  # where the sheet will be
    assert box is not None
    place = {"x": box["x"] + 9, "y": box["y"] + 9}
    tools, menu = alice.context.new_cdp_session(alice.page), alice.page.get_by_role("menu")
    tools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [place]})
    alice.page.clock.run_for(500)
    expect(menu).to_be_visible()
    tools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(menu).to_be_visible()
    menu.get_by_role("menuitem", name="Reply").tap()
    expect(menu).to_be_hidden()
    expect(alice.page.locator("#message")).to_have_value("> Jonas: touch 29\n")
    say(room, "and one that came later", "Jonas")
    alice.page.locator("#m31").get_by_role("button", name="Actions").tap()  # who knows of no press sees a mark
    expect(menu).to_be_visible()


def test_who_is_writing_is_shown_to_the_others_until_it_is_said(visit: Visit, room: str) -> None:
    alice, bob = visit(f"/{room}"), visit(f"/{room}", has_clock=True)
    alice.call("Alice")
    alice.page.locator("#message").press_sequentially("Well")
    line = bob.page.locator(".writers")
    expect(line).to_have_text("Alice is writing…")
    expect(alice.page.locator(".writers")).to_be_empty()
    alice.page.keyboard.press("Enter")
    bob.see("Well")
    expect(line).to_be_empty()
    alice.page.locator("#message").press_sequentially("And")
    expect(line).to_have_text("Alice is writing…")
    bob.page.clock.run_for(8000)
    expect(line).to_be_empty()


def test_page_shows_who_is_here_and_a_card_for_each(visit: Visit, room: str) -> None:
    alice, bob = visit(f"/{room}"), visit(f"/{room}")
    alice.call("Alice")
    bob.call("Bob")
    here = alice.page.get_by_role("button", name="2 people are here")
    here.click()
    rows = alice.page.get_by_role("dialog", name="Who is here").get_by_role("listitem")
    expect(rows.locator("bdi")).to_have_text(["Alice", "Bob"])
    expect(rows.locator("small")).to_have_text(["you", "guest"])
    rows.nth(1).get_by_role("button").click()
    expect(alice.page.locator(".menu-sheet .person")).to_contain_text("Guest")
    alice.page.keyboard.press("Escape")
    bob.context.close()
    expect(alice.page.get_by_role("button", name="1 person is here")).to_be_visible()
