"""The list of an account's rooms, with what is unread in each, and changes of that list."""

from __future__ import annotations

from typing import cast

from msgspec import Raw

from parlour.api.bodies import read_json
from parlour.api.direct import shown_events
from parlour.api.operation import Operation, Success
from parlour.api.parameters import DEFAULT_LIMIT, JsonOfRoom, Limit, OnlyJson
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.ports import Unread
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.inbox_settings import InboxSetting, keywords, quiet_hours
from parlour.core.policy import Policy
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.events import Event
from parlour.schema.inbox import ChangeInbox, ChangeMyRoom, InboxInfo, MentionInfo, MentionList, MyRoom, MyRooms
from parlour.schema.json_line import encode

_OPEN = {"getMessages": {"room": "$response.body#/rooms/0/room"}}


class MentionOptions(OnlyJson, frozen=True, kw_only=True):
    """How many are wanted."""

    limit: Limit = None


class InboxResource(Resource):
    """The handlers of one's own list of rooms."""

    @Operation(
        "GET",
        "/api/v1/me/rooms",
        "For you: your rooms, with what is unread",
        id="getMyRooms",
        help="The rooms that you are a member of, and those that you have read or set a level for; what needs you most "
        "first. `unread` counts messages after your read position that are not your own, `mentions` those of them that "
        "are for you; `badge` is how much calls for you: mentions, and where your level is `all` every message.",
        right="inbox",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "Your rooms.", MyRooms, links=_OPEN),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/me/rooms",
    )
    async def rooms(self, request: Request, _: OnlyJson) -> Response:
        """The list."""
        context, actor = self.context, request.actor
        head_seq = await context.inbox.head(actor)  # first: what comes meanwhile follows the cursor
        found = await context.inbox.rooms(actor)
        bill = self.guard.bill(request)
        began = bill.began()
        shown = [self._shown(actor, row) for row in found]
        info = self._info(request)
        listed = MyRooms(
            *(f"{context.store.epoch}.{head_seq}", context.inbox.badge(found), shown),
            *(info.keywords, info.quiet_hours, info.is_quiet),
        )
        body = encode(listed)
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/me/rooms/{room}",
        "Change a room in your list: what you have read, and what you are told of",
        id="changeMyRoom",
        help="`read` is the seq up to which you have read; it only goes forward, so that two devices do not undo each "
        "other. `unread_from` makes that message and all after it unread. `level` is `all`, `mentions`, `nothing` (the "
        "room is muted) or null, the default; `favourite` puts the room before others. It comes into your list.",
        right="inbox",
        rate="reading",
        parameters=JsonOfRoom,
        body=ChangeMyRoom,
        answers=(Success(200, "The room as it is now.", MyRoom),),
        refusals=(*JSON_BODY, "not_found", "forbidden", "bad_parameter", *DISK),
        example="-u alice -X PATCH --json '{\"read\":1}' {url}/api/v1/me/rooms/lobby",
    )
    async def change(self, request: Request, options: JsonOfRoom) -> Response:
        """Position, level, favourite."""
        row = await self.changed(request.actor, options.room, read_json(request, ChangeMyRoom))
        return Response(body=encode(self._shown(request.actor, row)), content_type=JSON)

    async def changed(self, actor: Actor, room: str, wanted: ChangeMyRoom) -> Unread:
        """Carry out changes of a room: it as it is then. Raises Refusal."""
        inbox = self.context.inbox
        if wanted.read is not None and wanted.unread_from is not None:
            raise Refusal("bad_parameter", "Give read or unread_from, not both.", field="unread_from")
        if wanted.read is not None:
            await inbox.read(actor, room, wanted.read)
        if wanted.unread_from is not None:
            await inbox.read(actor, room, wanted.unread_from - 1, is_back=True)
        row = await inbox.room(actor, room)
        level = row.level if not isinstance(wanted.level, str | None) else wanted.level
        favourite = row.is_favourite if wanted.favourite is None else wanted.favourite
        if (level, favourite) == (row.level, row.is_favourite):
            return row
        await inbox.notify(actor, room, level, favourite)
        return await inbox.room(actor, room)

    @Operation(
        "DELETE",
        "/api/v1/me/rooms/{room}",
        "Forget a room: your position, level and favourite",
        id="forgetMyRoom",
        help="A room that you are no member of leaves your list, until you read it again.",
        right="inbox",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(204, "It is forgotten."),),
        refusals=("forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/me/rooms/lobby",
    )
    async def forget(self, request: Request, options: JsonOfRoom) -> Response:
        """As if nothing had ever been set."""
        await self.context.inbox.forget(request.actor, options.room)
        return Response(204)

    @Operation(
        "PATCH",
        "/api/v1/me/inbox",
        "Words to watch for, and quiet hours",
        id="changeInbox",
        help="A message with one of the `keywords` in a room that you are a member of is for you; nobody else learns "
        "of them. In the `quiet_hours` (`22:00-07:00`, by the time zone of your account) nothing is to disturb you.",
        right="inbox",
        rate="reading",
        parameters=OnlyJson,
        body=ChangeInbox,
        answers=(Success(200, "What is set.", InboxInfo),),
        refusals=(*JSON_BODY, "bad_parameter", "forbidden", *DISK),
        example='-u alice -X PATCH --json \'{"quiet_hours":"22:00-07:00"}\' {url}/api/v1/me/inbox',
    )
    async def change_settings(self, request: Request, _: OnlyJson) -> Response:
        """Settings for all rooms."""
        account, body = self.context.inbox.account(request.actor), read_json(request, ChangeInbox)
        await self.set(request, account, body)
        return Response(body=encode(self._info(request)), content_type=JSON)

    async def set(self, request: Request, account: Account, wanted: ChangeInbox) -> None:
        """Carry out changes of the settings. Raises Refusal."""
        changes: dict[InboxSetting, str] = {}
        if wanted.keywords is not None:
            changes["keywords"] = keywords(wanted.keywords)
        if wanted.quiet_hours is not None:
            changes["quiet_hours"] = quiet_hours(wanted.quiet_hours)
        await self.context.people.inbox_settings.change(request.actor, account, changes)

    def _info(self, request: Request) -> InboxInfo:
        account, settings = self.context.inbox.account(request.actor), self.context.people.inbox_settings
        words, hours = settings.of(account.id, "keywords"), settings.of(account.id, "quiet_hours")
        return InboxInfo(words.split(), hours, settings.is_quiet(account))

    @Operation(
        "GET",
        "/api/v1/me/mentions",
        "What is for you: messages with your name, newest first",
        id="getMentions",
        help="Messages that have your name, `@here` while you were there, or a word that you watch for, in rooms that "
        "you may read.",
        right="inbox",
        rate="reading",
        parameters=MentionOptions,
        answers=(Success(200, "The messages.", MentionList),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/me/mentions",
    )
    async def mentions(self, request: Request, options: MentionOptions) -> Response:
        """Messages that are for one."""
        bill = self.guard.bill(request)
        found = await self.context.inbox.mentions(request.actor, options.limit or DEFAULT_LIMIT)
        began = bill.began()
        listed = []
        for mention, event in found:
            (shown,) = shown_events(self.context, request, mention.room, [event])
            listed.append(MentionInfo(mention.why, cast("Event", Raw(shown.json))))
        body = encode(MentionList(listed))
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)

    def _shown(self, actor: Actor, row: Unread) -> MyRoom:
        first_seq = max(row.first_seq, self.context.policies.first_seq(actor, row.room))
        room = row.room
        row, policy = self.named(actor, row)
        return MyRoom(
            row.room,
            first_seq,
            *(
                row.head_seq,
                row.active_at,
                row.read_seq,
                row.unread,
                row.mentions,
                self.context.inbox.level(room, row.level),
            ),
            *(row.is_favourite, policy.access, policy.title, policy.is_archived),
            policy.role_of(None if actor.account is None else actor.account.id),
        )

    def named(self, actor: Actor, row: Unread) -> tuple[Unread, Policy]:
        """The same with the name that the actor has for the room, and its policy: of a direct one by its people."""
        account, directs = None if actor.account is None else actor.account.id, self.context.directs
        return row._replace(room=directs.address(account, row.room)), directs.policy(account, row.room)
