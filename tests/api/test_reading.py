"""Every way to read a room (docs/protocol.md#reading): formats, pages, cursors, permanent links and the long-poll."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"
_ROOMS = itertools.count(1)


@pytest.fixture
def room() -> str:
    """A room that no other test speaks in."""
    return f"reading-{next(_ROOMS)}"


@pytest.fixture(scope="module")
def seven(http: httpx.Client) -> str:
    """A room with seven messages, m1 to m7."""
    for number in range(1, 8):
        http.post("/seven", content=f"m{number}")
    return "seven"


def page(http: httpx.Client, path: str) -> dict[str, Any]:
    answer = http.get(path, headers={"Accept": JSON})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def numbers(found: dict[str, Any]) -> list[int]:
    return [event["seq"] for event in found["events"]]


@pytest.mark.parametrize(
    ("accept", "format_", "kind"),
    [
        (None, None, TEXT),
        ("*/*", None, TEXT),
        ("text/plain", None, TEXT),
        ("text/*", None, TEXT),
        ("nonsense", None, TEXT),
        (BROWSER, None, HTML),
        ("text/html", None, HTML),
        ("TEXT/HTML", None, HTML),
        ("application/json", None, JSON),
        ("application/json, text/plain;q=0.5", None, JSON),
        ("text/plain, application/json;q=0.5", None, TEXT),
        ("application/json;q=0, */*", None, TEXT),
        ("application/*", None, JSON),
        ("application/x-ndjson", None, NDJSON),
        (BROWSER, "text", TEXT),
        ("application/json", "html", HTML),
        (None, "json", JSON),
        (None, "ndjson", NDJSON),
        ("image/png", "text", TEXT),
    ],
)
def test_the_format_is_what_was_asked_for(
    http: httpx.Client, seven: str, accept: str | None, format_: str | None, kind: str
) -> None:
    request = http.build_request("GET", f"/{seven}", params={"format": format_} if format_ else None)
    if accept is None:
        del request.headers["Accept"]
    else:
        request.headers["Accept"] = accept
    answer = http.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_what_cannot_be_produced_is_not_acceptable(http: httpx.Client, seven: str) -> None:
    for path, accept, status in (
        (f"/{seven}", "image/png", 406),
        (f"/{seven}?format=xml", "*/*", 400),
        (f"/{seven}/1?format=sse", "*/*", 400),
        (f"/api/v1/rooms/{seven}", "text/plain", 406),
        (f"/api/v1/rooms/{seven}/messages?format=text", "*/*", 400),
    ):
        assert http.get(path, headers={"Accept": accept}).status_code == status, path


def test_text_is_lines_for_people(http: httpx.Client, room: str) -> None:
    http.post(f"/{room}?name=alice", content=b"Hello")
    http.post(f"/{room}?name=bob", content=b"two\nlines\tand a tab")
    http.post(f"/{room}?name=eve", content="\x1b[31mred\r\x07 \u202egnp\u202c \x9b2J".encode())
    lines = http.get(f"/{room}").text.split("\n")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    expected = [
        " alice: Hello",
        " bob: two",
        "  lines    and a tab",
        " eve: ␛[31mred␍␇ <U+202E>gnp<U+202C> <U+009B>2J",
        "",
    ]
    assert len(lines) == len(expected)
    for line, rest in zip(lines, expected, strict=True):
        assert re.fullmatch(
            stamp + re.escape(rest) if rest.startswith(" ") and rest[1] != " " else re.escape(rest), line
        )


def test_ndjson_and_json_carry_the_same_bytes_of_an_event(http: httpx.Client, seven: str) -> None:
    lines = http.get(f"/{seven}?format=ndjson").content.split(b"\n")
    assert lines.pop() == b""
    body = http.get(f"/{seven}?format=json").content
    assert len(lines) == 7
    assert b"[" + b",".join(lines) + b"]" in body
    assert http.get(f"/{seven}/3?format=json").content == lines[2] + b"\n"
    assert http.get(f"/api/v1/rooms/{seven}/messages/3").content == lines[2] + b"\n"
    assert http.get(f"/api/v1/rooms/{seven}/messages").json()["events"] == json.loads(body)["events"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("limit=3", [5, 6, 7]),
        ("since=0", [1, 2, 3, 4, 5, 6, 7]),
        ("since=0&limit=2", [1, 2]),
        ("since=5", [6, 7]),
        ("since={epoch}.5", [6, 7]),
        ("since=7", []),
        ("before=8&limit=2", [6, 7]),
        ("before=3", [1, 2]),
        ("before={epoch}.6&limit=2", [4, 5]),
        ("before=1", []),
        ("before=0", []),
        ("before=1000&limit=1", [7]),
        ("since=6&wait=5", [7]),
        ("wait=1&limit=1", []),
    ],
)
@pytest.mark.parametrize("path", ["/{room}?format=json&", "/api/v1/rooms/{room}/messages?"])
def test_pages_hold_what_their_cursor_says(
    http: httpx.Client, seven: str, path: str, query: str, expected: list[int]
) -> None:
    query = query.replace("{epoch}", page(http, f"/{seven}")["epoch"])
    found = page(http, path.replace("{room}", seven) + query)
    assert numbers(found) == expected
    assert (found["room"], found["first_seq"], found["head_seq"]) == (seven, 1, 7)


def test_a_page_may_say_that_it_does_not_follow(http: httpx.Client, seven: str) -> None:
    assert numbers(page(http, f"/{seven}?follow=0&limit=1")) == [7]
    assert http.get(f"/api/v1/rooms/{seven}/messages?follow=0").status_code == 400


@pytest.mark.parametrize("path", ["/{room}?format=json&limit=3", "/api/v1/rooms/{room}/messages?limit=3"])
def test_the_links_of_pages_lead_through_the_whole_log_and_back(http: httpx.Client, seven: str, path: str) -> None:
    found = page(http, path.replace("{room}", seven))
    back = [numbers(found)]
    while found["prev"] is not None:
        found = page(http, found["prev"])
        back.append(numbers(found))
    assert back == [[5, 6, 7], [2, 3, 4], [1]]
    forth = []
    while numbers(found):
        forth += numbers(found)
        found = page(http, found["next"])
    assert forth == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(page(http, found["next"])) == []


@pytest.mark.parametrize("path", ["/{room}?format=json&", "/api/v1/rooms/{room}/messages?"])
def test_behind_an_empty_page_of_older_ones_comes_what_it_asked_below(
    http: httpx.Client, seven: str, room: str, path: str
) -> None:
    for before in ("1", "0"):
        found = page(http, path.replace("{room}", seven) + f"before={before}&limit=3")
        assert numbers(found) == []
        assert numbers(page(http, found["next"])) == [1, 2, 3]
    nothing = page(http, path.replace("{room}", room) + "before=9")
    assert numbers(page(http, nothing["next"])) == []


def test_link_fields_say_what_the_body_says(http: httpx.Client, seven: str) -> None:
    answer = http.get(f"/{seven}?limit=2", headers={"Accept": JSON})
    links = {
        rel: target for target, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', ", ".join(answer.headers.get_list("link")))
    }
    assert links == {"next": answer.json()["next"], "prev": answer.json()["prev"]}


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("since=x", "bad_cursor", "since"),
        ("before=-1", "bad_cursor", "before"),
        ("since=007", "bad_cursor", "since"),
        ("since=99999999999", "bad_cursor", "since"),
        ("limit=0", "bad_parameter", "limit"),
        ("limit=1001", "bad_parameter", "limit"),
        ("limit=ten", "bad_parameter", "limit"),
        ("limit=%2B5", "bad_parameter", "limit"),
        ("wait=56", "bad_parameter", "wait"),
        ("wait=-1", "bad_parameter", "wait"),
        ("wait=1.5", "bad_parameter", "wait"),
        ("since=1&before=3", "bad_parameter", "before"),
        ("before=3&wait=1", "bad_parameter", "before"),
        ("since=1&since=2", "bad_parameter", "since"),
        ("follow=yes", "bad_parameter", "follow"),
        ("follow=1", "bad_parameter", "follow"),
        ("format=xml", "bad_parameter", "format"),
        ("unheard=of", "bad_parameter", "unheard"),
        ("limit=%zz", "bad_parameter", "limit"),
        ("limit=%00", "bad_parameter", "limit"),
    ],
)
def test_a_wrong_parameter_is_named(http: httpx.Client, seven: str, query: str, code: str, field: str) -> None:
    answer = http.get(f"/{seven}?{query}", headers={"Accept": JSON})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (400, code, field), problem


@pytest.mark.parametrize(
    ("query", "reason"),
    [("since=8", "cursor_ahead"), ("since=otherepoch.1", "epoch_changed"), ("since=8&wait=5", "cursor_ahead")],
)
@pytest.mark.parametrize("path", ["/{room}?", "/api/v1/rooms/{room}/messages?"])
def test_a_log_that_cannot_be_continued_says_why(
    http: httpx.Client, seven: str, path: str, query: str, reason: str
) -> None:
    answer = http.get(path.replace("{room}", seven) + query, headers={"Accept": JSON})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["reason"]) == (410, "cursor_gone", reason)
    assert (problem["room"], problem["first_seq"], problem["head_seq"]) == (seven, 1, 7)
    assert problem["epoch"] == page(http, f"/{seven}")["epoch"]
    assert "the room has 1 to 7" in problem["detail"]


def test_of_a_room_in_which_nothing_was_said_it_is_not_claimed_that_it_has_anything(http: httpx.Client) -> None:
    for path in ("/never-used?since=3", "/never-used/3"):
        assert "the room is empty" in http.get(path, headers={"Accept": JSON}).json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/seven/8", 404, "not_found"),
        ("/seven/0", 404, "not_found"),
        ("/seven/01", 404, "not_found"),
        ("/seven/x", 404, "not_found"),
        ("/seven/99999999999", 404, "not_found"),
        ("/nobody-was-here/1", 404, "not_found"),
        ("/seven/1/2", 404, "not_found"),
        ("/api/v1/rooms/seven/messages/8", 404, "not_found"),
        ("/api/v1/rooms/a%2Fb", 400, "bad_room_name"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/auth", 404, "not_found"),
        ("/ADMIN", 404, "not_found"),
        ("/static", 404, "not_found"),
        ("/static/nothing.css", 404, "not_found"),
        ("/sw.js", 404, "not_found"),
        ("/api/v2", 404, "not_found"),
        ("/api/v2/rooms", 404, "not_found"),
        ("/.well-known/security.txt", 404, "not_found"),
        ("/-x", 400, "bad_room_name"),
        ("/%FF", 400, "bad_request"),
    ],
)
def test_what_is_not_there(http: httpx.Client, seven: str, path: str, status: int, code: str) -> None:
    answer = http.get(path, headers={"Accept": JSON})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_event_has_a_permanent_link_in_every_format(http: httpx.Client, seven: str) -> None:
    assert http.get(f"/{seven}/3").text.endswith(": m3\n")
    assert http.get(f"/{seven}/3").text.count("\n") == 1
    assert http.get(f"/{seven}/3", headers={"Accept": JSON}).json()["text"] == "m3"
    html = http.get(f"/{seven}/3", headers={"Accept": BROWSER})
    assert (html.status_code, html.headers["location"]) == (303, f"/{seven}#m3")  # a page, scrolled to it


def test_a_room_nobody_spoke_in_is_an_empty_log(http: httpx.Client, room: str) -> None:
    found = page(http, f"/{room}")
    assert (found["events"], found["first_seq"], found["head_seq"], found["prev"]) == ([], 1, 0, None)
    assert http.get(f"/{room}").text == ""
    assert http.get(f"/api/v1/rooms/{room}").json() == {
        "room": room, "epoch": found["epoch"], "first_seq": 1, "head_seq": 0, "access": "open"
    }  # fmt: skip
    assert room not in [known["room"] for known in http.get("/api/v1/rooms?limit=1000").json()["rooms"]]


def test_rooms_are_listed_by_their_last_word(http: httpx.Client, room: str) -> None:
    for name in ("a", "b", "a"):
        http.post(f"/{room}-{name}", content=b"Hello")
    rooms = http.get("/api/v1/rooms?limit=2").json()["rooms"]
    assert [(known["room"], known["head_seq"]) for known in rooms] == [(f"{room}-a", 2), (f"{room}-b", 1)]
    assert rooms[0]["active_at"] >= rooms[1]["active_at"]


def test_a_page_lists_a_room_that_has_just_been_made(http: httpx.Client, room: str) -> None:
    for made in (f"{room}-first", f"{room}-second"):
        http.post(f"/{made}", content=b"Hello")
        assert f'href="/{made}"' in http.get("/lobby", headers={"Accept": "text/html"}).text


def test_a_list_of_rooms_says_whether_it_is_all(http: httpx.Client, room: str) -> None:
    for name in ("a", "b"):
        http.post(f"/{room}-{name}", content=b"Hello")
    everything = http.get("/api/v1/rooms?limit=1000").json()
    number = len(everything["rooms"])
    assert everything["more"] is False
    assert http.get(f"/api/v1/rooms?limit={number}").json() == everything
    fewer = http.get(f"/api/v1/rooms?limit={number - 1}").json()
    assert (fewer["rooms"], fewer["more"]) == (everything["rooms"][:-1], True)


def in_background(work: Callable[[], httpx.Response]) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    return thread, answers


@pytest.mark.parametrize(
    "path", ["/{room}?format=json&since=0&wait=50", "/api/v1/rooms/{room}/messages?since=0&wait=50"]
)
def test_a_long_poll_ends_with_the_next_message(http: httpx.Client, room: str, path: str) -> None:
    began = time.monotonic()
    thread, answers = in_background(lambda: httpx.get(f"{http.base_url}{path}".replace("{room}", room), timeout=60))
    http.post(f"/{room}", content=b"Hello")
    thread.join()
    assert numbers(answers[0].json()) == [1]
    assert time.monotonic() - began < 40


def test_a_long_poll_without_news_ends_with_an_empty_page(http: httpx.Client, room: str) -> None:
    began = time.monotonic()
    found = page(http, f"/{room}?since=0&wait=1")
    assert numbers(found) == []
    assert time.monotonic() - began >= 0.9
    assert found["next"].startswith(f"/{room}?since={found['epoch']}.0")


@pytest.mark.parametrize(
    "path", ["/seven", "/seven/3", "/api/v1/rooms", "/seven?format=json", "/help", "/api", "/", "/healthz"]
)
def test_head_is_get_without_the_body(http: httpx.Client, seven: str, path: str) -> None:
    get, head = http.get(path), http.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for field in ("content-type", "content-length", "cache-control", "link"):
        assert head.headers.get(field) == get.headers.get(field), field


def test_the_front_door_shows_each_client_its_own(http: httpx.Client) -> None:
    assert "curl -d" in http.get("/").text
    assert http.get("/", headers={"Accept": BROWSER}).headers["content-type"] == HTML
    assert http.get("/", headers={"Accept": JSON}).json()["openapi"] == "/api/v1/openapi.json"
    led = http.get("/?room=%23My-Room", headers={"Accept": BROWSER})
    assert (led.status_code, led.headers["location"]) == (303, "/my-room")


def test_nothing_that_was_said_is_kept_by_caches(http: httpx.Client, seven: str) -> None:
    for path in (f"/{seven}", f"/{seven}/1", f"/{seven}?format=json", "/api/v1/rooms", f"/{seven}?format=html"):
        assert http.get(path).headers["cache-control"] == "no-store", path


def test_wait_without_a_cursor_waits_for_whatever_comes_next(http: httpx.Client, room: str) -> None:
    http.post(f"/{room}", content=b"old")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.get, f"/{room}?format=json&wait=20")
        while not waiting.done():
            http.post(f"/{room}", content=b"new")
        assert {event["text"] for event in waiting.result().json()["events"]} == {"new"}


def test_a_slash_at_the_end_changes_nothing(http: httpx.Client, room: str) -> None:
    http.post(f"/{room}/", content=b"hello")
    assert http.get(f"/{room}/").text == http.get(f"/{room}").text != ""
    assert http.get(f"/{room}//").status_code == 404


def test_go_to_a_room_takes_what_people_type_and_gives_it_back_where_it_is_none(http: httpx.Client) -> None:
    led = http.get("/", params={"room": "Class 7B"}, headers={"Accept": BROWSER})
    assert (led.status_code, led.headers["location"]) == (303, "/class-7b")
    site = str(http.base_url).rstrip("/")
    assert http.get("/", params={"room": f"{site}/dev"}).headers["location"] == "/dev"
    refused = http.get("/", params={"room": '"?!<b>'}, headers={"Accept": BROWSER})
    assert refused.status_code == 400
    assert 'value="&#34;?!&lt;b&gt;"' in refused.text
    assert "Go to a room" in refused.text
    assert http.get("/", params={"room": "?!"}, headers={"Accept": "*/*"}).text.startswith("error: ")
