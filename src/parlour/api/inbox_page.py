"""The address `/me`: what needs one, as a page, a line for each room to curl, JSON for programs."""

from __future__ import annotations

from typing import Annotated, cast, get_args

from msgspec import Struct
from msgspec.structs import force_setattr

from parlour.api.direct import shown
from parlour.api.forms import Form, form_fields, see_other, sign_in_first, wants_html
from parlour.api.inbox import InboxResource
from parlour.api.operation import Operation
from parlour.api.parameters import CURSOR, FLAG, TEXT, Format, OnlyJson, Ticket, formats
from parlour.api.people import zone_of
from parlour.api.sign_ins import DISK
from parlour.chat.ports import Unread
from parlour.core.cursor import MAX_SEQ, Cursor, parse_cursor
from parlour.core.errors import Refusal
from parlour.core.payloads import Level, log_of_account
from parlour.core.policy import Policy
from parlour.core.text import visible
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import Reply, Response
from parlour.schema.inbox import ChangeInbox, ChangeMyRoom
from parlour.schema.notices import unread_words
from parlour.stream.live import Start

_DEFAULT = "default"
_FIELDS = ("do", "room", "seq", "level", "favourite", "keywords", "quiet_hours")


class MeOptions(Struct, frozen=True, kw_only=True):
    """How the list is wanted, or that it is to be followed."""

    format: Annotated[Format, formats(*get_args(Format)), "The format, instead of `Accept`."] = "text"
    follow: Annotated[bool, FLAG, "1: go on with what comes, as text, NDJSON or server-sent events."] = False
    since: Annotated[Cursor | None, CURSOR, "Events of your own log after this cursor; without it, from now on."] = None
    last_event_id: Annotated[str | None, TEXT, "With server-sent events, in place of `since`.", "Last-Event-ID"] = None
    ticket: Ticket = None

    def __post_init__(self) -> None:
        """Raises Refusal (bad_parameter, bad_cursor)."""
        if self.format == "sse" and self.last_event_id:
            force_setattr(self, "since", parse_cursor(self.last_event_id, "Last-Event-ID"))
        is_stream = self.follow or self.format == "sse"
        if self.follow and self.format not in ("text", "ndjson", "sse"):
            raise Refusal("bad_parameter", "follow=1 goes with text, ndjson and sse.", field="follow")
        if not is_stream and self.format == "ndjson":
            raise Refusal("bad_parameter", "ndjson goes with follow=1.", field="format")
        if not is_stream and (self.since is not None or self.ticket is not None):
            raise Refusal("bad_parameter", "since and ticket go with follow=1.", field="since")


class InboxPage(InboxResource):
    """The handlers of this address."""

    @Operation(
        "GET",
        "/me",
        "For you: a page for browsers, a line for each room to curl, JSON for programs",
        right=None,
        page_for="inbox",
        parameters=MeOptions,
        refusals=("rate_limited", "storage_unavailable", "login_required", "forbidden", "too_many_connections"),
        example="-u alice {url}/me",
    )
    async def show(self, request: Request, options: MeOptions) -> Reply:
        """The list, to which a browser of a guest is led by signing in."""
        if request.actor.account is None and options.format == "html":
            return sign_in_first(request)
        self.guard.limit_reading(request)
        account = self.context.inbox.account(request.actor)
        if options.follow or options.format == "sse":
            with self.guard.place(request) as place:
                channel = await self.context.door.open(request.actor, log_of_account(account.id), "read")
                return self.streams.one(request, channel, options.format, Start(options.since), place)
        if options.format == "json":
            return await self.rooms(request, OnlyJson())
        if options.format == "html":
            return await self._page(request)
        rows = await self.context.inbox.rooms(request.actor)
        lines = [_line(*self.named(request.actor, row)) for row in rows]
        return Response(200, "".join(lines).encode(), fields=((FieldName.VARY, b"Accept, Cookie, Authorization"),))

    @Operation(
        "POST",
        "/me",
        "Change a room in your list with the forms of the page",
        right="inbox",
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "bad_room_name", "reserved_name", "not_found", "forbidden"),
            "bad_parameter",
            *("rate_limited", *DISK),
        ),
        example="-u alice -d do=read -d room=lobby {url}/me",
    )
    async def submit(self, request: Request) -> Response:
        """A room is read, unread from a message on, has another level, is a favourite or not, or is forgotten."""
        self.guard.limit_reading(request)
        form = form_fields(request, *_FIELDS)
        try:
            if form["do"] == "settings":
                return await self._set(request, form)
            room = self.context.directs.room(request.actor, form["room"])
            if form["do"] == "forget":
                await self.context.inbox.forget(request.actor, room)
                line = f"{shown(self.context, request, room)}  forgotten\n"
            else:
                row = await self.changed(request.actor, room, _change(form))
                line = _line(*self.named(request.actor, row))
        except Refusal as refusal:
            return await self._page(request, refusal)
        return see_other(request, "/me") if wants_html(request) else Response(200, line.encode())

    async def _set(self, request: Request, form: dict[str, str]) -> Response:
        """Words to watch for, with spaces between them, and quiet hours; what is not sent is none."""
        account = self.context.inbox.account(request.actor)
        await self.set(request, account, ChangeInbox(form["keywords"].split(), form["quiet_hours"]))
        return see_other(request, "/me") if wants_html(request) else Response(200, b"Saved.\n")

    async def _page(self, request: Request, refusal: Refusal | None = None) -> Response:
        rows = [] if refusal is not None and not wants_html(request) else await self.context.inbox.rooms(request.actor)
        account = request.actor.account
        return await self.framed(
            request,
            "me.html",
            "For you",
            refusal=refusal,
            here="me",
            zone=zone_of(request.actor),
            time_zone="" if account is None else account.time_zone,
            is_admin=account is not None and account.has_role("admin"),
            info=self._info(request),
            trouble_text="" if refusal is None else refusal.detail,
            rows=[(*self.named(request.actor, row), _words(row), self.context.inbox.badge([row])) for row in rows],
        )


def _change(form: dict[str, str]) -> ChangeMyRoom:
    """What a form changes. Raises Refusal("bad_form")."""
    seq, level = form["seq"], form["level"]
    if seq and not (seq.isascii() and seq.isdigit() and int(seq) <= MAX_SEQ):
        raise Refusal("bad_form", "seq is the number of a message.", field="seq")
    if form["do"] == "read":
        return ChangeMyRoom(read=int(seq or MAX_SEQ))
    if form["do"] == "unread" and seq:
        return ChangeMyRoom(unread_from=int(seq))
    if form["do"] == "level" and level in (_DEFAULT, *get_args(Level)):
        return ChangeMyRoom(level=None if level == _DEFAULT else cast("Level", level))
    if form["do"] == "favourite":
        return ChangeMyRoom(favourite=form["favourite"] == "1")
    raise Refusal("bad_form", "The page has no such form.", field="do")


def _line(row: Unread, policy: Policy) -> str:
    """`lobby  2 mentions, 5 unread  2026-11-22T06:41:23Z  The lobby`: what needs one, the newest event, the title."""
    parts = (row.room, ", ".join(_words(row)), f"{row.active_at[:19]}Z", visible(policy.title))
    return "  ".join(part for part in parts if part) + "\n"


def _words(row: Unread) -> list[str]:
    words = {
        unread_words(row.unread, row.mentions): row.unread > 0,
        "muted": row.level == "nothing",
        "every message": row.level == "all",
        "favourite": row.is_favourite,
    }
    return [word for word, is_so in words.items() if is_so]
