"""The application that connections talk to: route, guard, handler, and every refusal in the client's own terms."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from parlour.api.guard import Guard
from parlour.api.pages import Pages
from parlour.api.refusals import refusal_fields
from parlour.chat.ports import Clock
from parlour.core.errors import Refusal
from parlour.http.negotiate import choose, wants_json
from parlour.http.request import Request
from parlour.http.response import PROBLEM, TEXT, Reply, Response, Upgrade
from parlour.http.router import Match, Route, Router
from parlour.schema.problems import error_line, problem
from parlour.wire.http1 import RequestHead

log = logging.getLogger("parlour.api")

_ASTERISK = Match("*", {}, {})


class Api:
    """Implements `http.application.Application`."""

    def __init__(
        self,
        router: Router,
        guard: Guard,
        pages: Pages,
        clock: Clock,
        on_answer: Callable[[Request, int, float], None] | None = None,
    ) -> None:
        self._router = router
        self._guard = guard
        self._pages = pages
        self._clock = clock
        self._on_answer = on_answer

    def admit(self, head: RequestHead) -> tuple[Match, Route | None]:
        """Find the route of a request. Raises Refusal (not_found, method_not_allowed, bad_request)."""
        if head.target == b"*":
            return _ASTERISK, None
        match = self._router.match(head.target.partition(b"?")[0])
        if head.method == "OPTIONS":
            return match, None
        return match, match.route(head.method)

    def handle(self, request: Request, match: Match, route: Route | None) -> Coroutine[Any, Any, Reply]:
        """Answer a complete request."""
        answer = self._answer(request, match, route)
        return answer if self._on_answer is None else self._report(request, answer, self._on_answer)

    async def _report(
        self, request: Request, answer: Coroutine[Any, Any, Reply], on_answer: Callable[[Request, int, float], None]
    ) -> Reply:
        began = self._clock.monotonic()
        reply = await answer
        status = reply.status if isinstance(reply, Response) else 101 if isinstance(reply, Upgrade) else 200
        on_answer(request, status, self._clock.monotonic() - began)
        return reply

    async def _answer(self, request: Request, match: Match, route: Route | None) -> Reply:
        try:
            if route is None:
                allow = match.allow if match.routes else "GET, HEAD, OPTIONS, POST, PUT"
                return Response(204, fields=[(b"Allow", allow.encode())])
            self._guard.check(request, route)
            return await route.handler(request)
        except Refusal as refusal:
            return self.render(refusal, request.head)

    def render(self, refusal: Refusal, head: RequestHead | None) -> Response:
        """A refusal as problem+json, as a page, or as one plain line, by what the client asked for."""
        accept = None if head is None else head.get(b"accept")
        if head is not None and (wants_json(accept) or (_is_api(head) and choose(accept, ("json", "html")) == "json")):
            return Response(refusal.kind.status, problem(refusal), PROBLEM, refusal_fields(refusal))
        if head is not None and choose(accept, ("text", "html")) == "html":
            return self._pages.error(refusal)
        return Response(refusal.kind.status, error_line(refusal).encode() + b"\n", TEXT, refusal_fields(refusal))


def _is_api(head: RequestHead) -> bool:
    return (head.target.partition(b"?")[0] + b"/").startswith(b"/api/v1/")
