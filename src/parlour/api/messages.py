"""Sending: all addresses that take a message, from programs, curl and browsers without scripts."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote

from parlour.api.bodies import DEFAULT_ROOM, BodyFormat, SendOptions, body_format, json_body_format, read_message
from parlour.api.direct import shown, shown_events
from parlour.api.guard import NAME_COOKIE, set_cookie
from parlour.api.operation import GONE, Operation, Success
from parlour.api.pages import Refused
from parlour.api.parameters import DEFAULT_LIMIT, KEY, ROOM
from parlour.api.resource import Resource
from parlour.core.errors import Refusal
from parlour.core.event import Answer
from parlour.core.names import PRIVATE
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Request
from parlour.http.response import JSON, TEXT, DeferredResponse, Response
from parlour.schema.commands import PostMessage, SendMessage
from parlour.schema.event_json import json_under_name
from parlour.schema.events import Event

_LOCATION = FieldName.LOCATION  # looked up once: every message takes it


class RoomSendOptions(SendOptions, frozen=True, kw_only=True):
    """The same where the address names the room."""

    room: Annotated[str, ROOM, "The room."]


class PutOptions(RoomSendOptions, frozen=True, kw_only=True):
    """The same where the address ends with the key."""

    item: Annotated[str, KEY, "The idempotency key."]


POST_MESSAGE = Operation(
    "POST",
    "/api/v1/rooms/{room}/messages",
    "Say something",
    id="postMessage",
    help="Answered when the message is on disk, and shown to nobody before that. With a key the request may be "
    "repeated until it is answered. The room comes into being with its first message.",
    right="post",
    rate="sending",
    parameters=RoomSendOptions,
    body=PostMessage,
    answers=(
        Success(
            201,
            "The message is on disk. The body is the event as every reader sees it; a repeat gets the same answer.",
            Event,
            always=("Location",),
            sometimes=("Idempotent-Replay",),
            links={"getEvent": {"room": "$response.body#/room", "item": "$response.body#/seq"}},
        ),
    ),
    refusals=(
        *("not_found", "bad_json", "bad_utf8", "bad_text", "blank_text", "text_too_long", "unsupported_media_type"),
        *("key_reused", "outcome_unknown", "draining", "storage_unavailable", "storage_full"),
    ),
    example='--json \'{"text":"Hi"}\' {url}/api/v1/rooms/lobby/messages',
)

PUT_MESSAGE = replace(
    POST_MESSAGE,
    method="PUT",
    path="/api/v1/rooms/{room}/messages/{item}",
    summary="Say something under a key",
    id="putMessage",
    help="The same as POST with the key in the path: repeat it until it is answered; it is stored once.",
    parameters=PutOptions,
    example='-X PUT --json \'{"text":"Hi"}\' {url}/api/v1/rooms/lobby/messages/build-1842-done',
)


IN_PATHS = "@+"
"""What the names of rooms have that stands for itself in a path (RFC 3986 §3.3)."""


@lru_cache(maxsize=4096)
def room_path(prefix: str, room: str) -> bytes:
    """The path of a room, percent-encoded (RFC 3986 §2.1), for a client that sees the server below `prefix`."""
    return f"{prefix}/{quote(room, safe=IN_PATHS)}".encode()


class Receipt(DeferredResponse):
    """The answer to a sender when the message is on disk: its address, and for programs the event itself."""

    __slots__ = ("_as_json", "_prefix", "name", "room")

    def __init__(self, room: str, as_json: bool, prefix: str) -> None:
        self.room = room
        self.name: str | None = None  # what the sender calls it, where that is something else
        self._prefix = prefix
        self._as_json = as_json

    def stored(self, answer: Answer) -> None:
        """Answer the sender."""
        if isinstance(answer, Refusal):
            self.answer(answer)
            return
        room, seq = self.name or self.room, answer.seq
        fields: Fields = ((_LOCATION, b"%b/%d" % (room_path(self._prefix, room), seq)),)
        if answer.replay:
            fields += ((FieldName.IDEMPOTENT_REPLAY, b"true"),)
        if self._as_json:
            json = answer.json if self.name is None else json_under_name(answer.json, self.room, self.name)
            self.answer(Response(201, json + b"\n", JSON, fields))
        else:
            self.answer(Response(201, f"{room}/{seq}\n".encode(), TEXT, fields))


class MessagesResource(Resource):
    """The handlers of sending. Those of programs are no coroutines: every message takes this path."""

    @POST_MESSAGE
    def post_json(self, request: Request, options: RoomSendOptions) -> Receipt:
        """JSON in, JSON out."""
        format_ = request.cached(json_body_format)
        return self._post(
            request, format_, read_message(request, format_, options, options.room, self.context.directs.room)
        )

    @PUT_MESSAGE
    def put_json(self, request: Request, options: PutOptions) -> Receipt:
        """The same under a key."""
        return self._put(request, request.cached(json_body_format), options)

    @POST_MESSAGE.short("POST", "/{room}", "Say something, in any format", example="-d Hello {url}/lobby")
    @POST_MESSAGE.short("PUT", "/{room}", "The same, for `curl -T`", example="-T {file} {url}/lobby")
    def post(self, request: Request, options: RoomSendOptions) -> Receipt | Coroutine[Any, Any, Response]:
        """A text, a form or JSON; a browser without scripts gets a page."""
        format_ = request.cached(body_format)
        if format_.is_browser_form:
            return self._form(request, format_, options, options.room)
        return self._post(
            request, format_, read_message(request, format_, options, options.room, self.context.directs.room)
        )

    @POST_MESSAGE.short(
        "POST",
        "/send",
        "Say something, in the room that the body names",
        parameters=SendOptions,
        refusals=(*POST_MESSAGE.refusals, *GONE),
        example="-d message=Hello {url}/send",
    )
    def send(self, request: Request, options: SendOptions) -> Receipt | Coroutine[Any, Any, Response]:
        """The same with the room in the body; without one it is `lobby`."""
        format_ = request.cached(body_format)
        if format_.is_browser_form:
            return self._form(request, format_, options, None)
        return self._post(request, format_, read_message(request, format_, options, None, self.context.directs.room))

    @PUT_MESSAGE.short(
        "PUT",
        "/{room}/{item}",
        "Say something under a key, in any format",
        example="-T {file} {url}/lobby/build-1843-done",
    )
    def put(self, request: Request, options: PutOptions) -> Receipt:
        """A text, a form or JSON under a key."""
        if "." in options.item:  # `curl -T notes.txt host/lobby/` adds the name of the file
            address = request.origin + room_path(request.peer.prefix, request.params["room"]).decode()
            detail = f"A key has no dot. A file is sent as a message by: curl -T FILE -X POST {address}"
            raise Refusal("bad_key", detail, field="key")
        return self._put(request, request.cached(body_format), options)

    def _put(self, request: Request, format_: BodyFormat, options: PutOptions) -> Receipt:
        message = read_message(request, format_, options, options.room, self.context.directs.room)
        if message.key is not None and message.key != options.item:
            raise Refusal("bad_parameter", "The request names another key than the address.", field="key")
        message.key = options.item
        return self._post(request, format_, message)

    def _post(self, request: Request, format_: BodyFormat, message: SendMessage) -> Receipt:
        room = message.room or DEFAULT_ROOM
        receipt = Receipt(room, format_.as_json, request.peer.prefix)
        if room[0] == PRIVATE:
            receipt.name = shown(self.context, request, room)
        posting = self.context.posting
        posting.post(request.actor, room, message.text, receipt.stored, key=message.key, name=message.name)
        return receipt

    async def _form(self, request: Request, format_: BodyFormat, options: SendOptions, room: str | None) -> Response:
        """Answer the form of a browser without scripts: with a page in every case."""
        message = None
        try:
            message = read_message(request, format_, options, room, self.context.directs.room)
            to = message.room or DEFAULT_ROOM
            await self.context.posting.posted(request.actor, to, message.text, key=message.key, name=message.name)
        except Refusal as refusal:
            if message is None:
                message = format_.read(request)  # raises the same again if there is nothing to be shown
                message.room = room
            page = await self._show_again(request, message, refusal)
            if page is None:
                raise
            return page
        # The way back to the page (RFC 9110 §15.4.4); a cookie keeps the name for it.
        path = room_path(request.peer.prefix, shown(self.context, request, to))
        fields: Fields = ((FieldName.LOCATION, path + b"#latest"),)
        if message.name is not None and request.actor.account is None:
            cookie = set_cookie(request.peer, NAME_COOKIE, quote(message.name, safe=""))
            fields += ((FieldName.SET_COOKIE, cookie),)
        return Response(303, fields=fields)

    async def _show_again(self, request: Request, message: SendMessage, refusal: Refusal) -> Response | None:
        """The page of the room after a refused form, with the reason, and the text still in the box.

        It counts as a page of history. None for an address that reads those too fast. (It does not raise the refusal
        again: an exception raised by a frame that holds it is a cycle, left to the collector.)
        """
        try:
            bill = self.guard.limit_reading(request)
        except Refusal:
            return None
        door = self.context.door
        channel = await door.open(request.actor, message.room or DEFAULT_ROOM, "read")
        try:
            events = await door.before(request.actor, channel, channel.head + 1, DEFAULT_LIMIT)
            events = shown_events(self.context, request, channel.room, events)
            return await self.pages.room(request, channel, events, bill, refused=Refused(refusal, message))
        finally:
            channel.release()
