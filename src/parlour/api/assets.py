"""The files of the web page."""

from __future__ import annotations

from parlour.api.operation import Operation
from parlour.api.resource import Resource
from parlour.api.server import CACHED_FOR_A_DAY
from parlour.core.errors import Refusal
from parlour.http.compression import VARY
from parlour.http.fields import FieldName, Fields
from parlour.http.negotiate import choose_coding, is_known, weak
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.ui.assets import ASSETS, asset_url

_IMMUTABLE = b"public, max-age=31536000, immutable"
_REVALIDATED = b"no-cache"


class AssetsResource(Resource):
    """The handlers of files."""

    @Operation(
        "GET",
        "/static/{file}",
        "A file of the web page",
        right=None,
        refusals=("not_found",),
        example="{url}/static/icon.svg",
    )
    async def file(self, request: Request) -> Response:
        """A file; its address carries its hash, so it never changes."""
        name = request.params["file"]
        asset = ASSETS.get(name)
        is_current = asset is not None and request.query_string == b"v=" + asset.version.encode()
        # During an update an old address (of a page that came just before) gets the new content, which works, but
        # must not be tied to it for a year.
        return _file(request, name, _IMMUTABLE if is_current else _REVALIDATED)

    @Operation("GET", "/favicon.ico", "The icon", right=None, example="{url}/favicon.ico")
    async def icon(self, request: Request) -> Response:
        """The icon that every browser asks for, as SVG."""
        return _file(request, "icon.svg", CACHED_FOR_A_DAY)

    @Operation("GET", "/manifest.webmanifest", "The page as app", right=None, example="-L {url}/manifest.webmanifest")
    async def manifest(self, request: Request) -> Response:
        """The address of the manifest: it is among the other files, and names its neighbours from there."""
        place = request.peer.prefix + asset_url("manifest.webmanifest")
        return Response(308, fields=((FieldName.LOCATION, place.encode()),), cache=_REVALIDATED)


def _file(request: Request, name: str, cache: bytes) -> Response:
    asset = ASSETS.get(name)
    if asset is None:
        raise Refusal("not_found", "There is no such file.")
    etag, body = f'"{asset.version}"'.encode(), asset.body
    fields: Fields = ()
    if asset.encoded:
        fields = (VARY,)
        coding = choose_coding(request.field(b"accept-encoding"), tuple(asset.encoded))
        if coding is not None:
            etag, body = weak(etag), asset.encoded[coding]
            fields += ((FieldName.CONTENT_ENCODING, coding.encode()),)
    fields += ((FieldName.ETAG, etag),)
    if is_known(request.field(b"if-none-match"), etag):
        return Response(304, fields=fields, cache=cache)
    return Response(body=body, content_type=asset.content_type.encode(), fields=fields, cache=cache)
