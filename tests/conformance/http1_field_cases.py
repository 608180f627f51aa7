"""Conformance rows for header fields, their limits, and what Connection, Upgrade and Expect say."""

from __future__ import annotations

from tests.conformance.http1_case import (
    GET,
    HOST,
    PLAIN,
    POST,
    TAKEN,
    Case,
    Taken,
    bad,
    message,
    ok,
    posted,
)

LARGE = "headers_too_large"

# --- grammar --------------------------------------------------------------------------------------------------------

_GRAMMAR = (
    [
        ok(f"field {name}", "RFC 9112 §5", message(GET, field), TAKEN)
        for name, field in (
            ("empty", "X-Empty:"),
            ("of spaces", "X-Empty:   "),
            ("without a space", "X-A:b"),
            ("with much white space", "X-A: \t b \t "),
            ("with a colon in the value", "X-A: b:c::d"),
            ("in UTF-8", "X-Name: Ünïcödé ✓".encode()),
            ("in any high bytes", b"X-A: " + bytes(range(0x80, 0x100))),
            ("with a tab inside", "X-A: b\tc"),
            ("with every name character", "!#$%&'*+-.^_`|~09AZaz: x"),
            ("of one letter", "X: y"),
            ("with quotes", 'X-A: "b\\"c", (d)'),
            ("that looks like a request", "X-A: GET / HTTP/1.1"),
        )
    ]
    + [
        bad(f"field {name}", section, message(GET, field))
        for name, section, field in (
            ("with a space before the colon", "RFC 9112 §5.1", "X-A : b"),
            ("with a tab before the colon", "RFC 9112 §5.1", "X-A\t: b"),
            ("without a name", "RFC 9112 §5", ": b"),
            ("of a space", "RFC 9112 §5", " : b"),
            ("without a colon", "RFC 9112 §5", "X-A b"),
            ("of a word", "RFC 9112 §5", "nothing"),
            ("with a space in the name", "RFC 9110 §5.1", "X A: b"),
            ("with a bracket in the name", "RFC 9110 §5.1", "X[A]: b"),
            ("with a slash in the name", "RFC 9110 §5.1", "X/A: b"),
            ("with a quote in the name", "RFC 9110 §5.1", 'X"A: b'),
            ("with a name in UTF-8", "RFC 9110 §5.1", "Xé: b".encode()),
            ("with NUL in the name", "RFC 9110 §5.1", "X\x00A: b"),
            ("with a line feed in the name", "RFC 9112 §2.2", "X\nA: b"),
            ("folded with a space", "RFC 9112 §5.2", "X-A: b\r\n c"),
            ("folded with a tab", "RFC 9112 §5.2", "X-A: b\r\n\tc"),
            ("folded at once", "RFC 9112 §5.2", "X-A:\r\n b"),
            ("of white space only", "RFC 9112 §2.2", "  "),
            ("with a line feed alone", "RFC 9112 §2.2", "X-A: b\nX-B: c"),
            ("with a carriage return alone", "RFC 9112 §2.2", "X-A: b\rX-B: c"),
            ("with a carriage return at the end", "RFC 9112 §2.2", "X-A: b\r"),
            ("with a line feed before the end", "RFC 9112 §2.2", "X-A: b\n"),
            ("that hides another behind NUL", "RFC 9110 §5.5", "X-A: b\x00\r\nContent-Length: 5"),
        )
    ]
    + [
        bad(f"field value with control character {byte:#04x}", "RFC 9110 §5.5", message(GET, b"X-A: b%cc" % byte))
        for byte in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)
    ]
    + [
        bad("white space before the first field", "RFC 9112 §2.2", message(GET, host=b" Host: " + HOST)),
        bad("white space line before the first field", "RFC 9112 §2.2", message(GET, host=b" \r\nHost: " + HOST)),
        bad("line feed alone ends the head", "RFC 9112 §2.2", b"GET /healthz HTTP/1.1\r\nHost: parlour.test\r\n\n"),
        bad("line feeds alone end the fields", "RFC 9112 §2.2", b"GET /healthz HTTP/1.1\r\nHost: parlour.test\n\n"),
        bad(
            "carriage return alone ends the head",
            "RFC 9112 §2.2",
            b"GET /healthz HTTP/1.1\r\nHost: parlour.test\r\n\rX",
        ),
        ok("field names in any case", "RFC 9110 §5.1", message(POST, "cOnTeNt-LeNgTh: 5", body=b"hello"), posted()),
        ok("fields repeated", "RFC 9110 §5.3", message(GET, "Accept: a/b", "Accept: c/d", "X-A: 1", "X-A: 1"), TAKEN),
    ]
    + [
        bad(
            f"{name} twice",
            "RFC 9110 §5.3",
            message(GET, f"{name}: {value}", f"{name.lower()}: {value}"),
            "bad_request",
        )
        for name, value in (
            ("Authorization", "Bearer x"),
            ("Content-Type", "text/plain"),
            ("Cookie", "a=b"),
            ("Idempotency-Key", "12345678"),
            ("Origin", "http://parlour.test"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        )
    ]
)

# --- limits ---------------------------------------------------------------------------------------------------------


def _path(length: int) -> bytes:
    """A path that makes the first line this long."""
    return b"/" + b"a" * (length - len(b"GET / HTTP/1.1"))


def _sized(size: int) -> bytes:
    """A request whose head is this long, line ends included, in fields of less than 8 KiB."""
    padding = size - len(message(GET, "X-A: ", "X-B: ", "X-C: "))
    return message(GET, "X-A: " + "a" * 6000, "X-B: " + "b" * 6000, "X-C: " + "c" * (padding - 12000))


_LIMITS = [
    ok("longest first line", "RFC 9112 §3", message(b"GET %b HTTP/1.1" % _path(8192)), Taken(target=_path(8192))),
    bad("first line one byte too long", "RFC 9112 §3", message(b"GET %b HTTP/1.1" % _path(8193)), "uri_too_long"),
    bad("first line of 100 KB", "RFC 9112 §3", message(b"GET %b HTTP/1.1" % _path(100_000)), "uri_too_long"),
    bad("first line without end", "RFC 9112 §3", b"GET /" + b"a" * 9000, "uri_too_long"),
    bad("method without end", "RFC 9112 §3", b"G" * 9000, "uri_too_long"),
    bad("first line long and bad before the limit", "RFC 9112 §3", b"GET /\x01" + b"a" * 9000),
    bad("first line long and bad after the limit", "RFC 9112 §3", b"GET /" + b"a" * 9000 + b"\x01", "uri_too_long"),
    bad("first line long, garbage first", "RFC 9112 §3", b"\xff" + b"a" * 9000),
    ok("longest field", "RFC 9110 §5.4", message(GET, "X-A: " + "a" * (8192 - 5)), TAKEN),
    bad("field one byte too long", "RFC 9110 §5.4", message(GET, "X-A: " + "a" * (8192 - 4)), LARGE),
    bad("field name too long", "RFC 9110 §5.4", message(GET, "X" * 8192 + ":"), LARGE),
    bad("field of 100 KB", "RFC 9110 §5.4", message(GET, "X-A: " + "a" * 100_000), LARGE),
    bad("field without end", "RFC 9110 §5.4", message(GET)[:-2] + b"X-A: " + b"a" * 20_000, LARGE),
    ok("largest head", "RFC 9110 §5.4", _sized(16384), TAKEN),
    bad("head one byte too large", "RFC 9110 §5.4", _sized(16385), LARGE),
    bad("head large and bad before the limit", "RFC 9112 §2.2", message(GET)[:-2] + b"X-A: \x00" + b"a" * 20_000),
    bad("head large and bad after the limit", "RFC 9112 §2.2", message(GET, b"X-A: " + b"a" * 20_000 + b"\x00"), LARGE),
    ok("most fields", "RFC 9110 §5.4", message(GET, *("X-A: b",) * 63), TAKEN),
    bad("one field too many", "RFC 9110 §5.4", message(GET, *("X-A: b",) * 64), LARGE),
    bad("ten thousand fields", "RFC 9110 §5.4", message(GET, *("X-A: b",) * 10_000), LARGE),
]

# --- Connection, versions, Expect -----------------------------------------------------------------------------------


def _connection(name: str, version: str, keeps: bool, *fields: str) -> Case:
    taken = Taken(keep_alive=keeps, minor=int(version[-1]))
    return ok(f"{version} {name}", "RFC 9112 §9.3", message(f"GET /healthz {version}", *fields), taken)


_CONNECTION = [
    _connection("stays open", "HTTP/1.1", True),
    _connection("with close", "HTTP/1.1", False, "Connection: close"),
    _connection("with close in capitals", "HTTP/1.1", False, "Connection: CLOSE"),
    _connection("with keep-alive", "HTTP/1.1", True, "Connection: keep-alive"),
    _connection("with close in a list", "HTTP/1.1", False, "Connection: x-hop ,\tclose"),
    _connection("with close on a second line", "HTTP/1.1", False, "Connection: keep-alive", "Connection: close"),
    _connection("with both", "HTTP/1.1", False, "Connection: keep-alive, close"),
    _connection("with closed, another word", "HTTP/1.1", True, "Connection: closed"),
    _connection("with an empty list", "HTTP/1.1", True, "Connection: , ,"),
    _connection("with close and a high byte", "HTTP/1.1", True, "Connection: close\xe2"),
    _connection("closes", "HTTP/1.0", False),
    _connection("with keep-alive", "HTTP/1.0", True, "Connection: Keep-Alive"),
    _connection("with both", "HTTP/1.0", False, "Connection: keep-alive, close"),
    _connection("with another option", "HTTP/1.0", False, "Connection: x-hop"),
    _connection("ignores upgrades", "HTTP/1.0", False, "Connection: upgrade", "Upgrade: websocket"),
    ok(
        "HTTP/1.0 without Host",
        "RFC 9112 §3.2",
        message("GET /healthz HTTP/1.0", host=None),
        Taken(keep_alive=False, host=b"", minor=0),
    ),
    ok(
        "HTTP/1.0 absolute without Host",
        "RFC 9112 §3.2.2",
        message("GET http://Parlour.test/healthz HTTP/1.0", host=None),
        Taken(keep_alive=False, minor=0),
    ),
    bad("HTTP/1.0 with a bad Host", "RFC 9112 §3.2", message("GET /healthz HTTP/1.0", host=b"Host: a/b"), "bad_host"),
    ok(
        "Expect with content",
        "RFC 9110 §10.1.1",
        message(POST, "Expect: 100-Continue", "Content-Length: 5", body=b"hello"),
        posted(continues=True),
    ),
    ok(
        "Expect, content not yet sent",
        "RFC 9110 §10.1.1",
        message(POST, "Expect: 100-continue", "Content-Length: 5"),
        rest="body",
    ),
    ok(
        "Expect with chunks",
        "RFC 9110 §10.1.1",
        message(POST, "Expect: 100-continue", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
        posted(continues=True),
    ),
    ok("Expect without content", "RFC 9110 §10.1.1", message(GET, "Expect: 100-continue"), TAKEN),
    ok(
        "Expect from HTTP/1.0",
        "RFC 9110 §10.1.1",
        message("POST /lobby HTTP/1.0", "Expect: 100-continue", "Content-Length: 5", body=b"hello"),
        Taken("POST", b"/lobby", b"hello", keep_alive=False, minor=0),
    ),
] + [
    bad(f"Expect {name}", "RFC 9110 §10.1.1", message(GET, *fields), "expectation_failed")
    for name, *fields in (
        ("something else", "Expect: 200-ok"),
        ("nothing", "Expect:"),
        ("with a parameter", "Expect: 100-continue;x=1"),
        ("twice", "Expect: 100-continue", "Expect: 100-continue"),
        ("in a list", "Expect: 100-continue, x"),
    )
]

# --- Upgrade --------------------------------------------------------------------------------------------------------

_SOCKET = (
    "Connection: keep-alive, Upgrade",
    "Upgrade: WebSocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
_ROOM = "GET /lobby HTTP/1.1"


def _upgraded(name: str, upgrade: bytes | None, *fields: str) -> Case:
    return ok(f"upgrade {name}", "RFC 9110 §7.8", message(_ROOM, *fields), Taken(target=b"/lobby", upgrade=upgrade))


_UPGRADE = [
    _upgraded("to a WebSocket", b"websocket", *_SOCKET),
    _upgraded("not listed in Connection", None, "Upgrade: websocket"),
    _upgraded("listed without a protocol", None, "Connection: upgrade"),
    _upgraded("listed in part of a word", None, "Connection: upgrades", "Upgrade: websocket"),
    _upgraded("to HTTP/2", b"h2c", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    _upgraded("to something unknown", b"x-made-up/1", "Connection: upgrade", "Upgrade: X-Made-Up/1"),
    _upgraded("to one of two", b"h2c, websocket", "Connection: upgrade", "Upgrade: h2c, websocket"),
    _upgraded("on two lines", b"h2c, websocket", "Connection: upgrade", "Upgrade: h2c", "Upgrade: websocket"),
    ok(
        "upgrade to HTTP/2 offered with a message",
        "RFC 9110 §7.8",
        message(POST, "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", body=b"hello") + PLAIN,
        Taken("POST", b"/lobby", b"hello", upgrade=b"h2c"),
        TAKEN,
    ),
    ok(
        "upgrade with a length of zero",
        "RFC 9110 §7.8",
        message(_ROOM, *_SOCKET, "Content-Length: 0"),
        Taken(target=b"/lobby", upgrade=b"websocket"),
    ),
    bad("upgrade with a length", "RFC 9110 §7.8", message(_ROOM, *_SOCKET, "Content-Length: 5", body=b"hello")),
    bad(
        "upgrade with chunks",
        "RFC 9110 §7.8",
        message(_ROOM, *_SOCKET, "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    bad(
        "upgrade to one of two with a length",
        "RFC 9110 §7.8",
        message(_ROOM, "Connection: upgrade", "Upgrade: h2c, websocket", "Content-Length: 5", body=b"hello"),
    ),
    bad(
        "upgrade whose body is a request",
        "RFC 9110 §7.8",
        message(POST, *_SOCKET, f"Content-Length: {len(PLAIN)}", body=PLAIN),
    ),
]

FIELD_CASES: tuple[Case, ...] = (*_GRAMMAR, *_LIMITS, *_CONNECTION, *_UPGRADE)
