"""The front door: `/`, and forms of browsers without scripts, which want to see a page whatever happens."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from parlour.api.bodies import DEFAULT_ROOM, Message, read_draft, read_message
from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.info import Info
from parlour.api.messages import Messages, Receipt, is_browser_form
from parlour.api.pages import Pages, Refused
from parlour.api.rooms import Rooms
from parlour.core.errors import Refusal
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.http.response import Reply, Response

SHOWN = 50


def _shown_again(request: Request) -> Message:
    """What is put back into the box of a refused form, and the room whose page is shown. Raises Refusal."""
    try:
        return read_message(request)
    except Refusal:
        return read_draft(request)


class Front:
    """The handlers that look at what kind of client is there before they pass the request on."""

    def __init__(self, messages: Messages, rooms: Rooms, pages: Pages, context: Context, guard: Guard) -> None:
        self._messages = messages
        self._rooms = rooms
        self._pages = pages
        self._context = context
        self._guard = guard
        self._info = Info(context)

    async def home(self, request: Request) -> Reply:
        """`GET /`: the lobby for browsers, help for curl, the index of the API for programs."""
        typed = request.parameter("room")
        if typed is not None:
            return await self._go(request, typed)
        chosen = choose(accepted(request.head), ("text", "html", "json"))
        if chosen == "html":
            return await self._rooms.read_room(request, DEFAULT_ROOM)
        return await (self._info.version(request) if chosen == "json" else self._info.help(request))

    async def _go(self, request: Request, typed: str) -> Response:
        """`GET /?room=NAME`; a person whose words are no room's name gets them back, to mend them."""
        try:
            return await self._info.go(request)
        except Refusal as refusal:
            if choose(accepted(request.head), ("text", "html", "json")) != "html":
                raise
            return self._pages.error(refusal, b"/", request.peer.prefix, is_read=True, typed=typed)

    def post(self, request: Request) -> Receipt | Coroutine[Any, Any, Response]:
        """`POST /send`, POST and PUT to `/<room>`."""
        return self._form(request) if request.cached(is_browser_form) else self._messages.post(request)

    async def _form(self, request: Request) -> Response:
        try:
            return await self._messages.form(request)
        except Refusal as refusal:
            page = await self._show(request, refusal)
            if page is None:
                raise
            return page

    async def _show(self, request: Request, refusal: Refusal) -> Response | None:
        """After a refused form: the page again, with the reason, and what had been written still in the box.

        It counts as a page of history. None for who reads those too fast. (It does not raise the refusal again: an
        exception raised by a frame that holds it is a cycle, left to the collector.)
        """
        try:
            message = _shown_again(request)
            bill = self._guard.limit_reading(request)
        except Refusal:
            return None
        actor, door = self._guard.actor(request), self._context.door
        channel = await door.open(actor, message.room, "read")
        try:
            events = await door.before(actor, channel, channel.head + 1, SHOWN)
            return await self._pages.room(request, channel, events, bill, refused=Refused(refusal, message))
        finally:
            channel.release()
