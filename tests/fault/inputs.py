"""The most expensive things that a client may say, by name: each is one input, or a flood on one connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from tests.fault.transports import upgrade
from tests.support import raw
from tests.support.raw import head, post, ws_frame

KIB = 1024
BODY = 64 * KIB
MANY = "/api/v1/stream"

JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=cut"
TEXT = "Content-Type: text/plain"

TEXTS: dict[str, str] = {
    "letters": "x" * 16 * KIB,
    "lines": "a\n" * 399,
    "controls": "\x1b" * 16 * KIB,
    "controls between letters": "a\x1b" * 8 * KIB,
    "bidi": "a\u202e" * (16 * KIB // 4),
    "marks on one letter": "a" + "\u0300" * (8 * KIB - 1),
    "piles of marks": ("a" + "\u0300" * 5) * (16 * KIB // 11),
    "marks and joiners": "a" + "\u0300\u200d" * (16 * KIB // 5 - 1),
    "joiners": "\u0628\u200d" * (16 * KIB // 5),
    "emoji": "\U0001f469\u200d" * (16 * KIB // 7),
    "flags": "\U0001f3f4\U000e0067\U000e0062\U000e007f" * (KIB),
    "broken flags": "\U0001f3f4\U000e0067" * (2 * KIB),
    "ideographs": "\u4e00" * (16 * KIB // 3),
    "addresses": "http://a.bc/ " * (16 * KIB // 13),
    "address that does not end": "http://" + "a" * (16 * KIB - 7),
    "beginnings of addresses": "http://" * (16 * KIB // 7),
    "brackets in an address": "http://a/" + "(" * 8000 + ")" * 8000,
    "points after an address": "http://a/" + "." * 16_000,
    "markup": "<&\"'>" * (16 * KIB // 5),
    "blank": " \u3000" * (4 * KIB) + "x",
    "tabs": "\t" * (16 * KIB),
    "carriage returns": "a\r" * 399,
}


def bodies() -> Iterator[tuple[str, bytes]]:
    """Bodies of 64 KiB and texts of 16 KiB, in every content type."""
    for name, text in TEXTS.items():
        data = text.encode()
        yield f"raw: {name}", post("/body", data, TEXT)
        yield f"JSON: {name}", post("/body", json.dumps({"text": text}, ensure_ascii=False).encode(), JSON)
        yield f"JSON escaped: {name}", post("/body", json.dumps({"text": text}).encode()[:BODY], JSON)
        yield f"form: {name}", post("/body", b"message=" + quote(data).encode()[: BODY - 8], FORM)
        yield f"multipart: {name}", post("/body", part("message", data) + b"--cut--\r\n", MULTIPART)
    for name, body in json_traps():
        yield f"JSON: {name}", post("/body", body[:BODY], JSON)
        yield f"JSON, told in HTML: {name}", post("/body", body[:BODY], JSON, "Accept: text/html")
    yield "raw: 64 KiB", post("/body", b"x" * BODY, TEXT)
    yield "raw: 64 KiB of no UTF-8 at the end", post("/body", b"x" * (BODY - 1) + b"\xff", TEXT)
    yield "form: 63 fields of a KiB", post("/body", b"&".join([b"f%d=" % n + b"%41" * 330 for n in range(63)]), FORM)
    yield "form: separators", post("/body", b"message=" + b"&" * (BODY - 8), FORM)
    yield "form: almost message=", post("/body", b"&messagE=&texT=" * (BODY // 15), FORM)
    yield "form: broken escapes", post("/body", b"message=" + b"%zz" * (BODY // 3 - 3), FORM)
    yield "form: escapes", post("/body", b"message=" + b"%41" * (BODY // 3 - 3), FORM)
    yield "multipart: eight parts", post("/body", b"".join([part(f"f{n}", b"x" * 8000) for n in range(8)]), MULTIPART)
    yield "multipart: almost boundaries", post("/body", part("message", b"\r\n--cu" * (BODY // 7)), MULTIPART)
    yield "multipart: line breaks", post("/body", part("message", b"\r\n" * (BODY // 2 - 100)), MULTIPART)
    yield "multipart: carriage returns", post("/body", part("message", b"\r" * (BODY - 200)), MULTIPART)
    yield "multipart: hyphens", post("/body", part("message", b"-" * (BODY - 200)), MULTIPART)
    yield "multipart: boundaries", post("/body", b"--cut\r\n" * (BODY // 7), MULTIPART)
    yield "chunks of one byte", chunked([b"x"] * KIB)
    yield "chunks of 256 bytes", chunked([b"x" * 256] * 256)
    yield "a body a byte at a time in one piece", chunked([b"x"] * 20_000)


def json_traps() -> Iterator[tuple[str, bytes]]:
    """Documents that cost a careless parser its time."""
    yield "arrays in arrays", b"[" * BODY
    yield "objects in objects", b'{"a":' * (BODY // 5)
    yield "digits", b'{"text":' + b"9" * (BODY - 9) + b"}"
    yield "fraction", b'{"text":0.' + b"9" * (BODY - 11) + b"}"
    yield "exponent", b'{"text":1e' + b"9" * (BODY - 11) + b"}"
    yield "keys", b"{" + b",".join([b'"k%d":1' % n for n in range(6000)]) + b"}"
    yield "the same key", b"{" + b",".join([b'"text":1'] * 7000) + b"}"
    yield "long key", b'{"' + b"k" * (BODY - 10) + b'":1}'
    yield "escapes", b'{"text":"' + b"\\u0041" * ((BODY - 11) // 6) + b'"}'
    yield "surrogates", b'{"text":"' + b"\\ud83d\\ude00" * ((BODY - 11) // 12) + b'"}'
    yield "lone surrogates", b'{"text":"' + b"\\ud83d" * ((BODY - 11) // 6) + b'"}'
    yield "backslashes", b'{"text":"' + b"\\\\" * ((BODY - 11) // 2) + b'"}'
    for name, tail in {
        "half an escape": b'\\q"}',
        "half a pair": b'\\ud800"}',
        "no UTF-8": b'\xff"}',
        "no end": b"",
    }.items():
        yield f"escaped quotes, {name}", b'{"text":"' + b'\\"' * ((BODY - 20) // 2) + tail
    yield "spaces", b" " * (BODY - 13) + b'{"text":"a"}'
    yield "numbers in an array", b'{"text":[' + b"1," * (BODY // 2 - 10) + b"1]}"
    yield "empty arrays", b"[" + b"[]," * (BODY // 3 - 3) + b"[]]"
    yield "no end of a string", b'{"text":"' + b"a" * (BODY - 9)


def heads() -> Iterator[tuple[str, bytes]]:
    """Request heads as large as they may be, and what is in them."""
    long = 7900
    yield "fields of a KiB", head("GET", "/healthz", *[f"X-{n}: {'a' * 1000}" for n in range(15)])
    yield "63 fields", head("GET", "/healthz", *[f"X-{n}: {'a' * 200}" for n in range(62)])
    yield "cookies", head("GET", "/lobby?format=html", "Cookie: " + "; ".join([f"a{n}=b" for n in range(900)]))
    yield "cookies of one letter", head("GET", "/lobby?format=html", "Cookie: " + ";" * long)
    for name, value in {
        "types": ",".join([f"a/{n};q=0.{n}" for n in range(500)]),
        "commas": "," * long,
        "quotes": '"' * long,
        "parameters": "text/html" + ";a=b" * 1900,
        "weights": ";q=" * 2600,
    }.items():
        yield f"Accept: {name}", head("GET", "/lobby", f"Accept: {value}")
    for field in ("Host", "Origin", "Content-Type", "Idempotency-Key", "Authorization", "If-None-Match", "Range"):
        for value in ("a" * long, ";" * long, '"' * long, "a:" * (long // 2), "[" * long):
            yield f"{field}: {value[:3]}", head("POST", "/lobby", f"{field}: {value}", "Content-Length: 0")
    yield "boundary", post("/body", b"--", f"Content-Type: multipart/form-data; boundary={'a' * long}")
    yield "parameters of a type", post("/body", b"--", f"Content-Type: multipart/form-data{';a=b' * 1900}")
    yield "quoted parameters", post("/body", b"--", 'Content-Type: multipart/form-data;a="' + "b" * long)
    for name, path in {
        "escapes": "%41" * 2600,
        "slashes": "/" * long,
        "dots": "../" * 2600,
        "ideographs": quote("\u4e00" * 800),
        "a letter that folds into eighteen": quote("\ufdfa" * 800),
        "marks": quote("a" + "\u0300" * 1200),
        "Greek that folds": quote("\u0390" * 800),
    }.items():
        yield f"path: {name}", head("GET", f"/{path}")
        yield f"path of the API: {name}", head("GET", f"/api/v1/rooms/{path}/messages")
        yield f"query: {name}", head("GET", f"/lobby?since={path}")
        yield f"name: {name}", post(f"/body?name={path}", b"hello", TEXT)
    yield "query of 64 fields", head("GET", "/lobby?" + "&".join([f"a{n}=%41" for n in range(64)]))
    yield "query of separators", head("GET", "/lobby?" + "&" * long)
    yield "query of the same", head("GET", "/lobby?" + "&".join(["since=1"] * 64))
    yield "cursors", head("GET", f"{MANY}?room=lobby", "Accept: text/event-stream", "Last-Event-ID: k;" + "a=1;" * 1900)
    yield "bad cursors", head("GET", f"{MANY}?room=lobby", "Accept: text/event-stream", "Last-Event-ID: k" + ";" * long)
    yield "long cursor", head("GET", "/lobby", "Accept: text/event-stream", "Last-Event-ID: " + "9" * long)


def pipelines(size: int) -> Iterator[tuple[str, bytes]]:
    """Many requests in one piece of so many bytes."""

    def times(request: bytes) -> bytes:
        return request * (size // len(request))

    yield "pipeline: the shortest", times(b"GET /healthz HTTP/1.1\r\nHost:localhost\r\n\r\n")
    yield "pipeline: nothing there", times(head("GET", "/nothing/there/is"))
    yield "pipeline: refused as a page", times(head("GET", "/a/b/c", "Accept: text/html"))
    yield "pipeline: sends", times(post("/body", b"hello", TEXT))
    yield "pipeline: sends refused", times(post("/body", b"", TEXT))
    yield "pipeline: sends refused as pages", times(post("/body", b"", TEXT, "Accept: text/html"))
    yield "pipeline: forms", times(post("/body", b"message=hello", FORM, "Accept: text/html"))
    yield "pipeline: HEAD", times(head("HEAD", "/lobby"))
    yield "pipeline: help", times(head("GET", "/help"))
    yield "pipeline: OpenAPI", head("GET", "/api/v1/openapi.json") * 64
    yield "pipeline: empty lines", b"\r\n" * (size // 2)


PAGES = {
    "html": "format=html",
    "text": "format=text",
    "JSON": "format=json",
    "NDJSON": "format=ndjson",
}


def pages(rooms: list[str], times: int) -> Iterator[tuple[str, bytes]]:
    """The longest page of each room in each format, so many times in one pipeline."""
    for room in rooms:
        for name, query in PAGES.items():
            ask = head("GET", f"/{room}?{query}&limit=1000")
            yield f"page x{times}: {name} of {room}", ask * times
            yield (
                f"page x{times}: the first, {name} of {room}",
                head("GET", f"/{room}?{query}&limit=1000&since=0") * times,
            )


def replays(rooms: list[str]) -> Iterator[tuple[str, bytes]]:
    """The whole log of each room on each transport."""
    for room in rooms:
        yield f"replay: text of {room}", head("GET", f"/{room}?follow=1&since=0")
        for transport in raw.TRANSPORTS[:3]:
            yield f"replay: {transport.name} of {room}", transport.request(room, 0)


def many_rooms(names: list[str], epoch: str) -> Iterator[tuple[str, bytes]]:
    """Streams of as many rooms as there may be, from their beginning."""
    query = "&".join([f"room={quote(name)}" for name in names])
    cursors = epoch + "".join([f";{quote(name, safe='')}=0" for name in names])
    sse = "Accept: text/event-stream"
    kind = f"{len(names)} of {len(names[0])} letters, with {names[-1]}"
    yield f"many rooms: {kind}", head("GET", f"{MANY}?{query}", sse)
    yield f"many rooms: replay of {kind}", head("GET", f"{MANY}?{query}", sse, f"Last-Event-ID: {cursors}")


def op(**fields: object) -> bytes:
    """An operation in a frame; one that is longer than a frame may be is cut, and no JSON."""
    return ws_frame(json.dumps(fields, ensure_ascii=False).encode()[: BODY - 1])


def websockets(rooms: list[str]) -> Iterator[tuple[str, bytes]]:
    """Floods of frames; the connection may be ended for them."""
    for name, data in floods(upgrade("/lobby"), upgrade(MANY), rooms):
        yield f"WebSocket: {name}", data + ws_frame(b"\x03\xe8", 8)


def floods(lobby: bytes, many: bytes, rooms: list[str]) -> Iterator[tuple[str, bytes]]:
    """What comes after the handshake for a room, or for many."""
    yield "pings", lobby + ws_frame(b"", 9) * 20_000
    yield "empty texts", lobby + ws_frame(b"") * 20_000
    yield "empty fragments", lobby + b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 20_000
    yield "no operation", lobby + ws_frame(b"{}") * 5000
    yield "64 KiB of no operation", lobby + ws_frame(b"[" * (BODY - 1)) * 8
    yield "typing", lobby + op(op="typing") * 5000
    yield "ping operations", lobby + op(op="ping") * 5000
    yield "256 sends", lobby + b"".join([op(op="send", text=f"{n}") for n in range(256)])
    yield "5000 sends", lobby + b"".join([op(op="send", text=f"{n}") for n in range(5000)])
    yield "sends of 16 KiB", lobby + op(op="send", text="x" * 16 * KIB) * 64
    for name, text in TEXTS.items():
        yield f"send {name}", lobby + op(op="send", text=text) * 4
    for name, body in json_traps():
        yield f"JSON {name}", lobby + ws_frame(body[: BODY - 1]) * 4
    yield "subscribe to 100 rooms", many + b"".join([op(op="subscribe", room=room) for room in rooms[:100]])
    yield (
        "subscribe to 100 rooms from their beginning",
        many + b"".join([op(op="subscribe", room=room, since=0) for room in rooms[:100]]),
    )
    yield "subscribe to 300 rooms", many + b"".join([op(op="subscribe", room=f"n{n}") for n in range(300)])
    yield (
        "in and out of a room",
        many + (op(op="subscribe", room=rooms[0], since=0) + op(op="unsubscribe", room=rooms[0])) * 100,
    )


def chunked(chunks: list[bytes]) -> bytes:
    """A POST in these chunks."""
    framed = b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks])
    return head("POST", "/body", TEXT, "Transfer-Encoding: chunked") + framed + b"0\r\n\r\n"


def part(name: str, data: bytes) -> bytes:
    """One part of a multipart form."""
    return b'--cut\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), data)
