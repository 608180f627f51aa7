"""Sending: `POST /send`, POST and PUT to `/<room>`, `PUT /<room>/<key>` and the API's twins: one path behind all."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from parlour.api.bodies import Message, is_form, read_api_message, read_message
from parlour.api.context import Context
from parlour.api.guard import NAME_COOKIE, Guard
from parlour.core.errors import Refusal
from parlour.core.event import Answer
from parlour.http.deferred import DeferredResponse
from parlour.http.fields import FieldName, Fields
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.http.response import JSON, TEXT, Response

_LOCATION = FieldName.LOCATION  # looked up once: every message takes it


def is_browser_form(request: Request) -> bool:
    """Whether a person without scripts has pressed the button: a form, from a client that wants to see a page."""
    return is_form(request) and choose(accepted(request.head), ("text", "html", "json")) == "html"


@lru_cache(maxsize=4096)
def room_path(prefix: str, room: str) -> bytes:
    """The path of a room, percent-encoded (RFC 3986 §2.1), for a client who sees the server below `prefix`."""
    return f"{prefix}/{quote(room, safe='')}".encode()


def _see_room(prefix: str, room: str, name: str | None) -> Response:
    """Back to the page after a form, which then knows the name again (RFC 9110 §15.4.4)."""
    fields: Fields = ((FieldName.LOCATION, room_path(prefix, room) + b"#latest"),)
    if name is not None:
        cookie = f"{NAME_COOKIE}={quote(name, safe='')}; Path={prefix or '/'}; Max-Age=31536000; HttpOnly; SameSite=Lax"
        fields += ((FieldName.SET_COOKIE, cookie.encode()),)
    return Response(303, fields=fields)


class Receipt(DeferredResponse):
    """What a sender gets once the message is on disk: where it is, and for programs the event itself."""

    __slots__ = ("_as_json", "_prefix", "room")

    def __init__(self, room: str, as_json: bool, prefix: str) -> None:
        self.room = room
        self._prefix = prefix
        self._as_json = as_json

    def stored(self, answer: Answer) -> None:
        """Answer the sender."""
        if isinstance(answer, Refusal):
            self.answer(answer)
            return
        room, seq = self.room, answer.seq
        fields: Fields = ((_LOCATION, b"%b/%d" % (room_path(self._prefix, room), seq)),)
        if answer.replay:
            fields += ((FieldName.IDEMPOTENT_REPLAY, b"true"),)
        if self._as_json:
            self.answer(Response(201, answer.json + b"\n", JSON, fields))
        else:
            self.answer(Response(201, f"{room}/{seq}\n".encode(), TEXT, fields))


class Messages:
    """The handlers of sending. None is a coroutine: this is the path that has to be fast."""

    def __init__(self, context: Context, guard: Guard) -> None:
        self._posting = context.posting
        self._guard = guard

    def post(self, request: Request) -> Receipt:
        """`POST /send`, POST and PUT to `/<room>`."""
        return self._post(request, read_message(request))

    async def form(self, request: Request) -> Response:
        """The same for a browser without scripts: back to the page once the message is stored."""
        message = read_message(request)
        actor = self._guard.actor(request)
        await self._posting.posted(actor, message.room, message.text, key=message.key, name=message.name)
        return _see_room(request.peer.prefix, message.room, message.name)

    def put(self, request: Request) -> Receipt:
        """`PUT /<room>/<key>`: the idempotency key is in the path."""
        if "." in request.params["item"]:  # `curl -T notes.txt host/lobby/` adds the name of the file
            address = request.origin + room_path(request.peer.prefix, request.params["room"]).decode()
            detail = f"A key has no dot. A file is sent as a message by: curl -T FILE -X POST {address}"
            raise Refusal("bad_key", detail, field="key")
        return self._put(request, read_message(request))

    def _put(self, request: Request, message: Message) -> Receipt:
        key = request.params["item"]
        if message.key is not None and message.key != key:
            raise Refusal("bad_parameter", "The request names another key than the address.", field="key")
        message.key = key
        return self._post(request, message)

    def api_post(self, request: Request) -> Receipt:
        """`POST /api/v1/rooms/<room>/messages`: JSON in, JSON out."""
        return self._post(request, read_api_message(request))

    def api_put(self, request: Request) -> Receipt:
        """`PUT /api/v1/rooms/<room>/messages/<key>`."""
        return self._put(request, read_api_message(request))

    def _post(self, request: Request, message: Message) -> Receipt:
        receipt = Receipt(message.room, message.as_json, request.peer.prefix)
        actor = self._guard.actor(request)
        self._posting.post(actor, message.room, message.text, receipt.stored, key=message.key, name=message.name)
        return receipt
