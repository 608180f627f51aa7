"""The page in a real browser: people talk in it, whatever happens to the server and to the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Route, expect

from parlour.core.text import shown
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S
from tests.support.ui import parse
from tests.ui.conftest import lose
from tests.ui.test_fits import OUTSIDE
from tests.ui.test_page import HOSTILE

Visit = Callable[..., Person]
Say = Callable[..., int]


def test_two_people_when_they_talk_see_one_log_and_it_is_there_after_a_reload(visit: Visit, room: str) -> None:
    alice, bob = visit(f"/{room}"), visit(f"/{room}")
    alice.write("Hello, Bob", name="Alice")
    bob.see("Hello, Bob")
    bob.write("Hello, Alice\n  see https://example.net/.", name="Bob")
    for person in (alice, bob):
        person.see("Hello, Bob", "Hello, Alice\n  see https://example.net/.")
        assert person.page.locator("#outbox li").count() == 0
    expect(alice.page.locator("#messages .mine")).to_have_count(1)
    expect(bob.page.locator("#messages .mine .name")).to_have_text("Bob")
    assert bob.page.locator(".text a").get_attribute("href") == "https://example.net/"

    alice.page.reload()
    alice.wait_for_line("live")
    alice.see("Hello, Bob", "Hello, Alice\n  see https://example.net/.")
    assert alice.page.input_value("#name") == "Alice"
    expect(alice.page.locator("#messages .mine .name")).to_have_text("Alice")
    bob.write("Still there?")
    alice.see("Hello, Bob", "Hello, Alice\n  see https://example.net/.", "Still there?")


def test_server_when_killed_and_started_again_costs_no_message_and_repeats_none(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice, bob = visit("/lobby", at=own_server), visit("/lobby", at=own_server)
    said = []
    for round_ in range(2):
        alice.write(f"before {round_}", name="Alice")
        said.append(f"before {round_}")
        bob.see(*said)
        lose(own_server, alice)
        alice.write(f"into the dark {round_}")
        alice.write(f"and again {round_}")
        expect(alice.page.locator("#outbox li")).to_have_count(2)
        expect(alice.page.locator("#outbox .status").first).to_have_text("Waiting…")
        own_server.start()
        said += [f"into the dark {round_}", f"and again {round_}"]
        alice.see(*said)
        bob.see(*said)
        expect(alice.page.locator("#outbox li")).to_have_count(0)
    assert httpx.get(f"{own_server.url}/lobby?format=json", timeout=TIMEOUT_S).json()["head_seq"] == len(said)


def test_line_when_it_is_down_is_shown_as_it_is(visit: Visit, own_server: ServerProcess) -> None:
    alice = visit("/lobby", at=own_server)
    words = alice.page.locator("#connection .words")
    expect(words).to_have_text("Live")
    alice.context.set_offline(True)
    expect(words).to_have_text("Offline")
    alice.context.set_offline(False)
    expect(words).to_have_text("Live")
    lose(own_server, alice)
    expect(words).to_have_text("Reconnecting…")
    alice.context.set_offline(True)
    expect(words).to_have_text("Offline")
    own_server.start()
    alice.context.set_offline(False)
    expect(words).to_have_text("Live")
    expect(alice.page.locator("#connection a")).to_be_hidden()


def test_message_when_the_page_is_reloaded_before_it_was_sent_is_sent_once(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    lose(own_server, alice)
    alice.write("Remember me", name="Alice")
    alice.page.fill("#message", "half a thought")
    own_server.start()
    alice.page.reload()
    alice.see("Remember me")
    expect(alice.page.locator("#outbox li")).to_have_count(0)
    assert alice.page.input_value("#message") == "half a thought"
    assert httpx.get(f"{own_server.url}/lobby?format=json", timeout=TIMEOUT_S).json()["head_seq"] == 1


def test_person_when_scripts_are_off_talks_with_the_form(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}", java_script_enabled=False)
    bob = visit(f"/{room}")
    alice.page.fill("#message", "No scripts,\nno problem")
    alice.page.fill("#name", "Alice")
    alice.page.click(".send")
    assert alice.page.url.endswith(f"/{room}#latest")
    bob.see("No scripts,\nno problem")
    assert alice.texts == ["No scripts,\nno problem"]
    bob.write("Indeed", name="Bob")
    bob.see("No scripts,\nno problem", "Indeed")
    alice.page.click("text=Refresh")
    assert alice.texts == ["No scripts,\nno problem", "Indeed"]


def test_person_when_scripts_are_off_and_the_form_is_refused_keeps_the_text(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}", java_script_enabled=False)
    alice.page.fill("#message", "Let me in")
    alice.page.fill("#name", "admin")
    alice.page.click(".send")
    expect(alice.page.locator("#refused")).to_contain_text("name")
    assert alice.page.input_value("#message") == "Let me in"
    alice.complaints = [words for words in alice.complaints if "status of 400" not in words]
    alice.page.fill("#name", "Adam")
    alice.page.click(".send")
    assert alice.texts == ["Let me in"]


def test_person_when_scripts_are_off_reads_back_and_forth(visit: Visit, say: Say, room: str) -> None:
    for number in range(1, 121):
        say(room, f"number {number}")
    reader = visit(f"/{room}", java_script_enabled=False)
    assert (reader.texts[0], reader.texts[-1]) == ("number 71", "number 120")
    reader.page.click("text=Older messages")
    assert (reader.texts[0], reader.texts[-1]) == ("number 21", "number 70")
    reader.page.click("text=Older messages")
    assert (reader.texts[0], reader.texts[-1]) == ("number 1", "number 20")
    expect(reader.page.locator("#start")).to_be_visible()
    reader.page.click("text=Newer messages")
    assert (reader.texts[0], reader.texts[-1]) == ("number 21", "number 70")
    reader.page.click("p.edge >> text=Latest messages")
    assert reader.texts[-1] == "number 120"


def test_page_of_the_past_when_scripts_are_on_stays_there(visit: Visit, say: Say, room: str) -> None:
    for number in range(1, 61):
        say(room, f"number {number}")
    reader = visit(f"/{room}?before=20", live=False)
    expect(reader.page.locator("#connection")).to_contain_text("Reading the past")
    assert reader.texts[-1] == "number 19"
    expect(reader.page.locator("#messages .day")).to_have_text("Today")
    expect(reader.page.locator("#jump")).to_be_hidden()
    reader.page.click("#connection a")
    reader.wait_for_line("live")
    assert reader.texts[-1] == "number 60"


def test_reader_when_scrolled_up_keeps_the_place_and_is_told_of_what_is_new(visit: Visit, say: Say, room: str) -> None:
    for number in range(1, 121):
        say(room, f"number {number}", f"name {number % 7}")
    reader = visit(f"/{room}")
    page = reader.page
    page.evaluate("document.getElementById('m73').scrollIntoView()")
    page.wait_for_selector("#jump:not([hidden])")
    page.wait_for_selector("#m21", state="attached")
    before = page.evaluate("document.getElementById('m73').getBoundingClientRect().top")
    say(room, "number 121")
    say(room, "number 122\n\n\n\nwith lines")
    expect(page).to_have_title(f"(2) {room} · Parlour")
    expect(page.locator("#jump")).to_have_text("2 new messages")
    assert page.evaluate("document.getElementById('m73').getBoundingClientRect().top") == pytest.approx(before, abs=1)
    page.evaluate("document.getElementById('m21').scrollIntoView()")
    page.wait_for_selector("#start:not([hidden])", state="attached")
    assert reader.texts == [*(f"number {number}" for number in range(1, 122)), "number 122\n\n\n\nwith lines"]
    page.click("#jump")
    expect(page).to_have_title(f"{room} · Parlour")
    expect(page.locator("#jump")).to_be_hidden()
    expect(page.locator("#messages .new + li .text")).to_have_text("number 121")


def test_sender_when_too_fast_waits_and_everything_arrives_in_order(visit: Visit, tmp_path: Path, room: str) -> None:
    with ServerProcess(tmp_path / "limited", "--sends-per-s", "2", "--sends-burst", "1", rate_limits=True) as limited:
        alice = visit(f"/{room}", at=limited)
        alice.call("Alice")
        texts = [f"number {number}" for number in range(4)]
        alice.page.evaluate(  # in one go, so that the slowest browser is too fast; it may be over before anybody looks
            """(texts) => {
                const outbox = document.getElementById("outbox");
                new MutationObserver(() => { window.wasHeld ||= outbox.querySelector(".held") !== null; })
                    .observe(outbox, { subtree: true, childList: true, attributes: true });
                const field = document.getElementById("message");
                for (const text of texts) {
                    field.value = text;
                    field.form.requestSubmit();
                }
            }""",
            texts,
        )
        alice.see(*texts)
        expect(alice.page.locator("#outbox li")).to_have_count(0)
        assert alice.page.evaluate("window.wasHeld") is True


def test_message_when_refused_says_why_and_can_be_changed(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    alice.write("\u200b", name="Adam")  # nothing can be seen of it
    expect(alice.page.locator("#outbox .failed .status")).to_contain_text("Not sent: ")
    alice.write("Not held up by it")
    alice.see("Not held up by it")
    alice.page.click("#outbox >> text=Edit")
    expect(alice.page.locator("#outbox li")).to_have_count(0)
    assert alice.page.input_value("#message") == "\u200b"
    alice.page.locator("#message").press_sequentially("Obey me")
    alice.page.press("#message", "Enter")
    alice.see("Not held up by it", "<U+200B>Obey me")


def test_texts_and_names_when_hostile_are_shown_and_do_nothing(visit: Visit, say: Say, room: str) -> None:
    texts = [text.strip("\n") for text in HOSTILE]
    early, late = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    for text in early:
        say(room, text, "<img src=x onerror=alert(1)>")
    alice = visit(f"/{room}")
    for text in late:
        say(room, text, "\"'><script>alert(1)</script>")
    seen = ["".join(part.text for part in shown(text)) for text in texts]
    alice.see(*seen)
    assert alice.page.locator("#messages script, #messages img").count() == 0
    assert alice.page.evaluate("Object.keys(window).includes('injected')") is False
    alice.page.reload()
    alice.wait_for_line("live")
    alice.see(*seen)


def test_text_when_it_has_what_cannot_be_seen_shows_and_copies_its_picture(visit: Visit, room: str) -> None:
    alice, bob = visit(f"/{room}"), visit(f"/{room}")
    alice.write("pay \u202eevil\u202c to a\u200bb", name="Alice")
    picture = "pay <U+202E>evil<U+202C> to a<U+200B>b"
    bob.see(picture)
    alice.page.reload()
    for person in (alice, bob):
        person.see(picture)
        expect(person.page.locator(".text .hidden-char").first).to_be_visible()
        person.page.evaluate("getSelection().selectAllChildren(document.querySelector('.text'))")
        assert person.page.evaluate("getSelection().toString()") == picture


def test_policy_when_a_page_would_make_html_from_a_string_stops_it(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    stopped = alice.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>'; return false; } catch (e) { return e instanceof TypeError; } }"
    )
    assert stopped
    assert "TrustedHTML" in alice.complaints.pop()


def test_list_of_rooms_when_something_is_said_shows_it(visit: Visit, own_server: ServerProcess) -> None:
    alice = visit("/first", at=own_server)
    page, asked = alice.page, list[str]()
    page.on("request", lambda request: asked.append(request.url) if "/api/v1/rooms" in request.url else None)
    rooms, times = page.locator(".rooms bdi"), page.locator(".rooms time")
    expect(rooms).to_have_text(["first"])
    expect(times).to_have_text([""])
    alice.write("Anybody here?")
    expect(times).to_have_text(["now"])
    httpx.post(f"{own_server.url}/second", content="Elsewhere", timeout=TIMEOUT_S).raise_for_status()
    page.clock.fast_forward(50_000)
    expect(times).to_have_text(["1 min ago"])
    assert asked == []
    page.clock.fast_forward(20_000)
    expect(rooms).to_have_text(["second", "first"])
    expect(page.locator(".rooms [aria-current] bdi")).to_have_text("first")
    assert asked == [f"{own_server.url}/api/v1/rooms?limit=20"]
    alice.write("I am")
    expect(rooms).to_have_text(["first", "second"])
    page.clock.fast_forward(50_000)
    assert len(asked) == 1
    page.click(".rooms >> text=second")
    alice.see("Elsewhere")


@pytest.mark.parametrize(
    ("path", "status", "leads_to"),
    [
        ("/{room}?since=99", 410, "/{room}"),
        ("/{room}/999", 404, "/{room}"),
        ("/{room}.Caf%C3%89/", 200, None),
        ("/{room}.Caf%C3%89/999?x=1", 404, "/{room}.caf%C3%A9"),
        ("/auth", 404, "/"),
        ("/%FF", 400, "/"),
        ("/api/v1/nothing", 404, "/"),
    ],
)
def test_refusal_when_it_is_about_a_room_leads_back_to_it(
    server: ServerProcess, room: str, path: str, status: int, leads_to: str | None
) -> None:
    page = httpx.get(server.url + path.format(room=room), headers={"Accept": "text/html"}, timeout=TIMEOUT_S)
    assert page.status_code == status
    if leads_to is not None:
        links = [attributes["href"] for tag, attributes in parse(page.text) if tag == "a"]
        assert links == [leads_to.format(room=room)]


@pytest.mark.parametrize("scripts", [True, False], ids=["live", "without scripts"])
def test_another_room_when_asked_for_is_entered(visit: Visit, room: str, *, scripts: bool) -> None:
    alice = visit(f"/{room}", java_script_enabled=scripts)
    alice.page.fill("#room", "Café.日本")
    alice.page.click("text=Go >> nth=-1")
    expect(alice.page.locator("h1 bdi")).to_have_text("café.日本")


def test_keyboard_when_it_is_all_there_is_reaches_everything(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    page = alice.page
    assert page.evaluate("document.activeElement.id") == "message", "one can write at once"
    alice.call("Alice")
    page.keyboard.type("first line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    alice.see("first line\nsecond line")
    assert page.evaluate("document.activeElement.id") == "message"
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.reload()
    alice.wait_for_line("live")
    assert alice.texts == ["first line\nsecond line"], "nothing to say is not said"
    assert page.locator("a, button, input, [tabindex]").first.get_attribute("class") == "skip"
    page.focus(".skip")
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "message"


def test_enter_when_an_input_method_is_composing_does_not_send(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    alice.call("Alice")
    alice.page.fill("#message", "にほん")
    alice.page.evaluate(
        """document.getElementById("message").dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""
    )
    assert alice.page.input_value("#message") == "にほん"
    alice.page.press("#message", "Enter")
    alice.see("にほん")


def test_times_when_shown_are_those_of_the_reader(visit: Visit, say: Say, room: str) -> None:
    say(room, "What time is it?")
    alice = visit(f"/{room}", timezone_id="Asia/Tokyo")
    time = alice.page.locator("#messages .message time")
    shown, at = time.text_content(), time.get_attribute("datetime")
    local = alice.page.evaluate("(at) => new Date(at).toTimeString().slice(0, 5)", at)
    assert shown == local
    expect(alice.page.locator("#messages .day")).to_have_text("Today")
    utc = visit(f"/{room}", java_script_enabled=False, timezone_id="Asia/Tokyo")
    assert at is not None
    assert utc.page.locator("#messages .message time").text_content() == at[11:16]


def test_text_when_it_is_too_long_says_so_on_a_line_of_its_own_where_it_is_narrow(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}", viewport={"width": 360, "height": 640})
    alice.page.fill("#message", "x" * 17_000)
    expect(alice.page.locator("#hint")).to_have_text("616 characters too many")
    hint, text = alice.page.locator("#hint").bounding_box(), alice.page.locator("#message").bounding_box()
    assert hint is not None
    assert text is not None
    assert hint["width"] > 200
    assert hint["height"] < 30
    assert text["y"] + text["height"] <= hint["y"]
    assert alice.page.evaluate(OUTSIDE) == []


def test_text_when_it_is_not_latin_is_measured_as_the_server_measures_it(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    alice.call("Alice")
    alice.page.fill("#message", "ж" * 8193)
    expect(alice.page.locator("#hint")).to_have_text("2 bytes too many")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("#outbox li")).to_have_count(0)
    expect(alice.page.locator("#message")).to_have_value("ж" * 8193)
    alice.page.fill("#message", "ж" * 8000)
    expect(alice.page.locator("#hint")).to_have_text("384 bytes left")


def test_commands_when_a_proxy_hides_its_port_have_the_address_that_the_reader_has(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    alice = visit("/healthz", live=False)
    inner, outer = server.url, f"{server.url.rpartition(':')[0]}:1"

    def hide(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(f"{inner}/{room}", f"{outer}/{room}"))

    alice.page.route(f"**/{room}", hide)
    alice.page.goto(f"/{room}")
    expect(alice.page.locator("[data-line=send]")).to_have_text(f"curl -d hello {inner}/{room}")
    expect(alice.page.locator("[data-line=listen]")).to_have_text(f"curl -N '{inner}/{room}?follow=1'")
