"""Rooms: which there are, and the extent of the log of one."""

from __future__ import annotations

from parlour.api.operation import Link, Operation, Success
from parlour.api.parameters import DEFAULT_LIMIT, JsonOfRoom, Limit, OnlyJson
from parlour.api.resource import Resource
from parlour.chat.new_rooms import LOOKED_AT
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.pages import RoomInfo, RoomList

NEWER = Link(
    "getMessages",
    {"room": "$response.body#/room", "since": "{$response.body#/epoch}.{$response.body#/head_seq}"},
    "What comes after the newest event.",
)


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
        tag="rooms",
        help="Most recently active first.",
        right="read",
        rate="reading",
        parameters=ListOptions,
        answers=(
            Success(
                200,
                "The rooms.",
                RoomList,
                links={
                    "room": Link("getRoom", {"room": "$response.body#/rooms/0/room"}, "The most recently active room."),
                    "messages": Link("getMessages", {"room": "$response.body#/rooms/0/room"}, "What was said in it."),
                },
            ),
        ),
        refusals=("storage_unavailable",),
        example="{url}/api/v1/rooms",
    )
    async def list(self, request: Request, options: ListOptions) -> Response:
        """Rooms with events, most recently active first."""
        bill = self._guard.bill(request)
        limit, epoch = options.limit or DEFAULT_LIMIT, self._context.store.epoch
        found = await self._context.door.rooms(self._guard.actor(request), LOOKED_AT)  # more than are ever shown
        began = bill.began()
        found = self._context.new_rooms.listed(found)
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
        tag="rooms",
        help="A room nobody has spoken in reads as an empty log: `head_seq` is 0.",
        right="read",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "The room.", RoomInfo, links={"newer": NEWER}),),
        refusals=("not_found", "storage_unavailable"),
        example="{url}/api/v1/rooms/lobby",
    )
    async def describe(self, request: Request, options: JsonOfRoom) -> Response:
        """The extent of a room's log."""
        log = await self._context.door.extent(self._guard.actor(request), options.room)
        info = RoomInfo(options.room, self._context.store.epoch, log.first_seq, log.head_seq)
        return Response(body=encode(info), content_type=JSON)
