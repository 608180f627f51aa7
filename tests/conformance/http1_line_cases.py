"""Conformance rows for first lines, targets and Host."""

from __future__ import annotations

from tests.conformance.http1_case import FRAMING, GET, PLAIN, TAKEN, Case, Taken, bad, message, ok

# --- the first line -------------------------------------------------------------------------------------------------

_METHODS = [
    ok(f"method {name}", "RFC 9110 §9.1", message(f"{name} /healthz HTTP/1.1"), Taken(name))
    for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
] + [
    bad(f"method {shown}", "RFC 9110 §9.1", message(f"{name} /healthz HTTP/1.1"), refusal)
    for name, shown, refusal in (
        ("get", "in lower case", "not_implemented"),
        ("Get", "in mixed case", "not_implemented"),
        ("BREW", "unknown", "not_implemented"),
        ("PROPFIND", "of WebDAV", "not_implemented"),
        ("M-SEARCH", "with a hyphen", "not_implemented"),
        ("CONNECT", "CONNECT with a path", "not_implemented"),
        ("", "empty", FRAMING),
        ("G(T", "with a separator", FRAMING),
        ("G\x00T", "with NUL", FRAMING),
        ("GÉT", "not ASCII", FRAMING),
        ('"GET"', "quoted", FRAMING),
    )
]

_LINES = [
    bad(name, "RFC 9112 §3", message(line), refusal)
    for name, line, refusal in (
        ("two spaces before the target", "GET  /healthz HTTP/1.1", FRAMING),
        ("two spaces before the version", "GET /healthz  HTTP/1.1", FRAMING),
        ("space after the version", "GET /healthz HTTP/1.1 ", FRAMING),
        ("tab for a space", "GET\t/healthz HTTP/1.1", FRAMING),
        ("tab before the version", "GET /healthz\tHTTP/1.1", FRAMING),
        ("vertical tab for a space", "GET\x0b/healthz HTTP/1.1", FRAMING),
        ("no-break space for a space", b"GET\xa0/healthz HTTP/1.1", FRAMING),
        ("space before the method", " GET /healthz HTTP/1.1", FRAMING),
        ("tab before the method", "\tGET /healthz HTTP/1.1", FRAMING),
        ("no target", "GET HTTP/1.1", FRAMING),
        ("empty target", "GET  HTTP/1.1", FRAMING),
        ("no version", "GET /healthz", FRAMING),
        ("only a word", "GET", FRAMING),
        ("only white space", "   ", FRAMING),
        ("space in the target", "GET /heal thz HTTP/1.1", FRAMING),
        ("two versions", "GET /healthz HTTP/1.1 HTTP/1.1", FRAMING),
        ("a field as the first line", "Host: parlour.test", FRAMING),
        ("a response", "HTTP/1.1 200 OK", FRAMING),
        ("version 0.9", "GET /healthz HTTP/0.9", "http_version"),
        ("version 1.2", "GET /healthz HTTP/1.2", "http_version"),
        ("version 1.9", "GET /healthz HTTP/1.9", "http_version"),
        ("version 2.0", "GET /healthz HTTP/2.0", "http_version"),
        ("version 3.0", "GET /healthz HTTP/3.0", "http_version"),
        ("version without minor", "GET /healthz HTTP/1", FRAMING),
        ("version without minor digit", "GET /healthz HTTP/1.", FRAMING),
        ("version of three parts", "GET /healthz HTTP/1.1.1", FRAMING),
        ("version with two digits", "GET /healthz HTTP/1.10", FRAMING),
        ("version with leading zeros", "GET /healthz HTTP/01.01", FRAMING),
        ("version with a sign", "GET /healthz HTTP/+1.1", FRAMING),
        ("version with a comma", "GET /healthz HTTP/1,1", FRAMING),
        ("version with a space inside", "GET /healthz HTTP/ 1.1", FRAMING),
        ("version in lower case", "GET /healthz http/1.1", FRAMING),
        ("version in Arabic digits", "GET /healthz HTTP/١.١".encode(), FRAMING),
        ("another protocol", "GET /healthz RTSP/1.0", FRAMING),
        ("version without a slash", "GET /healthz HTTP1.1", FRAMING),
    )
] + [
    bad("HTTP/0.9 request", "RFC 9112 §2.3", b"GET /healthz\r\n"),
    bad("HTTP/2 preface", "RFC 9113 §3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_version"),
    bad("TLS ClientHello", "RFC 9112 §3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    bad("SSH banner", "RFC 9112 §3", b"SSH-2.0-OpenSSH_9.6\r\n"),
    bad("SOCKS greeting", "RFC 9112 §3", b"\x05\x01\x00"),
    bad("a JSON text", "RFC 9112 §3", b'{"text":"hello"}\r\n'),
    bad("PROXY protocol", "RFC 9112 §3", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + PLAIN),
    bad("line feed alone in the first line", "RFC 9112 §2.2", b"GET /healthz HTTP/1.1\nHost: parlour.test\r\n\r\n"),
    bad("line feeds alone everywhere", "RFC 9112 §2.2", b"GET /healthz HTTP/1.1\nHost: parlour.test\n\n"),
    bad("carriage return alone after the line", "RFC 9112 §2.2", b"GET /healthz HTTP/1.1\rHost: parlour.test\r\n\r\n"),
    bad("carriage return doubled", "RFC 9112 §2.2", b"GET /healthz HTTP/1.1\r\r\nHost: parlour.test\r\n\r\n"),
    bad("carriage return in the target", "RFC 9112 §2.2", message(b"GET /heal\rthz HTTP/1.1")),
    ok("an empty line first", "RFC 9112 §2.2", b"\r\n" + PLAIN, TAKEN),
    ok("an empty line between", "RFC 9112 §2.2", PLAIN + b"\r\n" + PLAIN, TAKEN, TAKEN),
    ok("an empty line before each", "RFC 9112 §2.2", (b"\r\n" + PLAIN) * 3, TAKEN, TAKEN, TAKEN),
    ok("an empty line last", "RFC 9112 §2.2", PLAIN + b"\r\n", TAKEN),
    ok("only an empty line", "RFC 9112 §2.2", b"\r\n"),
    ok("half an empty line", "RFC 9112 §2.2", b"\r", rest="head"),
    bad("two empty lines first", "RFC 9112 §2.2", b"\r\n\r\n" + PLAIN),
    bad("two empty lines between", "RFC 9112 §2.2", PLAIN + b"\r\n\r\n" + PLAIN, FRAMING, TAKEN),
    bad("a line feed first", "RFC 9112 §2.2", b"\n" + PLAIN),
    bad("a carriage return first", "RFC 9112 §2.2", b"\r" + PLAIN),
]


# --- targets and Host ----------------------------------------------------------------------------------------------


def _target(name: str, target: str | bytes, *, method: str = "GET", as_target: bytes | None = None) -> Case:
    raw = target.encode() if isinstance(target, str) else target
    line = method.encode() + b" " + raw + b" HTTP/1.1"
    return ok(
        f"target {name}", "RFC 9112 §3.2", message(line), Taken(method, as_target if as_target is not None else raw)
    )


_TARGETS = [
    _target("root", "/"),
    _target("with a query", "/lobby?since=k3f9.42&limit=10"),
    _target("with an empty query", "/lobby?"),
    _target("with question marks in the query", "/lobby?a?b??"),
    _target("percent-encoded", "/%E2%9C%93%2f?q=%00%0d%0a"),
    _target("with a percent sign alone", "/lobby?q=100%"),
    _target("with dots", "/../a/./b"),
    _target("with two slashes", "//lobby//x"),
    _target("with every path character", "/-._~!$&'()*+,;=:@09azAZ"),
    _target("with what browsers leave in a path", "/a|b[c]^d"),
    _target("with what browsers leave in a query", "/a?b=\\{|}^`[]"),
    _target("absolute", "http://parlour.test/lobby?x=1", as_target=b"/lobby?x=1"),
    _target("absolute in capitals", "HTTP://PARLOUR.TEST/lobby", as_target=b"/lobby"),
    _target("absolute with https", "https://parlour.test/lobby", as_target=b"/lobby"),
    _target("absolute without a path", "http://parlour.test", as_target=b"/"),
    _target("absolute with a query only", "http://parlour.test?x=1", as_target=b"/?x=1"),
    _target("asterisk", "*", method="OPTIONS"),
    _target("absolute without a path for OPTIONS", "http://parlour.test", method="OPTIONS", as_target=b"*"),
    _target("path for OPTIONS", "/lobby", method="OPTIONS"),
] + [
    bad(f"target {name}", "RFC 9112 §3.2", message(line.encode() if isinstance(line, str) else line), refusal)
    for name, line, refusal in (
        ("asterisk with GET", "GET * HTTP/1.1", FRAMING),
        ("asterisk and more", "OPTIONS *x HTTP/1.1", FRAMING),
        ("absolute asterisk", "OPTIONS http://parlour.test* HTTP/1.1", FRAMING),
        ("relative", "GET lobby HTTP/1.1", FRAMING),
        ("a query only", "GET ?x=1 HTTP/1.1", FRAMING),
        ("authority", "GET parlour.test:80 HTTP/1.1", FRAMING),
        ("authority of CONNECT", "CONNECT parlour.test:443 HTTP/1.1", "not_implemented"),
        ("with a fragment", "GET /lobby#end HTTP/1.1", FRAMING),
        ("in raw UTF-8", "GET /café HTTP/1.1", FRAMING),
        ("with overlong UTF-8", b"GET /\xc0\xaf HTTP/1.1", FRAMING),
        ("with NUL", b"GET /a\x00b HTTP/1.1", FRAMING),
        ("with DEL", b"GET /a\x7fb HTTP/1.1", FRAMING),
        ("with ESC", b"GET /a\x1b[2J HTTP/1.1", FRAMING),
        ("with a quotation mark", 'GET /a"b HTTP/1.1', FRAMING),
        ("with angle brackets", "GET /<b> HTTP/1.1", FRAMING),
        ("with a backslash in the path", "GET /a\\b HTTP/1.1", FRAMING),
        ("with braces in the path", "GET /{a} HTTP/1.1", FRAMING),
        ("of another scheme", "GET ftp://parlour.test/ HTTP/1.1", FRAMING),
        ("javascript", "GET javascript:alert(1) HTTP/1.1", FRAMING),
        ("absolute with user", "GET http://me@parlour.test/ HTTP/1.1", FRAMING),
        ("absolute with user and password", "GET http://me:pw@parlour.test/ HTTP/1.1", FRAMING),
        ("absolute without host", "GET http:///lobby HTTP/1.1", FRAMING),
        ("absolute with a fragment", "GET http://parlour.test/#x HTTP/1.1", FRAMING),
        ("absolute of another host", "GET http://evil.test/ HTTP/1.1", "bad_host"),
        ("absolute of another port", "GET http://parlour.test:81/ HTTP/1.1", "bad_host"),
        ("absolute of a longer host", "GET http://parlour.test.evil.test/ HTTP/1.1", "bad_host"),
    )
]

_HOSTS = [
    ok(f"host {name}", "RFC 9110 §7.2", message(GET, host=b"Host: " + host), Taken(host=host.lower()))
    for name, host in (
        ("with a port", b"parlour.test:8080"),
        ("in capitals", b"PARLOUR.Test"),
        ("IPv4", b"127.0.0.1:8080"),
        ("IPv6", b"[::1]"),
        ("IPv6 with a port", b"[2001:DB8::1]:8080"),
        ("a single name", b"localhost"),
        ("with an underscore", b"chat_server:80"),
        ("with a final dot", b"parlour.test."),
        ("punycode", b"xn--caf-dma.test"),
    )
] + [
    bad(f"host {name}", "RFC 9112 §3.2", message(GET, *more, host=host), "bad_host")
    for name, host, *more in (
        ("missing", None),
        ("missing, forwarded given", None, "X-Forwarded-Host: parlour.test"),
        ("empty", b"Host:"),
        ("only white space", b"Host:  \t"),
        ("twice the same", b"Host: parlour.test", "Host: parlour.test"),
        ("twice, different", b"Host: parlour.test", "Host: evil.test"),
        ("twice, case differs", b"Host: parlour.test", "HOST: parlour.test"),
        ("twice, second empty", b"Host: parlour.test", "Host:"),
        ("list", b"Host: parlour.test, evil.test"),
        ("with user", b"Host: me@parlour.test"),
        ("with a path", b"Host: parlour.test/x"),
        ("with a query", b"Host: parlour.test?x"),
        ("with a scheme", b"Host: http://parlour.test"),
        ("with a space", b"Host: parlour.test evil.test"),
        ("with a tab", b"Host: parlour.test\tevil.test"),
        ("percent-encoded", b"Host: parlour%2etest"),
        ("with an empty port", b"Host: parlour.test:"),
        ("with a port of letters", b"Host: parlour.test:http"),
        ("with a signed port", b"Host: parlour.test:+80"),
        ("with a long port", b"Host: parlour.test:000080"),
        ("with two ports", b"Host: parlour.test:80:80"),
        ("only a port", b"Host: :80"),
        ("IPv6 without brackets", b"Host: ::1"),
        ("IPv6 without end", b"Host: [::1"),
        ("IPv6 with a zone", b"Host: [fe80::1%25eth0]"),
        ("quoted", b'Host: "parlour.test"'),
        ("not ASCII", "Host: pärlour.test".encode()),
        ("too long", b"Host: " + b"a" * 256),
    )
]  # fmt: skip

LINE_CASES: tuple[Case, ...] = (*_METHODS, *_LINES, *_TARGETS, *_HOSTS)
