"""What a connection needs from the program above it, so that sockets and handlers do not know each other."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from parlour.core.errors import Refusal
from parlour.http.request import Request
from parlour.http.response import Reply, Response
from parlour.http.router import Match, Route
from parlour.wire.http1 import RequestHead


class Application(Protocol):
    """Implemented by `api`; called by `net` on the event loop."""

    def admit(self, head: RequestHead) -> tuple[Match, Route | None]:
        """Find what a request is for, before its body arrives.

        A Route of None is answered by `handle` itself (OPTIONS). Raises Refusal: the body is then not wanted.
        """

    def handle(self, request: Request, match: Match, route: Route | None) -> Coroutine[Any, Any, Reply]:
        """Answer a complete request. The coroutine never raises Refusal: it renders it."""

    def render(self, refusal: Refusal, head: RequestHead | None) -> Response:
        """The response for a refusal; without a head the request could not even be read."""
