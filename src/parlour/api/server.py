"""The server itself: its name and version, limits, help, and health."""

from __future__ import annotations

import msgspec

from parlour.api.help import help_text
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.resource import Resource
from parlour.core.errors import Refusal
from parlour.core.limits import limit_rows
from parlour.http.negotiate import wants_json
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.server import ServerInfo

CACHED_FOR_A_DAY = b"public, max-age=86400"

GET_LIMITS = Operation(
    "GET",
    "/api/v1/limits",
    "Every limit in force",
    id="getLimits",
    tag="server",
    help="Bytes, characters, seconds and counts; the last word of a name is the unit.",
    right=None,
    parameters=OnlyJson,
    answers=(Success(200, "The limits by name.", dict[str, float]),),
    example="{url}/api/v1/limits",
)


class ServerResource(Resource):
    """The handlers of the server's own addresses."""

    @Operation(
        "GET",
        "/api/v1",
        "What this server is",
        id="getServer",
        tag="server",
        help="Also a cheap way to learn the epoch and whether the server answers.",
        right=None,
        parameters=OnlyJson,
        answers=(Success(200, "The server.", ServerInfo),),
        example="{url}/api/v1",
    )
    async def describe(self, request: Request, options: OnlyJson) -> Response:
        """Name, version and epoch, and the addresses of the descriptions."""
        info = ServerInfo("parlour", self._context.version, self._context.store.epoch)
        return Response(body=msgspec.json.encode(info), content_type=JSON)

    @GET_LIMITS
    async def limits(self, request: Request, options: OnlyJson) -> Response:
        """The limits as JSON."""
        rows = limit_rows(self._context.limits)
        return Response(body=msgspec.json.encode({row.name: row.value for row in rows}), content_type=JSON)

    @GET_LIMITS.short("GET", "/limits", "The same as a list", parameters=None, example="{url}/limits")
    async def limits_as_text(self, request: Request) -> Response:
        """The limits as a list with an explanation of each, or as JSON."""
        if wants_json(request.field(b"accept")) or request.parameter("format") == "json":
            return await self.limits(request, OnlyJson())
        rows = limit_rows(self._context.limits)
        lines = [f"{row.name:<28} {row.value:>10g} {row.unit:<10} {row.help}\n" for row in rows]
        return Response(body="".join(lines).encode())

    @Operation("GET", "/help", "What a person with curl needs", right=None, example="{url}/help")
    async def help(self, request: Request) -> Response:
        """The help."""
        return Response(body=help_text(request.base_url, self._context.limits).encode())

    @Operation("GET", "/healthz", "The process lives", right=None, example="{url}/healthz")
    async def alive(self, request: Request) -> Response:
        """That the process lives."""
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
        """That messages can be stored."""
        if self._context.draining():
            raise Refusal("draining", retry_after=1)
        if not self._context.store.is_ready():
            raise Refusal("storage_unavailable", "Messages cannot be stored now; reading works.", retry_after=5)
        return Response(body=b"ready\n")

    @Operation("GET", "/robots.txt", "Search engines keep out", right=None, example="{url}/robots.txt")
    async def robots(self, request: Request) -> Response:
        """That conversations are not for search engines."""
        return Response(body=f"User-agent: *\nDisallow: {request.peer.prefix}/\n".encode(), cache=CACHED_FOR_A_DAY)
