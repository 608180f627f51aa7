"""The router: from a request target to a row of the route table, before the body arrives."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from parlour.core.errors import Refusal
from parlour.http.deferred import DeferredResponse
from parlour.http.request import Request
from parlour.http.response import Reply

REMEMBERED_BYTES = 256
"""Longer paths are matched anew each time: strangers choose them."""

NOTHING_HERE = "There is nothing at this address."
"""Clients that read text or JSON are also told where the help is (api/application.py)."""

Handler = Callable[[Request], Reply | DeferredResponse | Coroutine[Any, Any, Reply]]
"""Answers at once, by a callback, or as a coroutine, which runs as an ordinary asyncio task."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. `pattern` has literal segments and `{parameters}`; GET answers HEAD too."""

    method: str
    pattern: str
    handler: Handler
    max_body: int = 0
    """Bytes; a body is refused where none is expected."""
    public: bool = False
    """Answered even where only members are admitted."""


class Match(NamedTuple):
    """Where a target leads: the routes by method, and the decoded path with its parameters."""

    path: str
    routes: Mapping[str, Route]
    params: Mapping[str, str]

    def route(self, method: str) -> Route:
        """The route for a method. Raises Refusal("method_not_allowed") with the `allow` list in `extra`."""
        route = self.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise Refusal("method_not_allowed", f"Allowed here: {self.allow}.", extra={"allow": self.allow})
        return route

    @property
    def allow(self) -> str:
        """The value of the Allow field (RFC 9110 §10.2.1)."""
        methods = {*self.routes, "OPTIONS"}
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods))


class Router:
    """Matches paths against patterns; a literal segment wins over a parameter."""

    def __init__(self, routes: Sequence[Route]) -> None:
        table: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_method = table.setdefault(route.pattern, {})
            if route.method in by_method:
                raise ValueError(f"{route.method} {route.pattern} is routed twice")
            by_method[route.method] = route
        # More literal segments first: /api/v1 must not be read as /{room}/{item}.
        self._table = sorted(
            ((tuple(pattern.strip("/").split("/")), by_method) for pattern, by_method in table.items()),
            key=lambda row: [segment.startswith("{") for segment in row[0]],
        )
        # The same few paths come again and again.
        self._remembered = lru_cache(maxsize=1024)(self._match)

    def match(self, path: bytes) -> Match:
        """Find the routes of an undecoded path (no query). Raises Refusal("not_found") or ("bad_request").

        One slash at the end changes nothing: people type it, and `curl -T -` adds it.
        """
        return (self._remembered if len(path) <= REMEMBERED_BYTES else self._match)(path)

    def _match(self, path: bytes) -> Match:
        if len(path) > 1 and path.endswith(b"/"):
            path = path[:-1]
        try:
            segments = tuple(unquote_to_bytes(part).decode() for part in path[1:].split(b"/"))
        except UnicodeDecodeError:
            raise Refusal("bad_request", "The path must be percent-encoded UTF-8.") from None
        for pattern, routes in self._table:
            if len(pattern) == len(segments):
                params = _params(pattern, segments)
                if params is not None:
                    return Match("/" + "/".join(segments), routes, params)
        raise Refusal("not_found", NOTHING_HERE)


def _params(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    params = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not segment:
                return None
            params[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return params
