"""The application that connections call: operation, guard, handler, and every refusal in the client's format."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from types import CoroutineType
from typing import Any

from parlour.api.bodies import is_json_type
from parlour.api.context import Context
from parlour.api.guard import SAFE_METHODS, Guard
from parlour.api.operations import endpoints
from parlour.api.pages import Pages
from parlour.api.refusals import refusal_fields
from parlour.chat.identities import Credentials
from parlour.core.actor import Actor
from parlour.core.base_path import inside
from parlour.core.errors import Refusal
from parlour.http.compression import Compressor, compress, is_worth_it, mark, wants_gzip
from parlour.http.fields import FieldName
from parlour.http.negotiate import accepted, choose, wants_json
from parlour.http.request import Admission, Outcome, Request
from parlour.http.response import HTML, PROBLEM, TEXT, DeferredResponse, Reply, Response
from parlour.http.router import NOTHING_HERE, Router
from parlour.schema.problems import error_line, problem
from parlour.wire.forms import media_type
from parlour.wire.http1 import RequestHead

log = logging.getLogger("parlour.api")

_JSON_FORMATS = {b"format=json", b"format=ndjson"}
_ALL_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"


class Api:
    """Implements `http.request.Application`."""

    def __init__(self, context: Context, compressor: Compressor, base: str) -> None:
        """`base` is the path below which everything is (`Site.prefix`); requests come with or without it."""
        self._base = base
        self._body_bytes = context.limits.body_bytes
        self._store = context.store
        self._guard = Guard(context)
        self._pages = Pages(context, self._guard)
        self._compressor = compressor
        self._router = Router(endpoints(context, self._guard, self._pages))

    def admit(self, head: RequestHead) -> Admission:
        """Find the operation of a request. Raises Refusal (not_found, method_not_allowed, bad_request)."""
        if head.target == b"*":
            return Admission(partial(_options, _ALL_METHODS), {}, 0, None)
        match = self._router.match(self._path(head))
        if head.method == "OPTIONS":
            return Admission(partial(_options, match.allow), match.params, 0, None)
        is_handshake = head.upgrade == b"websocket" and head.method == "GET"
        operation, handler = match.row(head.method, is_handshake=is_handshake)
        max_body = self._body_bytes if operation.body else 0
        return Admission(handler, match.params, max_body, operation.right, takes_ticket=operation.takes_ticket)

    def handle(self, request: Request) -> Outcome:
        """Answer a complete request. Raises Refusal."""
        if request.method != "OPTIONS":  # that tells nothing, and every address answers it
            if self._store.is_shared and _is_about_people(request):
                return self._coded(request, self._caught_up(request))
            credentials = self._guard.check(request)
            if credentials is not None:
                return self._coded(request, self._identified(request, credentials))
        try:
            outcome = request.admission.handler(request)
        except Refusal as refusal:
            _address(refusal, request)
            raise
        return self._coded(request, outcome) if type(outcome) is CoroutineType else outcome

    async def _caught_up(self, request: Request) -> Reply:
        """The answer to what is about people or settings: by all that other nodes had done before."""
        with suppress(Refusal):  # while the database is away: by what is known
            await self._store.catch_up()
        credentials = self._guard.check(request)
        if credentials is not None:
            return await self._identified(request, credentials)
        return await _reply(request)

    async def _identified(self, request: Request, credentials: Credentials) -> Reply:
        """The answer to a request whose sender has to be found out first."""
        await self._guard.identify(request, credentials)
        return await _reply(request)

    async def _coded(self, request: Request, handler: Coroutine[Any, Any, Reply]) -> Reply:
        """The answer of a handler, compressed where the client accepts it and it is long; the reader pays for that."""
        try:
            reply = await handler
        except Refusal as refusal:
            _address(refusal, request)
            raise
        if isinstance(reply, Response) and is_worth_it(reply):
            done = None
            if wants_gzip(request.field):
                done = await self._compressor.compress(reply.body, is_shared=reply.content_type != HTML)
            if done is not None:
                self._guard.bill(request).add(done.seconds)
            mark(reply, None if done is None else done.body)
        return reply

    def _path(self, head: RequestHead) -> bytes:
        """The path of a request as the routes have it. A proxy that names a prefix has taken it away already."""
        path = head.target.partition(b"?")[0]
        return inside(self._base, path) if self._base and head.get(b"x-forwarded-prefix") is None else path

    def render(self, refusal: Refusal, head: RequestHead | None, prefix: str) -> Response:
        """A refusal as problem+json, as a page, or as one plain line, as the client asked for it."""
        response = self._refused(refusal, head, prefix)
        if head is not None and is_worth_it(response):
            mark(response, compress(response.body).body if wants_gzip(head.get) else None)
        return response

    def _refused(self, refusal: Refusal, head: RequestHead | None, prefix: str) -> Response:
        fields = refusal_fields(refusal, is_program=head is not None and _is_no_browser(head))
        if head is not None:
            path = self._path(head)
            if _asks_for_json(head, path):
                body = problem(_with_help(refusal, prefix), prefix, is_read=head.method in SAFE_METHODS)
                return Response(refusal.kind.status, body, PROBLEM, fields)
            if choose(accepted(head), ("text", "html")) == "html":
                return self._pages.error(refusal, path, prefix, is_read=head.method in SAFE_METHODS)
        line = error_line(_with_help(refusal, prefix))
        return Response(refusal.kind.status, line.encode() + b"\n", TEXT, fields)


def _options(allow: str, _: Request) -> Response:
    return Response(204, fields=((FieldName.ALLOW, allow.encode()),))


def _address(refusal: Refusal, request: Request) -> None:
    """Have a refusal know whether it is for somebody who has signed in, and whether other rooms are open to them."""
    actor: Actor | None = getattr(request, "actor", None)  # not yet found out where the guard refuses
    refusal.is_to_account = actor is not None and actor.account is not None
    if actor is not None and actor.guest_pass is not None and refusal.code == "banned":
        refusal.is_everywhere = True  # the pass opens the rooms of its link and no other ones


def _with_help(refusal: Refusal, prefix: str) -> Refusal:
    """The same refusal; if there is nothing at the address, it says where the help is."""
    if refusal.detail != NOTHING_HERE:
        return refusal
    return Refusal(refusal.code, f"{NOTHING_HERE} GET {prefix}/help shows what there is.")


def _is_no_browser(head: RequestHead) -> bool:
    """Whether a client that is shown no page is a program such as wget, not the script of a page."""
    return not (head.get(b"user-agent") or b"").startswith(b"Mozilla/") and head.get(b"sec-fetch-mode") is None


def _asks_for_json(head: RequestHead, path: bytes) -> bool:
    """Whether the client reads JSON: it says so, or it sends JSON and asks for nothing else.

    The query is compared as sent, because it may be what the refusal is about; no client escapes letters.
    """
    query = head.target.partition(b"?")[2]
    if not _JSON_FORMATS.isdisjoint(query.split(b"&")):
        return True
    accept = head.get(b"accept")
    if wants_json(accept) or choose(accept, ("text", "html", "ndjson")) == "ndjson":
        return True
    is_json = (path + b"/").startswith(b"/api/v1/") or is_json_type(media_type(head.get(b"content-type") or b""))
    return is_json and choose(accept, ("json", "text", "html")) in ("json", None)


def _is_about_people(request: Request) -> bool:
    """Whether a request is about accounts, members or settings, sign-in included.

    Messages need not wait for other nodes: the store judges what is posted, and the door what is read.
    """
    right = request.admission.right
    return right not in ("read", "post") and (right is not None or request.method == "POST")


async def _reply(request: Request) -> Reply:
    """What the handler of a request answers."""
    outcome = request.admission.handler(request)
    if isinstance(outcome, DeferredResponse):
        return await outcome.reply()
    return outcome if isinstance(outcome, Reply) else await outcome
