"""Every way to send a message (docs/protocol.md#sending): what is stored, what is answered, and what is refused."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.timeout import TIMEOUT_S

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
API = "/api/v1/rooms/{room}/messages"
MULTIPART = "multipart/form-data; boundary=cut"
_ROOMS = itertools.count(1)


@pytest.fixture
def room() -> str:
    """A room that no other test speaks in."""
    return f"sending-{next(_ROOMS)}"


def parts(**fields: str) -> bytes:
    """A multipart body."""
    lines = [
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    return ("".join(lines) + "--cut--\r\n").encode()


def log(http: httpx.Client, room: str) -> list[dict[str, Any]]:
    """All events of a room."""
    events: list[dict[str, Any]] = http.get(f"/api/v1/rooms/{room}/messages?since=0&limit=1000").json()["events"]
    return events


class Way(NamedTuple):
    """A request, and what it says. `{room}` stands for the room of the test."""

    method: str
    path: str
    kind: str | None
    body: bytes
    text: str
    name: str | None = None
    key: str | None = None


WAYS = {
    "the form at /send": Way("POST", "/send", FORM, b"message=Hello&room={room}", "Hello"),
    "the form at /send with a name": Way("POST", "/send", FORM, b"message=Hi&room={room}&name=al+ice", "Hi", "al ice"),
    "JSON at /send": Way("POST", "/send", JSON, b'{"text":"Hello","room":"{room}","name":"bob"}', "Hello", "bob"),
    "parts at /send": Way("POST", "/send", MULTIPART, parts(message="a\r\nb", room="{room}"), "a\nb"),
    "a form": Way("POST", "/{room}", FORM, b"message=a%20%2B+b%0D%0Ac", "a + b\nc"),
    "a form that says text": Way("POST", "/{room}", FORM, b"text=Hello&key=form-key-1", "Hello", None, "form-key-1"),
    "curl -d": Way("POST", "/{room}", FORM, b"100% a+b&c=d", "100% a+b&c=d"),
    "parts": Way("POST", "/{room}", MULTIPART, parts(text="Hi", name="zoë", key="part-key"), "Hi", "zoë", "part-key"),
    "JSON as text": Way("POST", "/{room}", "text/json", b'{"text":"Hello"}', "Hello"),
    "bytes": Way("POST", "/{room}", "application/octet-stream", b"Hello", "Hello"),
    "Markdown": Way("POST", "/{room}", "text/markdown; charset=utf-8", b"*Hello*", "*Hello*"),
    "a raw body": Way("POST", "/{room}", "text/plain", "Grüße 👋\n".encode(), "Grüße 👋"),
    "a raw body without a type": Way("POST", "/{room}", None, b"message=not a form", "message=not a form"),
    "a file": Way("POST", "/{room}", "application/octet-stream", b"one\r\ntwo\r\n", "one\r\ntwo"),
    "two line breaks at the end": Way("POST", "/{room}", None, b"one\n\n", "one\n"),
    "JSON": Way("POST", "/{room}", JSON, b'{"text":"Hello\\n","key":"json-key-1"}', "Hello\n", None, "json-key-1"),
    "JSON of another kind": Way("POST", "/{room}", "application/x.chat+json; v=1", b'{"text":"Hello"}', "Hello"),
    "the name in the address": Way("POST", "/{room}?name=carol", None, b"Hello", "Hello", "carol"),
    "curl -T": Way("PUT", "/{room}", None, b"uptime\n", "uptime"),
    "the key in the path": Way("PUT", "/{room}/path-key-1", None, b"Hello", "Hello", None, "path-key-1"),
    "JSON under a key": Way("PUT", "/{room}/path-key-2", JSON, b'{"text":"Hello"}', "Hello", None, "path-key-2"),
    "the API": Way("POST", API, JSON, b'{"text":"Hello","name":"dan"}', "Hello", "dan"),
    "the API under a key": Way("PUT", f"{API}/api-key-1", JSON, b'{"text":"x"}', "x", None, "api-key-1"),
}  # fmt: skip


def send(http: httpx.Client, way: Way, room: str, **headers: str) -> httpx.Response:
    kind = {"Content-Type": way.kind} if way.kind is not None else {}
    path, body = way.path.replace("{room}", room), way.body.replace(b"{room}", room.encode())
    return http.request(way.method, path, content=body, headers=kind | headers)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_to_send_stores_the_same_event(http: httpx.Client, room: str, way: Way) -> None:
    answer = send(http, way, room)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/{room}/1"
    assert "idempotent-replay" not in answer.headers
    (event,) = log(http, room)
    assert (event["room"], event["seq"], event["type"], event["text"]) == (room, 1, "message", way.text)
    assert event.get("key") == way.key
    assert event["by"]["kind"] == "guest"
    assert event["by"]["name"] == way.name if way.name else event["by"]["name"].startswith("guest-")
    if "json" in (way.kind or ""):
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == event
    else:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == f"{room}/1\n"


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_to_send_can_be_answered_in_json(http: httpx.Client, room: str, way: Way) -> None:
    answer = send(http, way, room, Accept="application/json")
    assert answer.headers["content-type"] == "application/json"
    assert [answer.json()] == log(http, room)
    assert answer.content.count(b"\n") == 1
    assert answer.content.endswith(b"}\n")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_repeat_with_the_key_is_answered_the_same_and_stored_once(http: httpx.Client, room: str, way: Way) -> None:
    headers = {} if way.key else {"Idempotency-Key": "header-key_1"}
    first, again = send(http, way, room, **headers), send(http, way, room, **headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    assert [event["key"] for event in log(http, room)] == [way.key or "header-key_1"]


def test_one_key_means_one_message_whichever_way_it_is_sent(http: httpx.Client, room: str) -> None:
    first = http.put(f"/{room}/same-key-1", content=b"Hello")
    assert "idempotent-replay" not in first.headers
    for answer in (
        http.post(f"/{room}", content=b"Hello\n", headers={"Idempotency-Key": "same-key-1"}),
        http.post("/send", data={"message": "Hello", "room": room.upper(), "key": "same-key-1"}),
        http.post(f"/{room}", json={"text": "Hello", "key": "same-key-1"}),
        http.put(f"/api/v1/rooms/{room}/messages/same-key-1", json={"text": "Hello"}),
    ):
        assert answer.headers["idempotent-replay"] == "true"
        assert answer.headers["location"] == f"/{room}/1"
    assert len(log(http, room)) == 1


def test_a_key_belongs_to_one_author_in_one_room(http: httpx.Client, room: str) -> None:
    said = [
        http.put(f"/{place}/my-own-key?name={name}", content=b"Hello")
        for place, name in ((room, "ann"), (room, "ben"), (f"{room}-b", "ann"))
    ]
    assert [answer.status_code for answer in said] == [201, 201, 201]
    assert [answer.headers["location"] for answer in said] == [f"/{room}/1", f"/{room}/2", f"/{room}-b/1"]
    assert not any("idempotent-replay" in answer.headers for answer in said)


def test_a_key_used_for_other_content_is_refused(http: httpx.Client, room: str) -> None:
    http.put(f"/{room}/used-key-1", content=b"Hello")
    other = http.put(f"/{room}/used-key-1", content=b"Goodbye", headers={"Accept": "application/json"})
    problem = other.json()
    assert (other.status_code, problem["code"], problem["stored"]) == (422, "key_reused", False)
    assert [event["text"] for event in log(http, room)] == ["Hello"]


def test_the_lobby_is_where_send_leads_without_a_room(http: httpx.Client) -> None:
    answer = http.post("/send", data={"message": "Hello"})
    assert answer.text.startswith("lobby/")
    assert http.get(answer.headers["location"]).text.endswith("Hello\n")


@pytest.mark.parametrize(
    ("written", "canonical", "location"),
    [
        ("LOBBY-x", "lobby-x", "/lobby-x/1"),
        ("Ｗｉｄｅ", "wide", "/wide/1"),
        ("Größe", "grösse", "/gr%C3%B6sse/1"),
        ("हिन्दी", "हिन्दी", "/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80/1"),
    ],
)
def test_a_room_has_one_name_however_it_is_written(
    http: httpx.Client, written: str, canonical: str, location: str
) -> None:
    answer = http.post(f"/{written}", content=b"Hello")
    assert (answer.status_code, answer.text, answer.headers["location"]) == (201, f"{canonical}/1\n", location)
    (event,) = log(http, canonical)
    assert event["room"] == canonical
    assert http.get(location).status_code == 200


def test_a_browser_without_scripts_is_led_back_to_the_room(http: httpx.Client, room: str) -> None:
    answer = http.post(f"/{room}", data={"message": "Hello"}, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{room}#latest")
    assert len(log(http, room)) == 1


def test_a_browser_whose_form_is_refused_gets_its_text_back(http: httpx.Client, room: str) -> None:
    form = {"message": "My <long> thought", "name": "Admin"}
    answer = http.post(f"/{room}", data=form, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "My &lt;long&gt; thought" in answer.text
    assert "taken for the server" in answer.text
    assert log(http, room) == []


def test_a_name_makes_an_author_and_the_address_a_nameless_one(http: httpx.Client, room: str) -> None:
    for query in ("", "", "?name=ann", "?name=ann", "?name=ben"):
        http.post(f"/{room}{query}", content=b"Hello")
    ids = [event["by"]["id"] for event in log(http, room)]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3


class Bad(NamedTuple):
    """A request that is refused, and why."""

    way: Way
    status: int
    code: str
    field: str | None


def bad(
    path: str, kind: str | None, body: bytes, status: int, code: str, field: str | None, method: str = "POST"
) -> Bad:
    return Bad(Way(method, path, kind, body, ""), status, code, field)


REFUSED = {
    "no body": bad("/{room}", None, b"", 400, "blank_text", "text"),
    "a blank text": bad("/{room}", None, b" \n\t", 400, "blank_text", "text"),
    "an invisible text": bad("/{room}", None, "\u200b\u2060".encode(), 400, "blank_text", "text"),
    "NUL": bad("/{room}", None, b"a\0b", 400, "bad_text", "text"),
    "NUL in JSON": bad("/{room}", JSON, b'{"text":"a\\u0000"}', 400, "bad_json", "text"),
    "no UTF-8": bad("/{room}", None, b"caf\xe9", 400, "bad_utf8", "text"),
    "no UTF-8 in JSON": bad("/{room}", JSON, b'{"text":"caf\xe9"}', 400, "bad_utf8", "text"),
    "half a pair": bad("/{room}", JSON, b'{"text":"\\ud800"}', 400, "bad_json", "text"),
    "no JSON": bad("/{room}", JSON, b"Hello", 400, "bad_json", None),
    "an unknown member": bad("/{room}", JSON, b'{"text":"a","colour":1}', 400, "bad_json", "colour"),
    "a doubled member": bad("/{room}", JSON, b'{"text":"a","text":"b"}', 400, "bad_json", "text"),
    "a wrong type": bad("/{room}", JSON, b'{"text":1}', 400, "bad_json", "text"),
    "JSON without text": bad("/{room}", JSON, b"{}", 400, "bad_json", "text"),
    "NaN": bad("/{room}", JSON, b'{"text":NaN}', 400, "bad_json", "text"),
    "a doubled field": bad("/{room}", FORM, b"message=a&message=b", 400, "bad_form", "message"),
    "message and text": bad("/{room}", FORM, b"message=a&text=b", 400, "bad_form", "text"),
    "a text that would be cut": bad("/{room}", FORM, b"message=Tom & Jerry", 400, "bad_form", "message"),
    "an unknown field": bad("/{room}", FORM, b"message=a&colour=b", 400, "bad_form", "colour"),
    "an unknown part": bad("/{room}", MULTIPART, parts(message="a", colour="b"), 400, "bad_form", "colour"),
    "parts without a message": bad("/{room}", MULTIPART, parts(name="a"), 400, "bad_form", "message"),
    "broken parts": bad("/{room}", MULTIPART, b"--cut\r\n", 400, "bad_form", None),
    "too many characters": bad("/{room}", None, b"x" * 16385, 413, "text_too_long", "text"),
    "too many bytes": bad("/{room}", None, "€".encode() * 6000, 413, "text_too_long", "text"),
    "too many lines": bad("/{room}", None, b"x\n" * 401, 413, "text_too_long", "text"),
    "a short key": bad("/{room}", JSON, b'{"text":"a","key":"short"}', 400, "bad_key", "key"),
    "a key with a dot": bad("/{room}/with.a.dot", None, b"a", 400, "bad_key", "key", "PUT"),
    "a name with a colon": bad("/{room}?name=a%3Ab", None, b"a", 400, "bad_name", "name"),
    "a name of the staff": bad("/{room}?name=AdmІn", None, b"a", 400, "reserved_name", "name"),
    "two names": bad("/{room}?name=ann", JSON, b'{"text":"a","name":"ben"}', 400, "bad_parameter", "name"),
    "two keys": bad("/{room}/path-key-9", JSON, b'{"text":"a","key":"other-key"}', 400, "bad_parameter", "key", "PUT"),
    "two rooms": bad("/{room}", JSON, b'{"text":"a","room":"elsewhere"}', 400, "bad_parameter", "room"),
    "a bad room in the body": bad("/send", JSON, b'{"text":"a","room":"a b"}', 400, "bad_room_name", "room"),
    "an empty room in the body": bad("/send", JSON, b'{"text":"a","room":""}', 400, "bad_room_name", "room"),
    "a room of the server": bad("/auth", None, b"a", 400, "reserved_name", "room"),
    "a room with a space": bad("/a%20b", None, b"a", 400, "bad_room_name", "room"),
    "a picture": bad("/{room}", "image/png", b"a", 415, "unsupported_media_type", None),
    "a sound": bad("/{room}", "audio/ogg", b"a", 415, "unsupported_media_type", None),
    "a film": bad("/{room}", "Video/MP4", b"a", 415, "unsupported_media_type", None),
    "an archive": bad("/{room}", "application/zip", b"a", 415, "unsupported_media_type", None),
    "XML": bad("/send", "application/xml", b"<a/>", 415, "unsupported_media_type", None),
    "other parts": bad("/{room}/some-key-1", "multipart/mixed", b"a", 415, "unsupported_media_type", None, "PUT"),
    "a form for the API": bad(API, FORM, b"message=a", 415, "unsupported_media_type", None),
    "a room for the API": bad(API, JSON, b'{"text":"a","room":"b"}', 400, "bad_json", "room"),
    "a parameter for the API": bad(f"{API}?x=1", JSON, b'{"text":"a"}', 400, "bad_parameter", "x"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named_and_not_stored(http: httpx.Client, room: str, case: Bad) -> None:
    answer = send(http, case.way, room, Accept="application/json")
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (case.status, case.code, case.field), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["stored"] is False
    assert log(http, room) == []


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(http: httpx.Client, room: str) -> None:
    limit = json.loads(http.get("/api/v1/limits").content)["body_bytes"]
    answer = http.post(f"/{room}", content=b"x" * (limit + 1), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"], answer.headers["connection"]) == (413, "too_large", "close")
    assert log(http, room) == []


def test_compressed_bodies_are_not_read(http: httpx.Client, room: str) -> None:
    answer = http.post(f"/{room}", content=b"Hello", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, log(http, room)) == (415, [])


@pytest.mark.parametrize(
    "coding",
    [
        "identity",
        "Identity",
        "IDENTITY",
    ],
)
def test_a_body_that_is_said_to_be_as_it_is_is_read(http: httpx.Client, room: str, coding: str) -> None:
    answer = http.post(f"/{room}", content=b"Hello", headers={"Content-Encoding": coding})
    assert (answer.status_code, len(log(http, room))) == (201, 1)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_part_of_something_is_no_message(http: httpx.Client, room: str, method: str) -> None:
    path = f"/{room}/some-key-1" if method == "PUT" else f"/{room}"
    head = {"Content-Range": "bytes 0-4/100", "Accept": "application/json"}
    answer = http.request(method, path, content=b"Hello", headers=head)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert log(http, room) == []


UTF_8_NAMES = [
    *("utf-8", "UTF-8", "Utf-8", "utf8", '"utf-8"', '"UTF8"', "'utf-8'", "us-ascii", "US-ASCII", "ascii"),
    *("utf-8; format=flowed", 'utf-8; x="; charset=gbk"', "utf-8 ; charset=UTF8", ""),
]
OTHER_NAMES = [
    *("gbk", "GB18030", "utf-16", "UTF-16LE", "iso-2022-jp", "windows-1251", "iso-8859-1", "latin1", "utf-7", "bogus"),
    *('"gbk"', '"g\\bk"', "'gbk'", "utf-8; charset=gbk", "gbk; charset=utf-8", 'x"', '"gbk', " gbk"),
]
BODIES = {
    "text/plain": "Ӏ".encode(),  # the bytes D3 80, which are one character in GBK too
    "application/octet-stream": b"Hello",
    FORM: b"message=%D3%80",
    JSON: b'{"text":"Hello"}',
    "multipart/form-data; boundary=cut": parts(message="Hello"),
}


@pytest.mark.parametrize("charset", UTF_8_NAMES)
@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", FORM, JSON])
def test_a_body_may_say_that_it_is_in_utf_8(http: httpx.Client, room: str, kind: str, charset: str) -> None:
    answer = http.post(f"/{room}", content=BODIES[kind], headers={"Content-Type": f"{kind}; charset={charset}"})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("charset", OTHER_NAMES)
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_in_another_encoding_is_refused_and_not_read_as_utf_8(
    http: httpx.Client, room: str, kind: str, charset: str
) -> None:
    first, _, rest = kind.partition(";")
    head = {"Content-Type": f"{first}; Charset={charset}" + (f";{rest}" if rest else ""), "Accept": "application/json"}
    answer = http.post(f"/{room}", content=BODIES[kind], headers=head)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert log(http, room) == []


def test_a_body_in_chunks_is_a_body(http: httpx.Client, room: str) -> None:
    answer = http.post(f"/{room}", content=iter([b"Hel", b"lo", b"\n"]))
    assert answer.status_code == 201
    assert [event["text"] for event in log(http, room)] == ["Hello"]


def test_the_name_that_the_first_page_shows_is_the_one_its_form_sends_under(http: httpx.Client) -> None:
    with httpx.Client(base_url=http.base_url, headers={"Accept": "text/html"}, timeout=TIMEOUT_S) as browser:
        shown = re.search(r'<input [^>]*id="name"[^>]*placeholder="([^"]+)"', browser.get("/first-visit").text)
        browser.post("/first-visit", data={"message": "hello"})
        assert shown is not None
        assert shown[1] == browser.get("/first-visit?format=json").json()["events"][0]["by"]["name"]
