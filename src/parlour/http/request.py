"""A request as a handler sees it: complete, bounded, and with its peer already resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from parlour.core.errors import Refusal
from parlour.wire.forms import media_type, parse_query
from parlour.wire.http1 import RequestHead


class Peer(NamedTuple):
    """Who is at the other end, after trusted proxies have been heard (net/proxies.py).

    `address` is for logs, `key` for limits (an IPv6 client counts by its /64), `scheme` is `http` or `https`.
    """

    address: str
    key: str
    scheme: str
    host: str | None = None
    """The authority that the client asked a proxy for; None where the Host field holds."""


class Request:
    """One request with its whole body.

    `params` are the percent-decoded path parameters of the route; `field(name)` gives the value of a header field,
    by its name in lower case, or None.
    """

    __slots__ = ("_cookies", "_media_type", "_query", "body", "field", "head", "method", "params", "path", "peer",
                 "query_string")  # fmt: skip

    def __init__(
        self, head: RequestHead, path: str, query_string: bytes, params: Mapping[str, str], body: bytes, peer: Peer
    ) -> None:
        self.head = head
        self.method = head.method
        self.path = path
        self.query_string = query_string
        self.params = params
        self.body = body
        self.peer = peer
        self.field: Callable[[bytes], bytes | None] = head.values.get
        self._media_type: bytes | None = None
        self._query: dict[str, list[str]] | None = None
        self._cookies: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """All query parameters, in order. Raises Refusal("bad_parameter") for a malformed query."""
        if self._query is None:
            query: dict[str, list[str]] = {}
            if self.query_string:
                for name, value in parse_query(self.query_string):
                    query.setdefault(name, []).append(value)
            self._query = query
        return self._query

    def parameter(self, name: str) -> str | None:
        """The one value of a query parameter, or None. Raises Refusal("bad_parameter") when it is repeated."""
        if not self.query_string:
            return None
        values = self.query.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise Refusal("bad_parameter", f"The parameter {name} may be given once.", field=name)
        return values[0]

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies by name; the first of equal names wins (RFC 6265 §5.4)."""
        if self._cookies is None:
            jar: dict[str, str] = {}
            for line in self.head.get_all(b"cookie"):
                for pair in line.decode("latin-1").split(";"):
                    name, separator, value = pair.strip().partition("=")
                    if separator:
                        jar.setdefault(name, value)
            self._cookies = jar
        return self._cookies

    @property
    def media_type(self) -> bytes:
        """The media type of the body, in lower case, without parameters; empty if none was given."""
        if self._media_type is None:
            self._media_type = media_type(self.field(b"content-type") or b"")
        return self._media_type

    @property
    def host(self) -> str:
        """The authority the client asked for."""
        return self.peer.host or self.head.host.decode("ascii", "replace")

    @property
    def origin(self) -> str:
        """The origin of this server as the client addressed it, for example `http://localhost:8080`."""
        return f"{self.peer.scheme}://{self.host}"
