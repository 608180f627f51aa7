"""Rooms: which there are, and the extent of the log of one."""

from __future__ import annotations

from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import DEFAULT_LIMIT, JsonOfRoom, Limit, OnlyJson
from parlour.api.resource import Resource
from parlour.chat.new_rooms import LOOKED_AT
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.commands import ChangeSettings
from parlour.schema.json_line import encode
from parlour.schema.pages import RoomInfo, RoomList, RoomSettings

NEWER = {"room": "$response.body#/room", "since": "{$response.body#/epoch}.{$response.body#/head_seq}"}
"""For a link to what comes after the newest event."""


_FIRST = {"room": "$response.body#/rooms/0/room"}


class ListOptions(OnlyJson, frozen=True, kw_only=True):
    """How much of the list is wanted."""

    limit: Limit = None


class RoomsResource(Resource):
    """The handlers of rooms."""

    @Operation(
        "GET",
        "/api/v1/rooms",
        "The rooms that have events",
        id="getRooms",
        help="Most recently active first.",
        right="read",
        rate="reading",
        parameters=ListOptions,
        answers=(Success(200, "The rooms.", RoomList, links={"getRoom": _FIRST, "getMessages": _FIRST}),),
        refusals=("storage_unavailable",),
        example="{url}/api/v1/rooms",
    )
    async def list(self, request: Request, options: ListOptions) -> Response:
        """Rooms with events, most recently active first."""
        bill = self.guard.bill(request)
        limit, epoch = options.limit or DEFAULT_LIMIT, self.context.store.epoch
        found = await self.context.door.rooms(request.actor, LOOKED_AT)  # more than are ever shown
        began = bill.began()
        found = self.context.new_rooms.listed(found)
        rooms = [
            RoomInfo(room.room, epoch, room.log.first_seq, room.log.head_seq, room.active_at) for room in found[:limit]
        ]
        body = encode(RoomList(rooms, len(found) > limit))
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)

    @Operation(
        "GET",
        "/api/v1/rooms/{room}",
        "The extent of a room's log",
        id="getRoom",
        help="A room nobody has spoken in reads as an empty log: `head_seq` is 0.",
        right="read",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "The room.", RoomInfo, links={"getMessages": NEWER}),),
        refusals=("not_found", "storage_unavailable"),
        example="{url}/api/v1/rooms/lobby",
    )
    async def describe(self, request: Request, options: JsonOfRoom) -> Response:
        """The extent of a room's log."""
        log = await self.context.door.extent(request.actor, options.room)
        info = RoomInfo(options.room, self.context.store.epoch, log.first_seq, log.head_seq)
        return Response(body=encode(info), content_type=JSON)

    @Operation(
        "PUT",
        "/api/v1/rooms/{room}/settings",
        "Close a room to guests, or open it",
        id="putSettings",
        help="For those who run the server: through the operator's socket, or as the program that embeds it. "
        "Answered when it is on disk; guests post nothing after that event, and are shown nothing after it.",
        right="govern",
        parameters=JsonOfRoom,
        body=ChangeSettings,
        answers=(Success(200, "What is in force.", RoomSettings),),
        refusals=(
            *("not_found", "bad_json", "bad_utf8", "unsupported_media_type"),
            *("outcome_unknown", "draining", "storage_unavailable", "storage_full"),
        ),
        example="--unix-socket {data}/operator.sock"
        ' -X PUT --json \'{"access":"open"}\' {url}/api/v1/rooms/lobby/settings',
    )
    async def set_settings(self, request: Request, options: JsonOfRoom) -> Response:
        """Who may use a room."""
        access = read_json(request, ChangeSettings).access
        policy = await self.context.closing.set_access(request.actor, options.room, access)
        return Response(body=encode(RoomSettings(options.room, policy.access, policy.seq)), content_type=JSON)
