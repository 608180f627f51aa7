"""The people who have a room open now."""

from __future__ import annotations

from parlour.api.direct import shown
from parlour.api.operation import Operation, Success
from parlour.api.parameters import JsonOfRoom
from parlour.api.resource import Resource
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.presence import PeopleHere


class PresenceResource(Resource):
    """The handler of who is here."""

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/presence",
        "Who is in a room now",
        id="getPresence",
        help="Everybody who has a stream or a page of the room open, at most 50 of them, and how many there are. "
        "Accounts that do not want to be shown are not counted. It is about this moment, and may be late by seconds.",
        right="read",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "Who is here.", PeopleHere),),
        refusals=("not_found", "storage_unavailable"),
        example="{url}/api/v1/rooms/lobby/presence",
    )
    async def here(self, request: Request, options: JsonOfRoom) -> Response:
        """The people with a connection to the room."""
        await self.context.door.extent(request.actor, options.room, "read")
        await self.context.presences.ask_others(options.room)
        bill = self.guard.bill(request)
        began = bill.began()
        roll = self.context.presences.here(options.room)
        body = encode(PeopleHere(shown(self.context, request, options.room), roll.number, roll.people))
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)
