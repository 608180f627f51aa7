"""Addresses of direct conversations: the room that `@alice` means to who asks, and refusals that call it so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy

from msgspec import Struct
from msgspec.structs import force_setattr

from parlour.api.context import Context
from parlour.core.direct import is_direct
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.http.request import Outcome, Request
from parlour.http.response import DeferredResponse, Reply
from parlour.schema.event_json import under_name


def names_people(options: Struct) -> bool:
    """Whether the member `room` of parameters, or one of several, is the address of a direct conversation."""
    room: str | list[str] = options.room  # type: ignore[attr-defined]
    return is_direct(room) if isinstance(room, str) else any(map(is_direct, room))


async def in_direct_room(context: Context, request: Request, options: Struct, handler: Callable[..., Outcome]) -> Reply:
    """The answer of a handler that gets the canonical names of rooms. Raises Refusal as the handler and `Directs.find`.

    Heads with credentials are remembered for no later request, so who asks is always who is looked for here.
    """
    if context.store.is_shared:
        with suppress(Refusal):  # while the database is away: by what is known
            await context.store.catch_up()
    directs, actor = context.directs, request.actor
    named: str | list[str] = options.room  # type: ignore[attr-defined]
    rooms = [directs.room(actor, each) for each in ([named] if isinstance(named, str) else named)]
    found = copy(options)
    force_setattr(found, "room", rooms[0] if isinstance(named, str) else rooms)
    try:
        outcome = handler(request, found)
        if isinstance(outcome, DeferredResponse):
            return await outcome.reply()
        return outcome if isinstance(outcome, Reply) else await outcome
    except Refusal as refusal:
        for room in rooms:
            _rename(refusal, room, shown(context, request, room))
        raise


def _rename(refusal: Refusal, room: str, name: str) -> None:
    """Have a refusal call a room as whoever asks calls it."""
    refusal.detail = refusal.detail.replace(room, name)
    if refusal.extra is not None and refusal.extra.get("room") == room:
        refusal.extra = {**refusal.extra, "room": name}


def shown(context: Context, request: Request, room: str) -> str:
    """The name of a room as the person who asks sees it."""
    account = request.actor.account
    return context.directs.address(None if account is None else account.id, room)


def shown_events(context: Context, request: Request, room: str, events: Sequence[Stored]) -> Sequence[Stored]:
    """The events of a room as whoever asks sees them."""
    name = shown(context, request, room)
    return events if name == room else [under_name(event, room, name) for event in events]
