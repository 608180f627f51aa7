"""What a connection needs from the program above it, so that sockets and handlers do not know each other."""

from __future__ import annotations

from typing import Protocol

from parlour.core.errors import Refusal
from parlour.http.request import Admission, Outcome, Request
from parlour.http.response import Response
from parlour.wire.http1 import RequestHead


class Application(Protocol):
    """Implemented by `api`; called by `net` on the event loop."""

    def admit(self, head: RequestHead) -> Admission:
        """Find what a request is for, before its body arrives. Raises Refusal: the body is then not wanted."""

    def handle(self, request: Request) -> Outcome:
        """Answer a complete request, now or later. Raises Refusal, and so does the coroutine."""

    def render(self, refusal: Refusal, head: RequestHead | None, prefix: str) -> Response:
        """The response for a refusal; without a head the request could not even be read.

        `prefix` is that of `Peer`: a refusal may come before anybody knows who asks.
        """
