"""What the server says about itself: help, limits, health, and the files of the web page."""

from __future__ import annotations

import msgspec

from parlour.api.context import Context
from parlour.api.help import help_text
from parlour.api.pages import room_location
from parlour.api.reading import parse_api_reading
from parlour.core.errors import Refusal
from parlour.core.limits import limit_rows
from parlour.http.codings import choose_coding
from parlour.http.compression import VARY
from parlour.http.fields import FieldName, Fields
from parlour.http.negotiate import wants_json
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.http.validators import is_known, weak
from parlour.schema.server import ServerInfo
from parlour.ui.assets import ASSETS, asset_url

_IMMUTABLE = b"public, max-age=31536000, immutable"
_REVALIDATED = b"no-cache"
_FOR_A_DAY = b"public, max-age=86400"


class Info:
    """The handlers that are not about rooms."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def help(self, request: Request) -> Response:
        """`GET /help`: the page a curl user needs."""
        return Response(body=help_text(request.base_url, self._context.limits).encode())

    async def limits(self, request: Request) -> Response:
        """`GET /limits`: every limit in force."""
        if wants_json(request.field(b"accept")) or request.parameter("format") == "json":
            return self._limits_json()
        rows = limit_rows(self._context.limits)
        lines = [f"{row.name:<28} {row.value:>10g} {row.unit:<10} {row.help}\n" for row in rows]
        return Response(body="".join(lines).encode())

    async def api_limits(self, request: Request) -> Response:
        """`GET /api/v1/limits`."""
        parse_api_reading(request)
        return self._limits_json()

    def _limits_json(self) -> Response:
        rows = limit_rows(self._context.limits)
        return Response(body=msgspec.json.encode({row.name: row.value for row in rows}), content_type=JSON)

    async def alive(self, request: Request) -> Response:
        """`GET /healthz`: the process lives."""
        return Response(body=b"ok\n")

    async def ready(self, request: Request) -> Response:
        """`GET /readyz`: messages can be stored."""
        if self._context.draining():
            raise Refusal("draining", retry_after=1)
        if not self._context.store.is_ready():
            raise Refusal("storage_unavailable", "Messages cannot be stored now; reading works.", retry_after=5)
        return Response(body=b"ready\n")

    async def version(self, request: Request) -> Response:
        """`GET /api/v1`: what this is, and where the rest is described."""
        parse_api_reading(request)
        body = ServerInfo("parlour", self._context.version, self._context.store.epoch)
        return Response(body=msgspec.json.encode(body), content_type=JSON)

    async def asset(self, request: Request) -> Response:
        """`GET /static/<file>`: a file of the web page; its address carries its hash, so it never changes."""
        name = request.params["file"]
        asset = ASSETS.get(name)
        is_current = asset is not None and request.query_string == b"v=" + asset.version.encode()
        # During an update an old address (of a page that came just before) gets the new content, which works, but
        # must not be tied to it for a year.
        return self._asset(request, name, _IMMUTABLE if is_current else _REVALIDATED)

    async def icon(self, request: Request) -> Response:
        """`GET /favicon.ico`: browsers ask for it unbidden; an SVG will do."""
        return self._asset(request, "icon.svg", _FOR_A_DAY)

    async def manifest(self, request: Request) -> Response:
        """`GET /manifest.webmanifest`: it is among the other files, and names its neighbours from there."""
        place = request.peer.prefix + asset_url("manifest.webmanifest")
        return Response(308, fields=((FieldName.LOCATION, place.encode()),), cache=_REVALIDATED)

    async def robots(self, request: Request) -> Response:
        """`GET /robots.txt`: conversations are not for search engines."""
        return Response(body=f"User-agent: *\nDisallow: {request.peer.prefix}/\n".encode(), cache=_FOR_A_DAY)

    async def go(self, request: Request) -> Response:
        """`GET /?room=NAME`: the form that leads to another room."""
        room = request.parameter("room") or ""
        location = room_location(room, request.origin, request.peer.prefix)
        return Response(303, fields=((FieldName.LOCATION, location),))

    def _asset(self, request: Request, name: str, cache: bytes) -> Response:
        asset = ASSETS.get(name)
        if asset is None:
            raise Refusal("not_found", "There is no such file.")
        etag, body = f'"{asset.version}"'.encode(), asset.body
        fields: Fields = ()
        if asset.encoded:
            fields = (VARY,)
            coding = choose_coding(request.field(b"accept-encoding"), asset.encoded)
            if coding is not None:
                etag, body = weak(etag), asset.encoded[coding]
                fields += ((FieldName.CONTENT_ENCODING, coding.encode()),)
        fields += ((FieldName.ETAG, etag),)
        if is_known(request.field(b"if-none-match"), etag):
            return Response(304, fields=fields, cache=cache)
        return Response(body=body, content_type=asset.content_type.encode(), fields=fields, cache=cache)
