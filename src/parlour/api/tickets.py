"""Tickets for streams: what a page or a program gives to a client that can send no header field."""

from __future__ import annotations

from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.resource import Resource
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.event_json import at_text
from parlour.schema.json_line import encode
from parlour.schema.people import TicketInfo


class TicketsResource(Resource):
    """The handler of tickets."""

    @Operation(
        "POST",
        "/api/v1/tickets",
        "Make a ticket for a stream",
        id="makeTicket",
        help="For an `EventSource` or a `WebSocket` that can send neither cookie nor header field: `?ticket=…` in the "
        "address of a stream or WebSocket says who asks, once, within 30 seconds. It has the account, the scopes and "
        "the rooms of what makes it, and ends with that, and so does the stream.",
        right="ticket",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(201, "The ticket.", TicketInfo),),
        example="-u alice -X POST {url}/api/v1/tickets",
    )
    async def make(self, request: Request, _: OnlyJson) -> Response:
        """A new ticket."""
        made = await self.context.tickets.make(request.actor)
        return Response(201, encode(TicketInfo(made.secret, at_text(made.expires_ms))), JSON)
