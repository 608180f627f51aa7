"""The address `/`: a page, the help or the server, by the kind of client."""

from __future__ import annotations

from parlour.api.forms import see_other
from parlour.api.history import HistoryResource, RoomOptions
from parlour.api.messages import room_path
from parlour.api.operation import GONE, Operation
from parlour.api.parameters import OnlyJson, Parameters
from parlour.api.server import ServerResource
from parlour.core.errors import Refusal
from parlour.core.typed_room import room_as_typed
from parlour.http.fields import FieldName
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.http.response import Reply, Response

_OF_JSON = Parameters(OnlyJson, "/")
_OF_LOBBY = Parameters(RoomOptions, "/")


class FrontResource(HistoryResource, ServerResource):
    """The handler of `/`, which answers as the addresses of a room and of the server do."""

    @Operation(
        "GET",
        "/",
        "The lobby for browsers, help for curl, the server for programs; with `?room=` the way to a room",
        right="read",
        refusals=("bad_parameter", "not_acceptable", "bad_room_name", "rate_limited", *GONE),
        example="{url}/",
    )
    async def home(self, request: Request) -> Reply:
        """The lobby, the help or the server."""
        typed = request.parameter("room")
        chosen = choose(accepted(request.head), ("text", "html", "json"))
        if typed is not None:
            return self._go(request, typed, as_page=chosen == "html")
        guest = request.actor.guest_pass
        if chosen == "html" and guest is not None and (rooms := self.context.policies.rooms_of(guest.id)):
            return see_other(request, room_path("", min(rooms)).decode())
        if chosen == "html":
            options = _OF_LOBBY(request)
            self.guard.limit_reading(request)  # here, since `/` is not always read
            return await self.room(request, options)
        if chosen == "json":
            return await self.describe(request, _OF_JSON(request))
        return await self.help(request)

    def _go(self, request: Request, typed: str, *, as_page: bool) -> Response:
        """The way to another room; a person whose words are no room's name gets them back, to correct them."""
        prefix = request.peer.prefix
        try:
            room = room_as_typed(typed, request.origin, prefix)
        except Refusal as refusal:
            if not as_page:
                raise
            return self.pages.error(refusal, b"/", prefix, is_read=True, typed=typed)
        return Response(303, fields=((FieldName.LOCATION, room_path(prefix, room)),))
