"""Messages that break programs, through every way to send: refused with a reason, and nothing of them is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.server import ServerProcess
from tests.support.talk import Client

JSON = "Content-Type: application/json\r\nAccept: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=cut"
TEXT = "Content-Type: text/plain"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("hostile") / "data") as server:
        yield server
    assert "Traceback" not in server.log


def problem(server: ServerProcess, request: bytes) -> tuple[int, dict[str, object]]:
    """The status and the problem document of an answer."""
    with Client.to(server.port) as client:
        answer = client.send(request).answer()
    return answer.status, json.loads(answer.body)


def is_empty(server: ServerProcess) -> bool:
    """Whether nothing at all has been stored."""
    with Client.to(server.port) as client:
        return client.send(head("GET", "/api/v1/rooms")).answer().body.startswith(b'{"rooms":[]')


# --- JSON ---

JSON_TRAPS: dict[str, str | bytes] = {
    "NaN": '{"text":"a","key":NaN}',
    "NaN as text": '{"text":NaN}',
    "infinity": '{"text":"a","key":-Infinity}',
    "number beyond floats": '{"text":1e999}',
    "doubled key": '{"text":"a","text":"b"}',
    "doubled key, escaped": '{"text":"a","t\\u0065xt":"b"}',
    "lone surrogate": '{"text":"\\ud800"}',
    "lone low surrogate": '{"text":"a\\udfff"}',
    "surrogates in the wrong order": '{"text":"\\udc00\\ud800"}',
    "surrogate in a name": '{"text":"a","name":"\\ud83d"}',
    "surrogate in a key": '{"text":"a","\\ud800":1}',
    "4301 digits": '{"text":' + "9" * 4301 + "}",
    "2 to the 63": '{"text":"a","key":9223372036854775808}',
    "deep arrays": "[" * 60_000,
    "deep arrays, closed": '{"text":' + "[" * 30_000 + "]" * 30_000 + "}",
    "deep objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "NUL": '{"text":"a\\u0000b"}',
    "NUL in a name": '{"text":"a","name":"b\\u0000"}',
    "raw NUL": '{"text":"a\0b"}',
    "unknown field": '{"text":"a","admin":true}',
    "text is a number": '{"text":1}',
    "text is true": '{"text":true}',
    "text is null": '{"text":null}',
    "text is a list": '{"text":["a"]}',
    "key is true": '{"text":"a","key":true}',
    "key in Arabic digits": '{"text":"a","key":"\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"}',
    "list": '["text","a"]',
    "string": '"text"',
    "nothing": "",
    "two documents": '{"text":"a"}{"text":"b"}',
    "byte order mark": '\ufeff{"text":"a"}',
    "UTF-16": '{"text":"a"}'.encode("utf-16"),
    "not UTF-8": b'{"text":"\xff"}',
    "overlong NUL": b'{"text":"\xc0\x80"}',
    "surrogate in UTF-8": b'{"text":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"text":"\xf4\x90\x80\x80"}',
    "single quotes": "{'text':'a'}",
    "trailing comma": '{"text":"a",}',
    "comment": '{"text":"a"/**/}',
    "too many keys": "{" + ",".join(f'"k{number}":1' for number in range(1000)) + "}",
    "blank text": '{"text":" \\t\\n\\u3000"}',
    "name with an escape sequence": '{"text":"a","name":"\\u001b[31m"}',
    "name with a bidi override": '{"text":"a","name":"a\\u202eb"}',
    "key with a line break": '{"text":"a","key":"12345678\\n"}',
    "key with a dot": '{"text":"a","key":"12345678."}',
}

JSON_WAYS: dict[str, Callable[[bytes], bytes]] = {
    "room": lambda body: post("/lobby", body, JSON),
    "send": lambda body: post("/send", body, JSON),
    "put": lambda body: post("/lobby/key-00000001", body, JSON).replace(b"POST", b"PUT", 1),
    "api": lambda body: post("/api/v1/rooms/lobby/messages", body, JSON),
    "api put": lambda body: post("/api/v1/rooms/lobby/messages/key-00000001", body, JSON).replace(b"POST", b"PUT", 1),
    "suffix": lambda body: post("/lobby", body, "Content-Type: application/x-mine+json", "Accept: application/json"),
}


@pytest.mark.parametrize("trap", JSON_TRAPS)
def test_json_trap_is_refused_everywhere_with_a_reason(server: ServerProcess, trap: str) -> None:
    text = JSON_TRAPS[trap]
    body = text if isinstance(text, bytes) else text.encode("utf-8")
    for way, request in JSON_WAYS.items():
        status, found = problem(server, request(body))
        assert status in (400, 413), (way, status)
        assert found["stored"] is False, way
        assert found["detail"], way
    assert is_empty(server)


@pytest.mark.parametrize("trap", [trap for trap in JSON_TRAPS if isinstance(JSON_TRAPS[trap], str)])
def test_json_trap_in_a_websocket_is_refused_with_a_reason(server: ServerProcess, trap: str) -> None:
    text = str(JSON_TRAPS[trap])
    message = '{"op":"send",' + text[1:] if text.startswith('{"') else text
    with socket_to(server) as client:
        client.send(ws_frame(message.encode()) if len(message) < 65536 else ws_frame(message.encode()[:60_000]))
        found = frame(client)
        assert found["type"] == "error", found
        assert found["detail"]
        client.send(ws_frame(b'{"op":"ping"}'))  # the connection lives on
        assert frame(client)["type"] == "pong"
    assert is_empty(server)


def socket_to(server: ServerProcess) -> Client:
    """An open WebSocket of the lobby, at its head."""
    client = Client.to(server.port)
    assert client.send(head("GET", "/lobby", *UPGRADE)).head().status == 101
    assert frame(client)["type"] == "caught_up"
    return client


def frame(client: Client) -> dict[str, object]:
    """The next text frame of the server."""
    first, size = client.read(2)
    assert first == 0x81, first
    if size == 126:
        size = int.from_bytes(client.read(2), "big")
    found: dict[str, object] = json.loads(client.read(size))
    return found


# --- forms and raw bodies ---

OTHER_TRAPS: dict[str, tuple[bytes, str]] = {
    "raw NUL": (b"a\0b", TEXT),
    "raw not UTF-8": (b"\xff\xfe", TEXT),
    "raw overlong": (b"\xc0\xaf", TEXT),
    "raw surrogate": (b"\xed\xa0\x80", TEXT),
    "raw blank": (b" \r\n\t", TEXT),
    "raw empty": (b"", TEXT),
    "unlabelled NUL": (b"a\0b", "X: y"),
    "curl's label, NUL": (b"a\0b", FORM),
    "form with NUL": (b"message=a%00b", FORM),
    "form not UTF-8": (b"message=%ff", FORM),
    "form with a surrogate": (b"message=%ed%a0%80", FORM),
    "form with a broken escape behind a whole one": (b"message=%41%4", FORM),
    "form with an escape behind raw characters": (b"message=a b%41", FORM),
    "form with two texts": (b"message=a&text=b", FORM),
    "form with a doubled text": (b"message=a&message=b", FORM),
    "form with a doubled text, escaped": (b"message=a&m%65ssage=b", FORM),
    "form with a bad key": (b"message=a&key=short", FORM),
    "form with an escape in its name": (b"message=a&name=%1b%5b31m", FORM),
    "form with a blank text": (b"message=+%09", FORM),
    "multipart cut short": (b"--cut\r\nContent-Disposition: form-data; name=text\r\n\r\na", MULTIPART),
    "multipart with NUL": (
        b'--cut\r\nContent-Disposition: form-data; name="text"\r\n\r\na\0\r\n--cut--\r\n',
        MULTIPART,
    ),
    "multipart without a boundary": (b"--\r\n\r\n--", "Content-Type: multipart/form-data"),
    "multipart with too many parts": (
        b"".join(b'--cut\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nb\r\n' % n for n in range(50))
        + b"--cut--",
        MULTIPART,
    ),
    "compressed": (b"\x1f\x8b\x08", "Content-Encoding: gzip"),
    "too long a text": (b"x" * 16_385, TEXT),
    "too many lines": (b"a\n" * 500, TEXT),
}


@pytest.mark.parametrize("trap", OTHER_TRAPS)
def test_trap_in_a_form_or_a_raw_body_is_refused_with_a_reason(server: ServerProcess, trap: str) -> None:
    body, field = OTHER_TRAPS[trap]
    for target in ("/lobby", "/lobby/key-00000001"):
        request = post(target, body, field, "Accept: application/json")
        status, found = problem(server, request if target == "/lobby" else request.replace(b"POST", b"PUT", 1))
        assert status in (400, 413, 415), status
        assert found["stored"] is False
        assert found["detail"]
    assert is_empty(server)


# --- targets, queries and fields ---

TARGET_TRAPS = {
    "room with NUL": "/a%00b",
    "room not UTF-8": "/%ff",
    "room with a surrogate": "/%ed%a0%80",
    "room with a line break": "/a%0d%0ab",
    "room with an escaped slash": "/a%2f..%2fb",
    "room of dots": "/%2e%2e",
    "room with an escape sequence": "/%1b%5b31m",
    "room with a bidi override": "/a%e2%80%aeb",
    "room with a zero-width space": "/a%e2%80%8bb",
    "room of spaces": "/%20",
    "room too long": "/" + "a" * 65,
    "reserved room": "/auth",
    "reserved room, wide letters": "/%ef%bd%81uth",
    "key too short": "/lobby/1234567",
    "key with a line break": "/lobby/12345678%0a",
    "key in Arabic digits": "/lobby/" + "%d9%a1" * 8,
}


@pytest.mark.parametrize("trap", TARGET_TRAPS)
def test_trap_in_the_address_is_refused_with_a_reason(server: ServerProcess, trap: str) -> None:
    request = post(TARGET_TRAPS[trap], b"hello", TEXT, "Accept: application/json").replace(b"POST", b"PUT", 1)
    status, found = problem(server, request)
    assert status in (400, 404), status
    assert found["detail"]
    assert is_empty(server)


NUMBER_TRAPS = ("%d9%a1%d9%a2", "%201_0%20", "%c2%b2", "1e1", "0x10", "+5", "-1", "9" * 5000, "9223372036854775808", "")


@pytest.mark.parametrize("value", NUMBER_TRAPS, ids=lambda value: value[:20] or "empty")
def test_number_that_only_python_would_read_is_refused(server: ServerProcess, value: str) -> None:
    for name in ("since", "before", "limit", "wait"):
        status, found = problem(server, head("GET", f"/lobby?format=json&{name}={value}", "Accept: application/json"))
        assert status in (400, 410), (name, status)  # 410: a number so far, and beyond the head
        assert found["detail"], name
    status, _ = problem(server, head("GET", f"/lobby/{value}x", "Accept: application/json"))
    assert status == 404


@pytest.mark.parametrize(
    "field",
    ["Idempotency-Key: short", "Idempotency-Key: 12345678\x85", "Idempotency-Key: ab cd efgh", "Idempotency-Key: "],
)
def test_trap_in_the_key_field_is_refused(server: ServerProcess, field: str) -> None:
    request = post("/lobby", b"hello", "Accept: application/json").replace(
        b"\r\n\r\n", b"\r\n" + field.encode("latin-1") + b"\r\n\r\n", 1
    )
    status, found = problem(server, request)
    assert (status, found["code"]) == (400, "bad_key")
    assert is_empty(server)


def test_line_separators_of_unicode_split_nothing(server_of_its_own: ServerProcess) -> None:
    """str.splitlines would cut an event stream at U+2028, U+0085 and others; they are text and stay text."""
    text = "a\u2028b\u2029c\u0085d\x0be"
    with Client.to(server_of_its_own.port) as client, Client.to(server_of_its_own.port) as reader:
        reader.send(head("GET", "/lobby", "Accept: text/event-stream")).read_until(b"caught_up")
        answer = client.send(post("/lobby", json.dumps({"text": text}).encode(), JSON)).answer()
        assert answer.status == 400 or json.loads(answer.body)["text"] == text
        assert client.send(post("/lobby", b"end", TEXT)).answer().status == 201
        events = reader.read_until(b'"end"')
        assert events.count(b"\ndata: ") == (3 if answer.status == 201 else 2)  # with the one that says caught up


@pytest.fixture
def server_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("lines") / "data") as server:
        yield server
