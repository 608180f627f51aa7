"""Mutes and bans in a room, for its moderators."""

from __future__ import annotations

from typing import Annotated, Literal

from parlour.api.bodies import read_json
from parlour.api.context import Context
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, JsonOfRoom
from parlour.api.people import named_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.guests import author_of
from parlour.chat.restrictions import Wanted
from parlour.core.errors import Refusal
from parlour.core.event import Author
from parlour.core.policy import GUEST_ID, Policy
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.event_json import at_text
from parlour.schema.events import decode_event
from parlour.schema.json_line import encode
from parlour.schema.rooms import RestrictBody, RestrictionInfo, RestrictionList

_WHAT: dict[str, Literal["muted", "banned"]] = {"mute": "muted", "ban": "banned"}


class RestrictionOptions(JsonOfRoom, frozen=True, kw_only=True):
    """The person whose mute or ban is lifted."""

    who: Annotated[str, TEXT, "The name of an account, or the id of an author (`by.id`)."]


async def author_meant(context: Context, request: Request, room: str, seq: int | None, name: str | None) -> Author:
    """The author whom a moderator names: that of an event, or an account by its name. Raises Refusal."""
    if seq is None:
        return author_of(named_account(context.people.identities, name or ""))
    context.policies.require(request.actor, "restrict", room)
    channel = await context.door.open(request.actor, room, "read")
    try:
        if not 1 <= seq <= channel.head:
            raise Refusal("not_found", f"There is no event {seq} in this room.", field="seq")
        return decode_event((await context.door.event(request.actor, channel, seq)).json).by
    finally:
        channel.release()


def restrictions_of(context: Context, policy: Policy) -> list[RestrictionInfo]:
    """The restrictions that are in force, those of accounts under the names that they have now."""
    now_ms, identities = context.clock.now_ms(), context.people.identities
    found = []
    for id_, each in policy.restrictions.items():
        if each.is_over(now_ms):
            continue
        account = None if id_.startswith(GUEST_ID) else identities.accounts.get(id_)
        if account is not None and account.state == "deleted":
            continue
        name = each.name if account is None else account.display
        until = None if each.until_ms is None else at_text(each.until_ms)
        found.append(
            RestrictionInfo(
                id_, name, each.what, until, None if account is None else account.name, each.address is not None
            )
        )
    return sorted(found, key=lambda row: (row.name.casefold(), row.id))


class RestrictionsResource(Resource):
    """The handlers of mutes and bans in a room."""

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/restrictions",
        "Who is muted or banned in a room",
        id="getRestrictions",
        right="restrict",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "Those whose time is not over, by name.", RestrictionList),),
        refusals=("not_found",),
        example="-u alice {url}/api/v1/rooms/lobby/restrictions",
    )
    def list(self, request: Request, options: JsonOfRoom) -> Response:
        """The restrictions of a room."""
        return self._answer(self.context.restrictions.seen_by(request.actor, options.room))

    @Operation(
        "POST",
        "/api/v1/rooms/{room}/restrictions",
        "Mute or ban somebody in a room",
        id="restrict",
        help="For moderators of the room. Whom: the author of the event `seq`, or the account `name`. Who is muted "
        "reads and does not write; who is banned is shown nothing after that event and is no member any more: streams "
        "end there. Without `minutes` it holds until it is lifted. A guest is known by the cookie, or without one by "
        "the address; with `newcomers` it also holds guests from the same address who come later.",
        right="restrict",
        parameters=JsonOfRoom,
        body=RestrictBody,
        answers=(Success(200, "Who is muted or banned now.", RestrictionList),),
        refusals=(*JSON_BODY, "not_found", "gone", "forbidden", "last_owner", *DISK),
        example='-u alice --json \'{"what":"mute","name":"bob","minutes":10}\' {url}/api/v1/rooms/lobby/restrictions',
    )
    async def restrict(self, request: Request, options: JsonOfRoom) -> Response:
        """A mute or a ban."""
        self.context.restrictions.seen_by(request.actor, options.room)
        body = read_json(request, RestrictBody)
        if (body.seq is None) == (body.name is None):
            raise Refusal(
                "bad_parameter", "Say whom: by the `seq` of an event, or by the `name` of an account.", field="seq"
            )
        whom = await author_meant(self.context, request, options.room, body.seq, body.name)
        wanted = Wanted(_WHAT[body.what], body.minutes, body.newcomers)
        return self._answer(await self.context.restrictions.restrict(request.actor, options.room, whom, wanted))

    @Operation(
        "DELETE",
        "/api/v1/rooms/{room}/restrictions/{who}",
        "Lift a mute or a ban",
        id="liftRestriction",
        right="restrict",
        parameters=RestrictionOptions,
        answers=(Success(204, "It is lifted, and that is on disk."),),
        refusals=("not_found", "forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/rooms/lobby/restrictions/bob",
    )
    async def lift(self, request: Request, options: RestrictionOptions) -> Response:
        """The end of a restriction."""
        who = options.who
        if who not in self.context.restrictions.seen_by(request.actor, options.room).restrictions:
            who = named_account(self.context.people.identities, who).id
        await self.context.restrictions.lift(request.actor, options.room, who)
        return Response(204)

    def _answer(self, policy: Policy) -> Response:
        return Response(body=encode(RestrictionList(restrictions_of(self.context, policy))), content_type=JSON)
