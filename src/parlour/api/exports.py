"""A whole room as a file: text, HTML or JSON lines."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from msgspec import Struct

from parlour.api.direct import shown
from parlour.api.messages import room_path
from parlour.api.operation import Operation, Success
from parlour.api.parameters import ROOM, Format, formats
from parlour.api.resource import Resource
from parlour.core.cursor import Cursor
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import HTML, NDJSON, TEXT, OpenResponse
from parlour.stream.export import EXPORTS, HTML_END, html_begin
from parlour.stream.live import Start

_TYPES = {"text": (TEXT, "txt"), "ndjson": (NDJSON, "jsonl"), "html": (HTML, "html")}

_POLICY = b"sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""Of a file that a browser opens instead of storing it: it runs nothing, and belongs to no site."""


class ExportOptions(Struct, frozen=True, kw_only=True):
    """The room to export as JSON lines."""

    room: Annotated[str, ROOM, "The room."]
    format: Annotated[Format, formats("ndjson"), "May say what is answered anyway, instead of `Accept`."] = "ndjson"


class FileOptions(Struct, frozen=True, kw_only=True):
    """The same in every format."""

    room: Annotated[str, ROOM, "The room."]
    format: Annotated[Format, formats("text", "html", "ndjson"), "The format, instead of `Accept`."] = "text"


EXPORT = Operation(
    "GET",
    "/api/v1/rooms/{room}/export",
    "A whole room as a file",
    id="exportRoom",
    help="Every event that you may read, from the first to the newest, as JSON lines, written as you take them. A file "
    "that could not be written to its end is cut off.",
    right="read",
    rate="reading",
    parameters=ExportOptions,
    answers=(
        Success(
            *(200, "The file.", str, "application/x-ndjson"),
            also=("text/plain", "text/html"),
            always=("Content-Disposition",),
        ),
    ),
    refusals=("not_found", "storage_unavailable"),
    example="-u alice {url}/api/v1/rooms/lobby/export",
)


class ExportsResource(Resource):
    """The handlers of files."""

    @EXPORT.short(
        "GET",
        "/rooms/{room}/export",
        "The same as text, HTML or JSON lines",
        parameters=FileOptions,
        example="-u alice '{url}/rooms/lobby/export?format=html'",
    )
    @EXPORT
    async def export(self, request: Request, options: ExportOptions | FileOptions) -> OpenResponse:
        """The file, as it is made."""
        with self.guard.place(request) as place:
            channel = await self.context.door.open(request.actor, options.room, "read")
            type_, ending = _TYPES[options.format]
            first, last = b"", b""
            room, account = shown(self.context, request, options.room), request.actor.account
            if options.format == "html":
                policy = self.context.directs.policy(None if account is None else account.id, options.room)
                title, address = policy.title or room, request.origin + room_path(request.peer.prefix, room).decode()
                first, last = html_begin(title, address), HTML_END
            start = Start(Cursor(None, self.context.door.first_seq(request.actor, channel) - 1))
            reply = self.streams.export(request, channel, EXPORTS[options.format], start, place, first, last)
            name = quote(f"{room.strip('~@')}.{ending}", safe="")
            said = f"attachment; filename*=UTF-8''{name}".encode()
            reply.content_type = type_
            reply.fields = (
                (FieldName.CONTENT_DISPOSITION, said),
                (FieldName.CONTENT_SECURITY_POLICY, _POLICY),
            )
            return reply
