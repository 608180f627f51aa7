"""Sending: `POST /send`, `POST /<room>`, `PUT /<room>/<key>` and the API's twin of them, one path behind all."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import lru_cache
from urllib.parse import quote

from parlour.api.bodies import Message, answer_json, is_form, read_api_message, read_message
from parlour.api.context import Context
from parlour.api.guard import NAME_COOKIE, Guard
from parlour.core.errors import Refusal
from parlour.core.event import Appended
from parlour.core.names import room_name
from parlour.http.negotiate import choose
from parlour.http.request import Request
from parlour.http.response import JSON, TEXT, Field, Response

DEFAULT_ROOM = "lobby"


def is_browser_form(request: Request) -> bool:
    """Whether a person without scripts has pressed the button: a form, from a client that wants to see a page."""
    return is_form(request) and choose(request.field(b"accept"), ("text", "html", "json")) == "html"


@lru_cache(maxsize=4096)
def room_path(room: str) -> bytes:
    """The address of a room, percent-encoded (RFC 3986 §2.1)."""
    return b"/" + quote(room, safe="").encode()


def _see_room(room: str, name: str | None) -> Response:
    """Back to the page after a form, which then knows the name again (RFC 9110 §15.4.4)."""
    fields: list[Field] = [(b"Location", room_path(room) + b"#latest")]
    if name is not None:
        cookie = f"{NAME_COOKIE}={quote(name, safe='')}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
        fields.append((b"Set-Cookie", cookie.encode()))
    return Response(303, fields=fields)


def _check_room(room: str, message: Message) -> None:
    """Refuse a body that names another room than the address."""
    if message.room is not None and room_name(message.room) != room_name(room):
        raise Refusal("bad_parameter", "The body names another room than the address.", field="room")


class Messages:
    """The handlers of sending. Plain functions up to the wait for the disk: a coroutine less is time saved."""

    def __init__(self, context: Context, guard: Guard) -> None:
        self._posting = context.posting
        self._guard = guard

    def send(self, request: Request) -> Awaitable[Response]:
        """`POST /send`: the room is in the body, `lobby` by default."""
        message = read_message(request)
        return self._post(request, DEFAULT_ROOM if message.room is None else message.room, message)

    def post(self, request: Request) -> Awaitable[Response]:
        """`POST /<room>`: the room is in the path."""
        message = read_message(request)
        room = request.params["room"]
        _check_room(room, message)
        return self._post(request, room, message)

    def put(self, request: Request) -> Awaitable[Response]:
        """`PUT /<room>/<key>`: the idempotency key is in the path."""
        if "." in request.params["item"]:  # `curl -T notes.txt host/lobby/` adds the name of the file
            address = request.origin + room_path(request.params["room"]).decode()
            detail = f"A key has no dot. A file is sent as a message by: curl -T FILE -X POST {address}"
            raise Refusal("bad_key", detail, field="key")
        return self._put(request, read_message(request))

    def _put(self, request: Request, message: Message) -> Awaitable[Response]:
        _check_room(request.params["room"], message)
        key = request.params["item"]
        if message.key is not None and message.key != key:
            raise Refusal("bad_parameter", "The request names another key than the address.", field="key")
        message.key = key
        return self._post(request, request.params["room"], message)

    def api_post(self, request: Request) -> Awaitable[Response]:
        """`POST /api/v1/rooms/<room>/messages`: JSON in, JSON out."""
        return self._post(request, request.params["room"], read_api_message(request))

    def api_put(self, request: Request) -> Awaitable[Response]:
        """`PUT /api/v1/rooms/<room>/messages/<key>`."""
        return self._put(request, read_api_message(request))

    async def _post(self, request: Request, room: str, message: Message) -> Response:
        stored = await self._posting.post(
            self._guard.sender(request), room, message.text, key=message.key, name=message.name
        )
        if is_browser_form(request):
            return _see_room(room_name(room), message.name)
        return self._receipt(request, room_name(room), stored)

    def _receipt(self, request: Request, room: str, stored: Appended) -> Response:
        path = room_path(room)
        fields: list[Field] = [(b"Location", b"%b/%d" % (path, stored.seq))]
        if stored.replay:
            fields.append((b"Idempotent-Replay", b"true"))
        if answer_json(request):
            return Response(201, stored.json + b"\n", JSON, fields)
        return Response(201, f"{room}/{stored.seq}\n".encode(), TEXT, fields)
