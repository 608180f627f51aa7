"""The address of a room as a picture that a phone reads."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from msgspec import Struct

from parlour.api.operation import Operation
from parlour.api.parameters import ROOM
from parlour.api.resource import Resource
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.ui.qr import qr_file

_SVG = b"image/svg+xml"


class QrOptions(Struct, frozen=True, kw_only=True):
    """The room whose address the code holds."""

    room: Annotated[str, ROOM, "The room."]


class RoomQrResource(Resource):
    """The handler of the picture."""

    @Operation(
        "GET",
        "/rooms/{room}/qr",
        "The address of a room as a QR code",
        right="read",
        rate="reading",
        parameters=QrOptions,
        refusals=("not_found", "storage_unavailable"),
        example="{url}/rooms/lobby/qr",
    )
    async def picture(self, request: Request, options: QrOptions) -> Response:
        """An SVG, which says what the address line of a browser says in that room, and lets nobody in."""
        await self.context.door.extent(request.actor, options.room, "read")
        body = qr_file(f"{request.base_url}/{quote(options.room, safe='')}")
        return Response(body=body, content_type=_SVG, cache=b"private, max-age=3600")
