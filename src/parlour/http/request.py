"""A request as a handler sees it: complete, bounded, and with its peer already resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from parlour.core.errors import Refusal
from parlour.wire.forms import media_type, parse_query
from parlour.wire.http1 import RequestHead

if TYPE_CHECKING:
    from parlour.http.router import Match, Route

T = TypeVar("T")


class Site(NamedTuple):
    """Where clients are told that this server is, whatever they or a proxy call it (`--public-url`).

    `origin` is such as `https://example.org`, `prefix` such as `/chat`, or empty.
    """

    origin: str
    prefix: str


class Peer(NamedTuple):
    """Who is at the other end, after trusted proxies have been heard (net/proxies.py).

    `address` is for logs, `key` for limits (an IPv6 client counts by its /64), `scheme` is `http` or `https`.
    """

    address: str
    key: str
    scheme: str
    host: str | None = None
    """The authority that the client asked a proxy for; None where the Host field holds."""
    prefix: str = ""
    """The path below which the client sees this server, such as `/chat`: every address that it is given has it."""
    site: Site | None = None
    """Where the server is by its settings; None where it is what the client asked for."""


class Admission:
    """Where a head leads, and what has been found out about it: a client sends the same head again and again.

    All requests with an equal head share it. `route` is None for OPTIONS, which every address answers; `passed` is the
    peer whom the guard has let through with this head. (It does not hold the head, which holds it.)
    """

    __slots__ = ("match", "notes", "passed", "route")

    def __init__(self, match: Match, route: Route | None) -> None:
        self.match = match
        self.route = route
        self.passed: Peer | None = None
        self.notes: dict[Callable[[Request], Any], Any] = {}


class Request:
    """One request with its whole body.

    `params` are the percent-decoded path parameters of the route; `field(name)` gives the value of a header field,
    by its name in lower case, or None.
    """

    __slots__ = ("admission", "body", "field", "head", "method", "params", "peer")

    def __init__(self, head: RequestHead, admission: Admission, body: bytes, peer: Peer) -> None:
        self.head = head
        self.admission = admission
        self.method = head.method
        self.params: Mapping[str, str] = admission.match.params
        self.field: Callable[[bytes], bytes | None] = head.values.get
        self.body = body
        self.peer = peer

    def noted(self, find: Callable[[Request], T]) -> T:
        """What `find` says of a request by its head and path alone, asked once for all that have the same.

        What it raises is raised each time. Nobody may change what he gets.
        """
        notes = self.admission.notes
        try:
            note: T = notes[find]
        except KeyError:
            note = notes[find] = find(self)
        return note

    @property
    def query_string(self) -> bytes:
        """What stands behind the question mark, as it was sent."""
        return self.head.target.partition(b"?")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        """All query parameters, in order. Raises Refusal("bad_parameter") for a malformed query."""
        return self.noted(_query)

    def parameter(self, name: str) -> str | None:
        """The one value of a query parameter, or None. Raises Refusal("bad_parameter") when it is repeated."""
        values = self.query.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise Refusal("bad_parameter", f"The parameter {name} may be given once.", field=name)
        return values[0]

    def cookie(self, name: str) -> str | None:
        """The value of a cookie; the first of equal names wins (RFC 6265 §5.4). It is looked for each time."""
        for line in self.head.get_all(b"cookie"):
            for pair in line.decode("latin-1").split(";"):
                found, separator, value = pair.strip().partition("=")
                if separator and found == name:
                    return value
        return None

    @property
    def media_type(self) -> bytes:
        """The media type of the body, in lower case, without parameters; empty if none was given."""
        return self.noted(_media_type)

    @property
    def host(self) -> str:
        """The authority the client asked for."""
        return self.peer.host or self.head.host.decode("ascii", "replace")

    @property
    def origin(self) -> str:
        """The origin of this server, `http://localhost:8080`: as it was configured, or as the client addressed it."""
        site = self.peer.site
        return site.origin if site is not None else f"{self.peer.scheme}://{self.host}"

    @property
    def base_url(self) -> str:
        """What the address of everything here begins with, without a slash at its end: `https://example.org/chat`."""
        return self.origin + self.peer.prefix


def _query(request: Request) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    if request.query_string:
        for name, value in parse_query(request.query_string):
            query.setdefault(name, []).append(value)
    return query


def _media_type(request: Request) -> bytes:
    return media_type(request.field(b"content-type") or b"")
