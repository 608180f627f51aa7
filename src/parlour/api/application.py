"""The application that connections talk to: route, guard, handler, and every refusal in the client's own terms."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

from parlour.api.bodies import is_json_type
from parlour.api.guard import SAFE_METHODS, Guard
from parlour.api.pages import Pages
from parlour.api.refusals import refusal_fields
from parlour.core.errors import Refusal
from parlour.http.later import Later
from parlour.http.negotiate import choose, wants_json
from parlour.http.request import Admission, Request
from parlour.http.response import PROBLEM, TEXT, Reply, Response, field_line
from parlour.http.router import Match, Router
from parlour.schema.problems import error_line, problem
from parlour.wire.forms import media_type
from parlour.wire.http1 import RequestHead

log = logging.getLogger("parlour.api")

_JSON_FORMATS = {b"format=json", b"format=ndjson"}
_ASTERISK = Match("*", {}, {})


class Api:
    """Implements `http.application.Application`."""

    def __init__(self, router: Router, guard: Guard, pages: Pages) -> None:
        self._router = router
        self._guard = guard
        self._pages = pages

    def admit(self, head: RequestHead) -> Admission:
        """Find the route of a request. Raises Refusal (not_found, method_not_allowed, bad_request)."""
        if head.target == b"*":
            return Admission(_ASTERISK, None)
        match = self._router.match(head.target.partition(b"?")[0])
        return Admission(match, None if head.method == "OPTIONS" else match.route(head.method))

    def handle(self, request: Request) -> Reply | Later | Coroutine[Any, Any, Reply]:
        """Answer a complete request. Raises Refusal."""
        route = request.admission.route
        if route is None:
            match = request.admission.match
            allow = match.allow if match.routes else "GET, HEAD, OPTIONS, POST, PUT"
            return Response(204, fields=field_line(b"Allow", allow.encode()))
        self._guard.check(request, route)
        return route.handler(request)

    def render(self, refusal: Refusal, head: RequestHead | None) -> Response:
        """A refusal as problem+json, as a page, or as one plain line, by what the client asked for."""
        if head is not None:
            if _asks_for_json(head):
                body = problem(refusal, is_read=head.method in SAFE_METHODS)
                return Response(refusal.kind.status, body, PROBLEM, refusal_fields(refusal))
            if choose(head.get(b"accept"), ("text", "html")) == "html":
                return self._pages.error(refusal, head.target, is_read=head.method in SAFE_METHODS)
        return Response(refusal.kind.status, error_line(refusal).encode() + b"\n", TEXT, refusal_fields(refusal))


def _asks_for_json(head: RequestHead) -> bool:
    """Whether the client reads JSON: it says so, or has begun to speak it and asks for nothing else.

    The query is compared as sent, because it may be what the refusal is about; no client escapes letters.
    """
    path, _, query = head.target.partition(b"?")
    if not _JSON_FORMATS.isdisjoint(query.split(b"&")):
        return True
    accept = head.get(b"accept")
    if wants_json(accept) or choose(accept, ("text", "html", "ndjson")) == "ndjson":
        return True
    is_json = (path + b"/").startswith(b"/api/v1/") or is_json_type(media_type(head.get(b"content-type") or b""))
    return is_json and choose(accept, ("json", "text", "html")) in ("json", None)
