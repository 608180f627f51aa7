"""Rooms: which there are, what they are, and making and changing them."""

from __future__ import annotations

from parlour.api.bodies import read_json
from parlour.api.messages import room_path
from parlour.api.operation import Operation, Success
from parlour.api.parameters import DEFAULT_LIMIT, JsonOfRoom, Limit, OnlyJson
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.new_rooms import LOOKED_AT
from parlour.chat.rooms import right_to_change
from parlour.core.actor import Actor
from parlour.core.event import Log
from parlour.core.payloads import Settings
from parlour.core.permissions import Right
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.rooms import ChangeRoom, CreateRoom, RoomInfo, RoomList

NEWER = {"room": "$response.body#/room", "since": "{$response.body#/epoch}.{$response.body#/head_seq}"}
"""For a link to what comes after the newest event."""


_FIRST = {"room": "$response.body#/rooms/0/room"}
_MADE = {"getRoom": {"room": "$response.body#/room"}}


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
        help="Most recently active first: the public ones, and the private ones that you are in.",
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
        limit = options.limit or DEFAULT_LIMIT
        found = await self.context.door.rooms(request.actor, LOOKED_AT)  # more than are ever shown
        began = bill.began()
        found = self.context.new_rooms.listed(found)
        rooms = [self._info(request.actor, room.room, room.log, room.active_at) for room in found[:limit]]
        body = encode(RoomList(rooms, len(found) > limit))
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/rooms",
        "Make a room",
        id="createRoom",
        help="You own it. A `private` one is for its members alone: its address begins with `~`, has some random "
        "letters, and answers 404 to everybody else. Public rooms are also made by the first message to them.",
        right="create",
        parameters=OnlyJson,
        body=CreateRoom,
        answers=(Success(201, "The room.", RoomInfo, always=("Location",), links=_MADE),),
        refusals=(*JSON_BODY, "forbidden", "bad_room_name", "reserved_name", "name_taken", "bad_text", *DISK),
        example='-u alice --json \'{"title":"Leads","access":"private"}\' {url}/api/v1/rooms',
    )
    async def create(self, request: Request, _: OnlyJson) -> Response:
        """A new room."""
        body = read_json(request, CreateRoom)
        settings = settings_of(body, None)
        made = await self.context.rooms.create(request.actor, body.room, settings)
        info = await self._now(request.actor, made.room)
        return Response(201, encode(info), JSON, ((FieldName.LOCATION, room_path(request.peer.prefix, made.room)),))

    @Operation(
        "GET",
        "/api/v1/rooms/{room}",
        "What a room is, and the extent of its log",
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
        """Describe a room."""
        return Response(body=encode(await self._now(request.actor, options.room)), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/rooms/{room}",
        "Change what a room is",
        id="changeRoom",
        help="For its owners, and for those who run the server. Answered when it is on disk: from that event on guests "
        "post nothing in a closed room and are shown nothing of it, and nobody adds to an archived one. Moderators "
        "change `read_only` (which locks a room) and `slow_s` too, if they send nothing else.",
        right="restrict",
        parameters=JsonOfRoom,
        body=ChangeRoom,
        answers=(Success(200, "What is in force.", RoomInfo),),
        refusals=(*JSON_BODY, "not_found", "forbidden", "bad_text", *DISK),
        example='--unix-socket {data}/operator.sock -X PATCH --json \'{"access":"open"}\' {url}/api/v1/rooms/lobby',
    )
    async def change(self, request: Request, options: JsonOfRoom) -> Response:
        """Title, topic, who may use it, and whether it is archived."""
        body = read_json(request, ChangeRoom)
        settings = settings_of(body, body.archived)
        await self.context.rooms.change(request.actor, options.room, settings)
        right = right_to_change(settings)
        return Response(body=encode(await self._now(request.actor, options.room, right)), content_type=JSON)

    async def _now(self, actor: Actor, room: str, right: Right = "read") -> RoomInfo:
        return self._info(actor, room, await self.context.door.extent(actor, room, right))

    def _info(self, actor: Actor, room: str, log: Log, active_at: str | None = None) -> RoomInfo:
        account = None if actor.account is None else actor.account.id
        directs = self.context.directs
        policy = directs.policy(account, room)
        return RoomInfo(
            directs.address(account, room),
            self.context.store.epoch,
            max(log.first_seq, self.context.policies.first_seq(actor, room)),
            log.head_seq,
            policy.access,
            active_at,
            policy.title,
            policy.topic,
            policy.is_archived,
            policy.is_read_only,
            policy.history,
            policy.slow_s,
            policy.links,
            policy.words,
            policy.seq,
            len(policy.members),
            policy.role_of(account),
        )


def settings_of(body: CreateRoom | ChangeRoom, archived: bool | None) -> Settings:
    """The settings in the body of a request for a room."""
    return Settings(
        access=body.access,
        title=body.title,
        topic=body.topic,
        archived=archived,
        read_only=body.read_only,
        history=body.history,
        slow_s=body.slow_s,
        links=body.links,
        words=None if body.words is None else tuple(body.words),
    )
