"""The application that connections talk to: route, guard, handler, and every refusal in the client's own terms."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

from parlour.api.guard import Guard
from parlour.api.pages import Pages
from parlour.chat.ports import Clock
from parlour.core.errors import Refusal
from parlour.http.negotiate import choose, wants_json
from parlour.http.request import Request
from parlour.http.response import PROBLEM, TEXT, Field, Reply, Response, Upgrade
from parlour.http.router import Match, Route, Router
from parlour.schema.problems import error_line, problem
from parlour.wire.http1 import RequestHead

log = logging.getLogger("parlour.api")

_ASTERISK = Match("*", {}, {})
_CHALLENGE = b'Basic realm="parlour", charset="UTF-8", Bearer realm="parlour"'


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
        fields = _fields(refusal)
        if head is not None and (wants_json(accept) or (_is_api(head) and choose(accept, ("json", "html")) == "json")):
            return Response(refusal.kind.status, problem(refusal), PROBLEM, fields)
        if head is not None and choose(accept, ("text", "html")) == "html":
            return self._pages.error(refusal, fields)
        return Response(refusal.kind.status, error_line(refusal).encode() + b"\n", TEXT, fields)


def _is_api(head: RequestHead) -> bool:
    return (head.target.partition(b"?")[0] + b"/").startswith(b"/api/v1/")


def _fields(refusal: Refusal) -> list[Field]:
    """The header fields that a status demands (RFC 9110 §15.5.2, §15.5.6, §15.6.4; RFC 6585 §4)."""
    status = refusal.kind.status
    fields: list[Field] = []
    if refusal.retry_after is not None or refusal.kind.retry == "after":
        fields.append((b"Retry-After", str(max(1, math.ceil(refusal.retry_after or 1))).encode()))
    if status == 405 and refusal.extra is not None:
        fields.append((b"Allow", str(refusal.extra["allow"]).encode()))
    elif status == 401:
        fields.append((b"WWW-Authenticate", _CHALLENGE))
    elif status == 426:
        fields += [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")]
    return fields
