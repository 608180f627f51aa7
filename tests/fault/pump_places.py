"""Where a stranger's bytes come in: every place of a request that is parsed, and how an input is put there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from tests.fault import pumps
from tests.fault.inputs import BODY, FORM, JSON, MANY, MULTIPART, TEXT
from tests.fault.pumps import Grammar
from tests.support.raw import UPGRADE, head, post, ws_frame

FIELD_BYTES = 7900
TEXT_BYTES = 16 * 1024

_rooms = itertools.count()


def new_room() -> str:
    """A room with no messages, whose page costs nothing by itself."""
    return f"pumped-{next(_rooms)}"


@dataclass(frozen=True)
class Place:
    """One place: what is put there, how much at most, and the bytes of a connection that do so."""

    name: str
    grammar: Grammar
    size: int
    write: Callable[[bytes], bytes]


READ_FIELDS = {
    "Accept": "/lobby",
    "Cookie": "/lobby?format=html",
    "Host": "/lobby",
    "Authorization": "/lobby",
    "Forwarded": "/lobby",
    "X-Forwarded-For": "/lobby",
    "X-Forwarded-Proto": "/lobby",
    "X-Forwarded-Host": "/lobby?format=html",
    "Range": "/static/icon.svg",
    "If-None-Match": "/api/v1/openapi.json",
    "Accept-Encoding": "/lobby?format=html",
    "Last-Event-ID": "/lobby?format=json",
    "Connection": "/lobby",
    "TE": "/lobby",
    "Expect": "/lobby",
    "Upgrade": "/lobby",
    "User-Agent": "/lobby",
    "Accept-Language": "/lobby?format=html",
}
"""Header fields of a GET, and an address where they are looked at."""

SENT_FIELDS = ("Origin", "Content-Type", "Content-Length", "Transfer-Encoding", "Content-Encoding", "Idempotency-Key",
               "Sec-Fetch-Site", "Accept", "Cookie", "Expect")  # fmt: skip
SOCKET_FIELDS = (
    *("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"),
    *("Upgrade", "Connection", "Origin"),
)


def head_with(method: str, target: bytes, *lines: bytes) -> bytes:
    """A request head with bytes in it that need not be text."""
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method.encode(), target), b"Host: localhost", *lines, b"", b""])


def in_field(name: str, target: str, method: str = "GET", *others: str) -> Place:
    """The value of a header field."""

    def write(value: bytes) -> bytes:
        lines = [
            f"{name}: ".encode() + value,
            *[other.encode() for other in others if not other.startswith(f"{name}:")],
        ]
        if name == "Host":
            return b"\r\n".join([f"{method} {target} HTTP/1.1".encode(), *lines, b"", b""])
        return head_with(method, target.encode(), *lines)

    return Place(f"{method} {target} {name}", pumps.FIELD_VALUE, FIELD_BYTES, write)


def fields() -> Iterator[Place]:
    """Every header field that anything reads."""
    for name, target in READ_FIELDS.items():
        yield in_field(name, target)
    for name in SENT_FIELDS:
        yield in_field(name, "/pumped", "POST", "Content-Length: 0")
    for name in SOCKET_FIELDS:
        yield in_field(name, "/lobby", "GET", *UPGRADE)
    yield Place(
        "cursors in Last-Event-ID",
        pumps.CURSORS,
        FIELD_BYTES,
        lambda value: head_with(
            "GET", f"{MANY}?room=a&room=b".encode(), b"Accept: text/event-stream", b"Last-Event-ID: " + value
        ),
    )
    yield Place(
        "cursor in Last-Event-ID",
        pumps.CURSORS,
        FIELD_BYTES,
        lambda value: head_with("GET", b"/lobby", b"Accept: text/event-stream", b"Last-Event-ID: " + value),
    )
    yield Place(
        "boundary",
        pumps.FIELD_VALUE,
        FIELD_BYTES,
        lambda value: head_with("POST", b"/pumped", b"Content-Length: 0", b"Content-Type: multipart/form-data" + value),
    )
    yield Place(
        "the second parameter of a multipart form",
        pumps.FIELD_VALUE,
        FIELD_BYTES,
        lambda value: head_with(
            "POST", b"/pumped", b"Content-Length: 0", b"Content-Type: multipart/form-data; boundary=cut;" + value
        ),
    )


def lines() -> Iterator[Place]:
    """The first line, and the lines below it."""
    yield Place("the first line", pumps.TARGET, FIELD_BYTES, lambda value: value + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    yield Place("the method", pumps.FIELD_VALUE, FIELD_BYTES, lambda value: value + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
    yield Place(
        "the whole head", pumps.HEAD, 15_000, lambda value: b"GET / HTTP/1.1\r\nHost: a\r\n" + value + b"\r\n\r\n"
    )
    yield Place("before a request", pumps.HEAD, BODY, lambda value: value + head("GET", "/healthz"))
    for method in ("GET", "POST"):
        yield Place(
            f"the path of a {method}",
            pumps.TARGET,
            FIELD_BYTES,
            lambda value, method=method: head_with(method, b"/" + value, b"Content-Length: 0"),  # type: ignore[misc]
        )
    for target in ("/lobby", MANY, "/", "/api/v1/rooms", "/static/icon.svg"):
        yield Place(
            f"the query of {target}",
            pumps.QUERY,
            FIELD_BYTES,
            lambda value, target=target: head_with("GET", target.encode() + b"?" + value),  # type: ignore[misc]
        )
    yield Place(
        "cursors in since=",
        pumps.CURSORS,
        FIELD_BYTES,
        lambda value: head_with("GET", f"{MANY}?room=a&since=".encode() + value),
    )


def bodies() -> Iterator[Place]:
    """Bodies of every type."""
    yield Place("a form", pumps.FORM, BODY, lambda value: post("/pumped", value, FORM))
    yield Place(
        "a form of a browser", pumps.FORM, BODY, lambda value: post(f"/{new_room()}", value, FORM, "Accept: text/html")
    )
    yield Place("a multipart form", pumps.MULTIPART, BODY, lambda value: post("/pumped", value, MULTIPART))
    yield Place("JSON", pumps.JSON, BODY, lambda value: post("/pumped", value, JSON))
    yield Place("JSON for the API", pumps.JSON, BODY, lambda value: post("/api/v1/rooms/pumped/messages", value, JSON))
    yield Place("JSON refused as HTML", pumps.JSON, BODY, lambda value: post("/send", value, JSON, "Accept: text/html"))
    yield Place(
        "chunks", pumps.CHUNKS, BODY, lambda value: head("POST", "/pumped", "Transfer-Encoding: chunked") + value
    )


def sockets() -> Iterator[Place]:
    """WebSockets: frames, and operations."""
    room, many = head("GET", "/lobby", *UPGRADE), head("GET", MANY, *UPGRADE)
    yield Place("frames", pumps.FRAMES, BODY, lambda value: room + value)
    yield Place("operations in a room", pumps.JSON, BODY - 1, lambda value: room + ws_frame(value))
    yield Place("operations in many rooms", pumps.JSON, BODY - 1, lambda value: many + ws_frame(value))
    yield Place(
        "an operation in fragments",
        pumps.JSON,
        BODY - 1,
        lambda value: room + fragments(value),
    )


def fragments(value: bytes) -> bytes:
    """A message in sixteen frames."""
    step = len(value) // 15 + 1
    pieces = [value[at : at + step] for at in range(0, len(value), step)] or [b""]
    last = len(pieces) - 1
    return b"".join(
        [
            bytes([(0x80 if n == last else 0) | (1 if n == 0 else 0)]) + ws_frame(piece)[1:]
            for n, piece in enumerate(pieces)
        ]
    )


def texts() -> Iterator[Place]:
    """Texts and names: said, and read in every format."""
    yield Place("a text, said and read", pumps.TEXT, TEXT_BYTES, said_and_read)
    yield Place(
        "a text that is refused",
        pumps.TEXT,
        TEXT_BYTES,
        lambda value: post(f"/{new_room()}?name=admin", b"message=" + quote(value).encode(), FORM, "Accept: text/html"),
    )
    yield Place("a display name", pumps.NAME, 2600, lambda value: post(f"/pumped?name={quote(value)}", b"hello", TEXT))
    yield Place(
        "a display name in JSON",
        pumps.NAME,
        BODY - 100,
        lambda value: post("/pumped", b'{"text":"a","name":"' + value + b'"}', JSON),
    )
    yield Place("a room", pumps.NAME, 2600, lambda value: post(f"/{quote(value, safe='')}", b"hello", TEXT))
    yield Place(
        "a room in JSON",
        pumps.NAME,
        BODY - 100,
        lambda value: post("/send", b'{"text":"a","room":"' + value + b'"}', JSON),
    )
    yield Place(
        "a key in JSON",
        pumps.NAME,
        BODY - 100,
        lambda value: post("/pumped", b'{"text":"a","key":"' + value + b'"}', JSON),
    )


def said_and_read(value: bytes) -> bytes:
    """A message in a room of its own, and its pages."""
    room = new_room()
    reads = [head("GET", f"/{room}?format={kind}") for kind in ("text", "html", "json", "ndjson")]
    return post(f"/{room}", value, TEXT) + b"".join([*reads, head("GET", f"/{room}/1")])


def places() -> list[Place]:
    """All of them."""
    return [*fields(), *lines(), *bodies(), *sockets(), *texts()]
