"""The grammar of a request head: what RFC 9112 §3 and §5 allow, minus everything two parsers could read differently.

The grammar is positive: a byte sequence is accepted only if it matches, and nothing is repaired.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.core.secret import PASS_COOKIE, SECRET_PATHS, SESSION_COOKIE


@dataclass(slots=True)
class RequestHead:
    """One request without its body; read-only, since equal requests share it (`dataclasses.replace` makes another).

    `target` is in origin-form (or `*`), visible ASCII, still percent-encoded. `fields` are in order, names in lower
    case, values without surrounding white space, perhaps with bytes above 0x7f; `values` has them by name, repeated
    ones combined. `host` is in lower case with the port as sent, and empty if an HTTP/1.0 client sent none. `upgrade`
    is in lower case, and there only if Connection lists `upgrade`. `expects_continue`: the client waits for
    `100 Continue`. In `cached` the owner of the decoder keeps what it computed from this head.
    """

    method: str
    target: bytes
    minor: int
    fields: Sequence[tuple[bytes, bytes]]
    values: Mapping[bytes, bytes]
    host: bytes
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expects_continue: bool
    upgrade: bytes | None
    cached: Any = None

    def get(self, name: bytes) -> bytes | None:
        """The value of a field, repeated ones combined with commas (RFC 9110 §5.3); `name` is in lower case."""
        return self.values.get(name)

    def get_all(self, name: bytes) -> list[bytes]:
        """All values of a field in order; `name` is in lower case."""
        return [value for key, value in self.fields if key == name]


RequestLine: TypeAlias = tuple[str, bytes, int, bytes | None]
"""A first line: method, target as in `RequestHead`, minor version, the authority of an absolute-form target."""


_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")}
"""Methods that have a meaning here; the router answers 405 where one is not allowed. CONNECT is for proxies."""

# Every quantifier is possessive: nothing is tried twice, so matching is linear in the input.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # RFC 9110 §5.6.2
_AUTHORITY = rb"(?:[0-9A-Za-z._-]{1,255}+|\[[0-9A-Fa-f:.]{2,45}+\])(?::[0-9]{1,5}+)?"
# DEVIATION from RFC 3986: "|^[]" in a path and "`\{}|^[]" in a query are allowed, because browsers send them as they
# are (WHATWG URL, percent-encode sets). DEVIATION from RFC 3986 §3.2.2: host names are plain ASCII names and addresses.
_PATH = rb"/[!$-;=@-Z_a-z~|^\[\]]*+"
_QUERY = rb"\?[!$-;=?-~]*+"

_REQUEST_LINE = re.compile(
    rb"(%b) (?:(?i:https?)://(%b))?((?:%b)?(?:%b)?|\*) HTTP/1\.([01])" % (_TOKEN, _AUTHORITY, _PATH, _QUERY)
)
_LINE_SHAPE = re.compile(rb"(%b) ([!-~]++) HTTP/([0-9]\.[0-9])" % _TOKEN)
_FIELD = re.compile(rb"^(%b):([^\r]*+)\r\n" % _TOKEN, re.MULTILINE)
_NAME = re.compile(_TOKEN)
_HOST = re.compile(_AUTHORITY)
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")  # 18 digits fit in any peer's 63 bits; no leading zero: some read octal
_CODINGS = re.compile(rb"(?:%b[ \t]*+,[ \t]*+)++chunked" % _TOKEN)

CACHED_BYTES = 1024
"""Longer heads are parsed each time. A cached one takes 2.3 KiB for a program, 5 for a browser, 10 KiB at most."""

_SECRET_COOKIES = (SESSION_COOKIE.encode(), PASS_COOKIE.encode())
_SECRET_PATHS = tuple(path.encode() for path in SECRET_PATHS)

CACHED_HEADS = 2048
"""A head contains a room's name, so a thousand rooms in turn must not evict each other."""

_TEXT = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What a field line may contain (RFC 9110 §5.5): tab, space, visible ASCII, and opaque bytes above it."""

_BAD_FIELD = (
    "A header line is a name, a colon right behind it and a value, ended with CR LF; it is not folded, and contains no"
    " other control character than tab."
)

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]")
"""What no head may contain, wherever it stands: control characters, and CR or LF alone."""

_ONCE = {
    b"host": "bad_host",
    b"content-length": "bad_framing",
    b"transfer-encoding": "bad_framing",
    b"authorization": "bad_request",
    b"content-type": "bad_request",
    b"cookie": "bad_request",
    b"idempotency-key": "bad_request",
    b"origin": "bad_request",
    b"sec-websocket-key": "bad_request",
}
"""Fields that a second reader could take from another line than we do, if there were two."""

_LOOKALIKES = frozenset((b"content_length", b"transfer_encoding"))
"""Names that gateways with environment variables (CGI, WSGI) cannot tell from the fields that frame a message."""


def refuse_forbidden(buffer: bytearray, start: int, stop: int) -> None:
    """Raise Refusal("bad_framing") if a byte in `buffer[start:stop]` can be part of no head."""
    if _FORBIDDEN.search(buffer, start, stop) is not None:
        raise Refusal("bad_framing", "Lines end with CR LF, and a head contains no other control character than tab.")
    if start == 0 and _NAME.match(buffer) is None:
        raise Refusal("bad_framing", "A request starts with a method such as GET.")


def parse_request_line(buffer: bytearray, end: int) -> RequestLine:
    """Read the first line, which ends before `end` (RFC 9112 §3). Raises Refusal."""
    match = _REQUEST_LINE.fullmatch(buffer, 0, end)
    if match is None:
        raise _line_fault(bytes(buffer[:end]))
    method, authority, target, minor = match.groups()
    name = _METHODS.get(method)
    if name is None:
        raise Refusal("not_implemented", "The method is not one of " + ", ".join(_METHODS.values()) + ".")
    if target[:1] != b"/":
        target = _whole_target(name, authority, target)
    return name, target, 1 if minor == b"1" else 0, authority and authority.lower()


def _whole_target(method: str, authority: bytes | None, target: bytes) -> bytes:
    """Complete a target that does not start with a slash (RFC 9112 §3.2.2, §3.2.4)."""
    if authority is None:
        if target == b"*" and method == "OPTIONS":
            return target
    elif target != b"*":
        return b"*" if method == "OPTIONS" and not target else b"/" + target
    raise Refusal("bad_framing", "The target must be a path that starts with a slash.")


def _line_fault(line: bytes) -> Refusal:
    """Say what is wrong with a first line that does not match the grammar."""
    shape = _LINE_SHAPE.fullmatch(line)
    if shape is None:
        if not line.isascii():
            return Refusal("bad_framing", "The target contains a raw non-ASCII character; percent-encode it.")
        return Refusal("bad_framing", "The first line must be a method, a target and HTTP/1.1, with one space between.")
    method, target, version = shape.groups()
    if version not in (b"1.0", b"1.1"):
        return Refusal("http_version")
    if method not in _METHODS:
        return Refusal("not_implemented", "The method is not one of " + ", ".join(_METHODS.values()) + ".")
    if b"#" in target:
        return Refusal("bad_framing", "The target contains a fragment; it stays with the client.")
    return Refusal("bad_framing", "The target is not a path with an optional query, in the characters of RFC 3986.")


def parse_fields(line: RequestLine, block: bytearray, limits: Limits) -> RequestHead:
    """Read the field lines of a head, each with its line end, and what they say about the message.

    Raises Refusal: bad_framing, bad_host, bad_request, headers_too_large, not_implemented, expectation_failed.
    """
    found = _FIELD.findall(block)
    # A match holds one CR LF and starts after a line feed. If no other forbidden byte is left, matches = lines.
    if len(block.translate(None, _TEXT)) != 2 * len(found):
        raise Refusal("bad_framing", _BAD_FIELD)
    if len(found) > limits.header_fields:
        raise Refusal("headers_too_large", f"There are more than {limits.header_fields} header fields.")
    if len(block) > limits.header_field_bytes and max(map(len, block.split(b"\r\n"))) > limits.header_field_bytes:
        raise Refusal("headers_too_large", f"A header field is longer than {limits.header_field_bytes} bytes.")
    fields = [(name.lower(), value.strip()) for name, value in found]  # of white space, only space and tab are left
    values = dict(fields)
    if len(values) != len(fields):
        values = _combined(fields)
    if not _LOOKALIKES.isdisjoint(values):
        raise Refusal("bad_framing", "A field that frames the message is written with an underscore.")
    return _head(line, fields, values)


def head_parser(limits: Limits) -> Callable[[bytes], RequestHead]:
    """A cached function that parses a whole head of at most `CACHED_BYTES`: first line and fields with their line ends.

    A client sends much the same head with every request of a connection, so most heads are in the cache; refusals are
    not. Each server has its own, because of `RequestHead.cached`. Raises Refusal like the two parts, and
    SecretHead for a head with credentials.
    """

    def parse(head: bytes) -> RequestHead:
        buffer = bytearray(head)
        end = buffer.find(b"\r\n")
        if end > limits.request_line_bytes:
            raise Refusal("uri_too_long", f"The first line is longer than {limits.request_line_bytes} bytes.")
        parsed = parse_fields(parse_request_line(buffer, end), buffer[end + 2 :], limits)
        if _has_secret(parsed):
            raise SecretHead(parsed)  # what is raised is not cached
        return parsed

    return lru_cache(maxsize=CACHED_HEADS)(parse)


def _has_secret(head: RequestHead) -> bool:
    """Whether it has credentials, or leads to a link that lets somebody in."""
    if b"authorization" in head.values:
        return True
    cookie = head.values.get(b"cookie", b"")
    if any(name in cookie for name in _SECRET_COOKIES):
        return True
    return b"ticket=" in head.target or any(path in head.target for path in _SECRET_PATHS)


class SecretHead(Exception):
    """Not an error: a head with a secret, which must not stay in memory when that has ended."""

    def __init__(self, head: RequestHead) -> None:
        self.head = head


def _combined(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Join repeated fields as RFC 9110 §5.3 says; refuse those that must stand alone."""
    values: dict[bytes, bytes] = {}
    for name, value in fields:
        if name not in values:
            values[name] = value
        elif name in _ONCE:
            raise Refusal(_ONCE[name], f"The field {name.decode()} may be given only once.")
        else:
            values[name] += b", " + value
    return values


def _head(line: RequestLine, fields: list[tuple[bytes, bytes]], values: dict[bytes, bytes]) -> RequestHead:
    """Put together what the line and the fields say."""
    method, target, minor, authority = line
    length = values.get(b"content-length")
    coding = values.get(b"transfer-encoding")
    content_length, chunked = None, False
    if length is not None or coding is not None:
        content_length, chunked = _framing(length, coding, minor)
    has_content = chunked or bool(content_length)
    keep_alive, upgrade = minor == 1, None
    if (connection := values.get(b"connection")) is not None:
        options = {option.strip(b" \t") for option in connection.lower().split(b",")}
        keep_alive = b"close" not in options and (minor == 1 or b"keep-alive" in options)
        if b"upgrade" in options and minor == 1:  # RFC 9110 §7.8: ignored in HTTP/1.0
            upgrade = _upgrade(values.get(b"upgrade"), has_content)
    expects_continue = False
    if (expect := values.get(b"expect")) is not None:
        if expect.lower() != b"100-continue":
            raise Refusal("expectation_failed")
        expects_continue = has_content and minor == 1  # RFC 9110 §10.1.1
    host = _host(values.get(b"host"), authority, minor)
    return RequestHead(
        method, target, minor, fields, values, host, content_length, chunked, keep_alive, expects_continue, upgrade
    )


def _framing(length: bytes | None, coding: bytes | None, minor: int) -> tuple[int | None, bool]:
    """Decide the content length and whether the body is chunked (RFC 9112 §6.3, stricter)."""
    if coding is None:
        if length is None or _LENGTH.fullmatch(length) is None:
            raise Refusal("bad_framing", "Content-Length must be one plain decimal number of at most 18 digits.")
        return int(length), False
    # DEVIATION from RFC 9112 §6.3: it lets Transfer-Encoding win; a proxy before us may think otherwise.
    if length is not None:
        raise Refusal("bad_framing", "Content-Length and Transfer-Encoding exclude each other.")
    if minor == 0:
        raise Refusal("bad_framing", "HTTP/1.0 has no Transfer-Encoding.")
    lowered = coding.lower()
    if lowered == b"chunked":
        return None, True
    if _CODINGS.fullmatch(lowered) and lowered.count(b"chunked") == 1:
        raise Refusal("not_implemented", "The only transfer coding here is chunked.")
    raise Refusal("bad_framing", "Transfer-Encoding must be chunked.")


def _upgrade(upgrade: bytes | None, has_content: bool) -> bytes | None:
    """Take the protocol a client wants to change to.

    A body before another protocol is refused: whoever forwards the request may take it for that protocol's first bytes.
    `h2c` is excepted: several HTTP clients offer it with every request, and it is never taken up.
    """
    if has_content and upgrade is not None and upgrade.lower() != b"h2c":
        raise Refusal("bad_framing", "A request that asks for another protocol has no body.")
    return upgrade and upgrade.lower()


def _host(host: bytes | None, authority: bytes | None, minor: int) -> bytes:
    """Check the Host field against the grammar and an absolute-form target (RFC 9112 §3.2, stricter)."""
    if host is None:
        if minor == 1:
            raise Refusal("bad_host", "HTTP/1.1 needs a Host field.")
        return authority or b""
    if _HOST.fullmatch(host) is None:
        raise Refusal("bad_host", "Host must be a name or an address and an optional port.")
    host = host.lower()
    # DEVIATION from RFC 9112 §3.2.2: it ignores Host here; we refuse a request that names two places.
    if authority is not None and authority != host:
        raise Refusal("bad_host", "The target and the Host field name different hosts.")
    return host
