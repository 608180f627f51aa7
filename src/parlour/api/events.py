"""One event of a room, at an address that stays."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from parlour.api.direct import shown, shown_events
from parlour.api.history import RoomOptions
from parlour.api.messages import room_path
from parlour.api.operation import Operation, Success
from parlour.api.pages import in_slices
from parlour.api.parameters import DEFAULT_LIMIT, Format, JsonOfRoom, ParameterKind, formats
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.hub.channel import Channel
from parlour.schema.events import Event, decode_event
from parlour.stream.encoding import stored_line


def _event_number(text: str, _: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SEQ:
        raise Refusal("not_found", "Below a room there are its events, by number: /lobby/42.")
    return int(text)


_NUMBER = re.compile("[1-9][0-9]{0,10}", re.ASCII)
EVENT = ParameterKind(Annotated[int, Meta(ge=1, le=MAX_SEQ)], _event_number, ("not_found",))


class EventOptions(JsonOfRoom, frozen=True, kw_only=True):
    """The place of one event."""

    item: Annotated[int, EVENT, "The number of the event, its `seq`."]


class ShortEventOptions(RoomOptions, frozen=True, kw_only=True):
    """The same at the short address; those of the room are allowed too, and mean nothing."""

    item: Annotated[int, EVENT, "The number of the event, its `seq`."]
    format: Annotated[Format, formats("text", "html", "json"), "The format, instead of `Accept`."] = "text"


GETEVENT = Operation(
    "GET",
    "/api/v1/rooms/{room}/messages/{item}",
    "One event",
    id="getEvent",
    right="read",
    rate="reading",
    parameters=EventOptions,
    answers=(Success(200, "The event.", Event, links={"getRoom": {"room": "$response.body#/room"}}),),
    refusals=("gone", "storage_unavailable"),
    example="{url}/api/v1/rooms/lobby/messages/1",
)


DELETE_MESSAGE = Operation(
    "DELETE",
    "/api/v1/rooms/{room}/messages/{item}",
    "Delete a message",
    id="deleteMessage",
    help="Your own, or as a moderator of the room anybody's. What it said is removed from all that the server shows "
    "and keeps: a `redacted` event with the same number stays in its place, and a `redaction` event, whose "
    "`ref` is that number, tells readers. A guest needs the cookie that the message was written with. A repeat is "
    "answered the same.",
    right="post",
    rate="reading",
    parameters=EventOptions,
    answers=(Success(204, "It is gone, and that is on disk."),),
    refusals=("not_found", "gone", "forbidden", "read_only", *DISK),
    example="-u alice -X DELETE {url}/api/v1/rooms/lobby/messages/2",
)


def _newest(channel: Channel) -> str:
    return f"the newest is {channel.head}" if channel.head else "the room is empty"


class EventsResource(Resource):
    """The handlers of single events."""

    @DELETE_MESSAGE
    @DELETE_MESSAGE.short(
        "DELETE",
        "/{room}/{item}",
        "Delete a message",
        parameters=EventOptions,
        example="-u alice -X DELETE {url}/lobby/3",
    )
    async def delete(self, request: Request, options: EventOptions) -> Response:
        """A message is deleted."""
        await self._delete(request, options)
        return Response(204)

    @Operation(
        "POST",
        "/{room}/{item}/delete",
        "The form that deletes a message",
        right="post",
        rate="reading",
        parameters=EventOptions,
        refusals=("not_found", "gone", "forbidden", "read_only", *DISK),
        example="-u alice -X POST {url}/lobby/4/delete",
    )
    async def delete_by_form(self, request: Request, options: EventOptions) -> Response:
        """The same for browsers; then the room."""
        await self._delete(request, options)
        path = room_path(request.peer.prefix, shown(self.context, request, options.room))
        return Response(303, fields=((FieldName.LOCATION, path),))

    async def _delete(self, request: Request, options: EventOptions) -> None:
        channel = await self.context.door.open(request.actor, options.room, "read")
        try:
            event = await self._found(request, channel, options.item)
        finally:
            channel.release()
        by = decode_event(event.json).by
        await self.context.redactions.redact(request.actor, options.room, event.seq, event.type, by)

    async def _found(self, request: Request, channel: Channel, seq: int) -> Stored:
        """Raises Refusal("not_found"), ("gone"), …"""
        if seq > channel.head:
            raise Refusal("not_found", f"There is no event {seq} yet: {_newest(channel)}.")
        return await self.context.door.event(request.actor, channel, seq)

    @GETEVENT
    @GETEVENT.short(
        "GET", "/{room}/{item}", "The permanent link of an event", parameters=ShortEventOptions, example="{url}/lobby/1"
    )
    async def event(self, request: Request, options: EventOptions | ShortEventOptions) -> Response:
        """One event; for browsers the page around it."""
        bill = self.guard.bill(request)
        actor, door = request.actor, self.context.door
        room, seq = options.room, options.item
        channel = await door.open(actor, room, "read")
        try:
            if seq > channel.head:  # also where only its place in a page is asked for
                raise Refusal("not_found", f"There is no event {seq} yet: {_newest(channel)}.")
            if seq < (first := door.first_seq(actor, channel)):
                raise Refusal("gone", f"The log of this room begins at {first}.")
            if options.format == "html":
                # The page around it, scrolled to it: only a redirect can name a place in a page.
                before = seq + DEFAULT_LIMIT // 2
                around = "" if before > channel.head else f"?before={before}"
                path = room_path(request.peer.prefix, shown(self.context, request, room))
                place = b"%b%b#m%d" % (path, around.encode(), seq)
                return Response(303, fields=((FieldName.LOCATION, place),))
            (event,) = shown_events(self.context, request, room, [await self._found(request, channel, seq)])
            if options.format == "json":
                return Response(body=event.json + b"\n", content_type=JSON)
            return Response(body=await in_slices(map(stored_line, [event]), [event], bill, self.context.hub))
        finally:
            channel.release()
