"""The server itself: its name and version, limits, help, operations, and health."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from parlour.api.openapi import describe
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.reference import reference
from parlour.api.resource import Resource
from parlour.core.errors import ERRORS, Refusal
from parlour.core.limits import Limits, limit_rows
from parlour.http.compression import VARY
from parlour.http.fields import FieldName
from parlour.http.negotiate import is_known, wants_json
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.pages import ServerInfo

CACHED_FOR_A_DAY = b"public, max-age=86400"

_LIMITS = msgspec.defstruct(
    "LimitsInForce", [(row.name, Annotated[float, Meta(description=row.help, ge=0)]) for row in limit_rows(Limits())]
)
"""The type of all limits, for the description."""

GET_LIMITS = Operation(
    "GET",
    "/api/v1/limits",
    "Every limit in force",
    id="getLimits",
    help="Bytes, characters, seconds and counts; the last word of a name is the unit.",
    right=None,
    parameters=OnlyJson,
    answers=(Success(200, "The limits by name.", _LIMITS),),
    example="{url}/api/v1/limits",
)


_HELP = """\
PARLOUR - a room is a URL. Rooms come into being when somebody speaks in them.

SAY SOMETHING
  curl -d 'hello' {origin}/lobby
  curl -d 'hello' '{origin}/lobby?name=ann'
  curl -X POST {origin}/send -d 'message=Hello'          (room=lobby unless you say room=...)
  curl --data-urlencode 'message=5+5 & more' {origin}/lobby   (any text at all; it needs message= before it)
  uptime | curl -T - -X POST {origin}/lobby
  curl -H 'Content-Type: application/json' -d '{{"text":"hello","name":"ann"}}' {origin}/lobby
  The answer 201 comes when the message is safe on disk. A refusal says so and nothing is stored.
  Not sure whether it arrived? Send it again with the same key; it is stored once:
  curl -H 'Idempotency-Key: backup-2026-11-22' -d 'backup done' {origin}/lobby

READ
  curl {origin}/lobby                                    the last 50 messages
  curl '{origin}/lobby?limit=500'                        the last 500
  curl '{origin}/lobby?since=42'                         what came after message 42
  curl '{origin}/lobby?before=42'                        what came before it
  curl {origin}/lobby/42                                 message 42
  curl {origin}/rooms                                    the rooms, one a line

LISTEN
  curl -N '{origin}/lobby?follow=1'                      as text, until you press Ctrl-C
  curl -N '{origin}/lobby?follow=1&format=ndjson&since=42'   as JSON lines, from 43 on
  curl -N -H 'Accept: text/event-stream' {origin}/lobby  as server-sent events
  curl '{origin}/lobby?format=json&since=42&wait=25'     one long-poll
  A WebSocket on the same address is live too: one JSON event a frame; send {{"op":"send","text":"hello"}}.

SIGN IN
  Everybody is a guest, unless somebody has sent you an invitation: open its link, and from then on {origin}/login
  curl -u alice -d 'hello' {origin}/lobby                asks for your password
  curl -u alice {origin}/account                         who you are
  For a script make a token at {origin}/account and send it as Authorization: Bearer parlour_... or as that password.

FORMATS   format=text | html | json | ndjson | sse, or the Accept field
CURSORS   since=42, or since=k3f9.42 with the epoch: the same on every transport. Nothing is left out silently: what
          cannot be continued is answered 410, or with an item {{"type":"reset"}} in a stream.
MORE      {origin}/api  {origin}/api/v1/openapi.json  {origin}/limits  {origin}/readyz

LIMITS    a message has at most {text_bytes} bytes and {text_lines} lines

ERRORS    one line "error: ..." as text, application/problem+json to those who accept JSON
"""


class ServerResource(Resource):
    """The handlers of the server's own addresses."""

    @Operation(
        "GET",
        "/api/v1",
        "What this server is",
        id="getServer",
        help="Also a cheap way to learn the epoch and whether the server answers.",
        right=None,
        parameters=OnlyJson,
        answers=(Success(200, "The server.", ServerInfo),),
        example="{url}/api/v1",
    )
    async def describe(self, request: Request, options: OnlyJson) -> Response:
        """Name, version and epoch, and the addresses of the descriptions."""
        info = ServerInfo("parlour", self.context.version, self.context.store.epoch)
        return Response(body=msgspec.json.encode(info), content_type=JSON)

    @GET_LIMITS
    async def limits(self, request: Request, options: OnlyJson) -> Response:
        """The limits as JSON."""
        rows = limit_rows(self.context.limits)
        return Response(body=msgspec.json.encode({row.name: row.value for row in rows}), content_type=JSON)

    @GET_LIMITS.short("GET", "/limits", "The same as a list", parameters=None, example="{url}/limits")
    async def limits_as_text(self, request: Request) -> Response:
        """The limits as a list with an explanation of each, or as JSON."""
        if wants_json(request.field(b"accept")) or request.parameter("format") == "json":
            return await self.limits(request, OnlyJson())
        rows = limit_rows(self.context.limits)
        lines = [f"{row.name:<28} {row.value:>10g} {row.unit:<10} {row.help}\n" for row in rows]
        return Response(body="".join(lines).encode())

    @Operation("GET", "/help", "What a person with curl needs", right=None, example="{url}/help")
    async def help(self, request: Request) -> Response:
        """Everything a person with curl needs, with addresses as they can be used, and what each error means."""
        limits = self.context.limits
        text = _HELP.format(origin=request.base_url, text_bytes=limits.text_bytes, text_lines=limits.text_lines)
        errors = "".join([f"  {kind.status} {kind.code:<22} {kind.title}\n" for kind in ERRORS.values()])
        return Response(body=(text + errors).encode())

    @Operation(
        "GET",
        "/api/v1/openapi.json",
        "This document",
        id="getDescription",
        help="OpenAPI 3.1. It changes with the version of the server only.",
        right=None,
        parameters=OnlyJson,
        answers=(
            Success(200, "The document.", dict[str, Any], always=("ETag",)),
            Success(304, "`If-None-Match` names the document that the client has.", always=("ETag",)),
        ),
        example="{url}/api/v1/openapi.json",
    )
    async def document(self, request: Request, options: OnlyJson) -> Response:
        """The operations for programs."""
        body, etag = _document(self.operations, self.context.version, request.peer.prefix)
        if is_known(request.field(b"if-none-match"), etag):
            return Response(304, fields=((FieldName.ETAG, etag), VARY), cache=b"no-cache")
        return Response(body=body, content_type=JSON, fields=((FieldName.ETAG, etag),), cache=b"no-cache")

    @Operation("GET", "/api", "The operations for people", right=None, example="{url}/api")
    async def operations_page(self, request: Request) -> Response:
        """The operations for people."""
        return Response(body=reference(self.operations, request.base_url).encode())

    @Operation("GET", "/healthz", "The process lives", right=None, example="{url}/healthz")
    async def alive(self, request: Request) -> Response:
        """Answer 200 while the process lives."""
        return Response(body=b"ok\n")

    @Operation(
        "GET",
        "/readyz",
        "Messages can be stored",
        right=None,
        refusals=("draining", "storage_unavailable"),
        example="{url}/readyz",
    )
    async def ready(self, request: Request) -> Response:
        """Answer 200 while messages can be stored."""
        if self.context.draining():
            raise Refusal("draining", retry_after=1)
        if not self.context.store.is_ready():
            raise Refusal("storage_unavailable", "Messages cannot be stored now.", retry_after=5)
        return Response(body=b"ready\n")

    @Operation("GET", "/robots.txt", "Search engines keep out", right=None, example="{url}/robots.txt")
    async def robots(self, request: Request) -> Response:
        """Keep search engines away from conversations."""
        return Response(body=f"User-agent: *\nDisallow: {request.peer.prefix}/\n".encode(), cache=CACHED_FOR_A_DAY)


@lru_cache(maxsize=4)  # one for each prefix of a proxy
def _document(operations: tuple[Operation, ...], version: str, prefix: str) -> tuple[bytes, bytes]:
    """The OpenAPI document and its entity tag."""
    body = msgspec.json.encode(describe(operations, version, prefix))
    return body, b'W/"%b"' % sha256(body).hexdigest()[:20].encode()
