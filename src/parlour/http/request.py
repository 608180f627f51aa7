"""A request as a handler gets it: complete, bounded, its peer resolved; and who answers it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.permissions import Right
from parlour.http.response import DeferredResponse, Reply, Response
from parlour.wire.forms import media_type, parse_query
from parlour.wire.http1 import RequestHead

T = TypeVar("T")


class Site(NamedTuple):
    """The address that clients are given (`--public-url`): such as `https://example.org`, and `/chat` or nothing."""

    origin: str
    prefix: str


OPERATOR_ADDRESS = "operator:"
"""The address of a peer that has come through the operator's socket."""


class Peer(NamedTuple):
    """The client at the other end, as trusted proxies tell of it (net/proxies.py).

    `address` is for logs, `key` for limits (an IPv6 client counts by its /64), `scheme` is `http` or `https`.
    """

    address: str
    key: str
    scheme: str
    host: str | None = None
    """The authority that the client asked a proxy for; None if the Host field is right."""
    prefix: str = ""
    """The path under which the client sees this server, such as `/chat`; every address it is given starts with it."""
    site: Site | None = None
    """Where the server is by its settings; None if it is what the client asked for."""
    user: str | None = None
    """The name of who asks, by the word of a trusted proxy (`--trusted-user-header`); None if none says one."""


@dataclass(slots=True, eq=False)
class Admission:
    """How a request is handled, and what was computed from its head: clients send the same head again and again.

    All requests with an equal head share one. A body has at most `max_body` bytes, and none is expected where that is
    0; `right` is what the actor needs, None where the answer is public; `passed` is the peer that the guard has let
    through with this head, as `actor`, when the access of the server was that of the event `passed_at`;
    `takes_ticket`: a ticket in the address can say who asks. The head refers to its admission, never the other way
    round.
    """

    handler: Handler
    params: Mapping[str, str]
    max_body: int
    right: Right | None
    passed: Peer | None = None
    passed_at: int = 0
    actor: Actor = field(init=False)
    cached: dict[Callable[[Request], Any], Any] = field(default_factory=dict)
    takes_ticket: bool = False


class Request:
    """One request with its whole body.

    `params` are the percent-decoded path parameters of the route; `field(name)` gives the value of a header field,
    by its name in lower case, or None. `actor` is who asks, as the guard has found.
    """

    __slots__ = ("actor", "admission", "body", "field", "head", "method", "params", "peer")

    def __init__(self, head: RequestHead, admission: Admission, body: bytes, peer: Peer) -> None:
        self.head = head
        self.admission = admission
        self.method = head.method
        self.params: Mapping[str, str] = admission.params
        self.field: Callable[[bytes], bytes | None] = head.values.get
        self.body = body
        self.peer = peer
        self.actor: Actor

    def cached(self, compute: Callable[[Request], T]) -> T:
        """`compute(self)`, which may use head and path only: computed once for all requests with an equal head.

        An exception is raised each time. The result is shared: nobody may change it.
        """
        cached = self.admission.cached
        try:
            value: T = cached[compute]
        except KeyError:
            value = cached[compute] = compute(self)
        return value

    @property
    def query_string(self) -> bytes:
        """The part of the target after the question mark, as it was sent."""
        return self.head.target.partition(b"?")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        """All query parameters, in order. Raises Refusal("bad_parameter") for a malformed query."""
        return self.cached(_query)

    def parameter(self, name: str) -> str | None:
        """The one value of a query parameter, or None. Raises Refusal("bad_parameter") when it is repeated."""
        values = self.query.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise Refusal("bad_parameter", f"The parameter {name} may be given once.", field=name)
        return values[0]

    def cookie(self, name: str) -> str | None:
        """The value of a cookie; the first of equal names wins (RFC 6265 §5.4). Parsed at every call."""
        for line in self.head.get_all(b"cookie"):
            for pair in line.decode("latin-1").split(";"):
                found, separator, value = pair.strip().partition("=")
                if separator and found == name:
                    return value
        return None

    @property
    def media_type(self) -> bytes:
        """The media type of the body, in lower case, without parameters; empty if none was given."""
        return self.cached(_media_type)

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
        """The start of every address on this server, without a final slash: `https://example.org/chat`."""
        return self.origin + self.peer.prefix


def _query(request: Request) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    if request.query_string:
        for name, value in parse_query(request.query_string):
            query.setdefault(name, []).append(value)
    return query


def _media_type(request: Request) -> bytes:
    return media_type(request.field(b"content-type") or b"")


Outcome: TypeAlias = Reply | DeferredResponse | Coroutine[Any, Any, Reply]
"""An answer: at once, by a callback, or from a coroutine."""

Handler: TypeAlias = Callable[[Request], Outcome]
"""Answers a request. It raises Refusal, and so does its coroutine."""


class Application(Protocol):
    """The program above a connection. Implemented by `api`; called by `net` on the event loop."""

    def admit(self, head: RequestHead) -> Admission:
        """Find what a request is for, before its body arrives. Raises Refusal: the body is then not wanted."""

    def handle(self, request: Request) -> Outcome:
        """Answer a complete request, now or later. Raises Refusal, and so does the coroutine."""

    def render(self, refusal: Refusal, head: RequestHead | None, prefix: str) -> Response:
        """The response for a refusal; without a head the request could not even be read.

        `prefix` is that of `Peer`: a refusal may come before anybody knows who asks.
        """
