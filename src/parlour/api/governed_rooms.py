"""Rooms as those who run the server see them: every one that has settings or members, private ones too."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.api.context import Context
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.people import named_account
from parlour.api.resource import Resource
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.names import PRIVATE
from parlour.core.payloads import Settings
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.rooms import GovernedRoom, GovernedRoomList


class GovernedRoomsResource(Resource):
    """The handler of their list."""

    @Operation(
        "GET",
        "/api/v1/admin/rooms",
        "Every room in which somebody has changed something",
        id="getGovernedRooms",
        help="Private ones too, without what is said in them. Those who run the server set them right by the "
        "operations on rooms and members; who is in a room sees that.",
        right="administer",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "The rooms.", GovernedRoomList),),
        example="-u alice {url}/api/v1/admin/rooms",
    )
    def list(self, request: Request, _: OnlyJson) -> Response:
        """All of them."""
        return Response(body=encode(GovernedRoomList(governed_rooms(self.context))), content_type=JSON)


def governed_rooms(context: Context, find: str = "") -> Sequence[GovernedRoom]:
    """Every room that has a policy, or those with a text in their address or name.

    Rooms without an owner who can sign in are first, then they are by name.
    """
    found, account = [], context.people.identities.accounts.get
    find = find.strip().removeprefix("/").casefold()
    for room, policy in context.policies.all().items():
        if policy.access == "direct":  # those of its people alone, who see to it themselves
            continue
        if find not in room and find not in policy.title.casefold():
            continue
        owners = [owner for owner in map(account, policy.owners()) if owner is not None and owner.state == "active"]
        found.append(
            GovernedRoom(
                room,
                policy.access,
                policy.seq,
                len(policy.members),
                sorted(owner.name for owner in owners),
                policy.title,
                policy.topic,
                policy.is_archived,
                policy.is_read_only,
            )
        )
    return sorted(found, key=lambda each: (not is_orphaned(each), each.room.removeprefix(PRIVATE)))


def is_orphaned(room: GovernedRoom) -> bool:
    """Whether a room with members has nobody left who can change it, but those who run the server."""
    return room.members > 0 and not room.owners


async def set_right(context: Context, actor: Actor, form: dict[str, str]) -> str:
    """Carry out a form about a room: the sentence that says so. Raises Refusal."""
    room = form["room"]
    if form["do"] in ("archive", "unarchive"):
        policy = await context.rooms.change(actor, room, Settings(archived=form["do"] == "archive"))
        what = "is archived" if policy.is_archived else "is in use again"
        return f"{policy.title or room} {what}."
    try:
        account = named_account(context.people.identities, form["name"].strip().removeprefix("@"))
    except Refusal as refusal:
        raise Refusal(refusal.code, "Nobody here has this name.", field="name") from None
    policy = await context.members.add(actor, room, account, "owner")
    return f"{account.display} owns {policy.title or room} now."
