"""The members of rooms, and links by which people join a room."""

from __future__ import annotations

from typing import Annotated, Literal

from parlour.api.bodies import read_json
from parlour.api.invitations import link
from parlour.api.operation import Operation, Success
from parlour.api.parameters import ACCOUNT_NAME, JsonOfRoom, OnlyJson
from parlour.api.people import code_of, invitation_info, named_account, own_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.core.policy import Policy
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import InvitationInfo, InvitationList
from parlour.schema.rooms import ChangeMember, JoinBody, MemberInfo, MemberList, RoomInvitationBody


class MemberOptions(JsonOfRoom, frozen=True, kw_only=True):
    """One member of a room."""

    name: Annotated[str, ACCOUNT_NAME, "The name of an account."]


class MembersResource(Resource):
    """The handlers of members."""

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/members",
        "The members of a room",
        id="getMembers",
        help="For those who have signed in and may read the room, or moderate it; a token needs the scope `read`. A "
        "public room has readers who are no members.",
        right="members",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "The members, by name.", MemberList),),
        refusals=("not_found",),
        example="-u alice {url}/api/v1/rooms/lobby/members",
    )
    def list(self, request: Request, options: JsonOfRoom) -> Response:
        """The members of a room."""
        return self._answer(self.context.members.seen_by(request.actor, options.room))

    @Operation(
        "PUT",
        "/api/v1/rooms/{room}/members/{name}",
        "Join a room, add somebody, or give a member another role",
        id="putMember",
        help="With your own name you join a public room. Moderators of a room add members; its owners, and those who "
        "run the server, give the roles `moderator` and `owner`.",
        right="account",
        parameters=MemberOptions,
        body=ChangeMember,
        answers=(Success(200, "The members as they are now.", MemberList),),
        refusals=(*JSON_BODY, "not_found", "forbidden", "read_only", "last_owner", *DISK),
        example="-u alice -X PUT --json '{}' {url}/api/v1/rooms/lobby/members/bob",
    )
    async def put(self, request: Request, options: MemberOptions) -> Response:
        """A member, or a role."""
        role, actor, members = read_json(request, ChangeMember).role, request.actor, self.context.members
        account = named_account(self.context.people.identities, options.name)
        may_add = self.context.policies.may(actor, "moderate", options.room)
        if actor.account is not None and account.id == actor.account.id and not may_add and role == "member":
            return self._answer(await members.join(actor, options.room))
        return self._answer(await members.add(actor, options.room, account, role))

    @Operation(
        "DELETE",
        "/api/v1/rooms/{room}/members/{name}",
        "Leave a room, or remove somebody",
        id="removeMember",
        help="With your own name you leave. Whoever is removed posts nothing after that event, and is shown nothing of "
        "a private room after it: streams end there, too. The last owner stays.",
        right="account",
        parameters=MemberOptions,
        answers=(Success(204, "They are out, and it is on disk."),),
        refusals=("not_found", "forbidden", "last_owner", *DISK),
        example="-u alice -X DELETE {url}/api/v1/rooms/lobby/members/bob",
    )
    async def remove(self, request: Request, options: MemberOptions) -> Response:
        """The end of a membership."""
        account = named_account(self.context.people.identities, options.name)
        await self.context.members.remove(request.actor, options.room, account)
        return Response(204)

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/invitations",
        "The links into a room that can be used",
        id="getRoomInvitations",
        right="moderate",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "Invitations, the newest first.", InvitationList),),
        refusals=("not_found", "storage_unavailable"),
        example="-u alice {url}/api/v1/rooms/lobby/invitations",
    )
    async def invitations(self, request: Request, options: JsonOfRoom) -> Response:
        """Links into a room."""
        rows = await self.context.people.invitations.all(request.actor, options.room)
        return Response(body=encode(InvitationList([invitation_info(row) for row in rows])), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/rooms/{room}/invitations",
        "Make a link into a room",
        id="inviteToRoom",
        help="For its moderators. `uses` people with an account can join by it; with `accounts`, which those who run "
        "the server may give, also people without one. It is shown this once; DELETE /api/v1/invitations/{id} ends it.",
        right="moderate",
        parameters=JsonOfRoom,
        body=RoomInvitationBody,
        answers=(Success(201, "The invitation, with its link.", InvitationInfo),),
        refusals=(*JSON_BODY, "not_found", "forbidden", "read_only", *DISK),
        example="-u alice --json '{\"uses\":10}' {url}/api/v1/rooms/lobby/invitations",
    )
    async def invite(self, request: Request, options: JsonOfRoom) -> Response:
        """A new link into a room."""
        body = read_json(request, RoomInvitationBody)
        role: Literal["member", "none"] = "member" if body.accounts else "none"
        made = await self.context.people.invitations.make(request.actor, role, body.uses, body.days, options.room)
        url = link(self.context, request, "join", made.secret)
        return Response(201, encode(invitation_info(made.invitation, url)), JSON)

    @Operation(
        "POST",
        "/api/v1/join",
        "Join the room that a link leads to",
        id="join",
        help="With the account that you have; POST /api/v1/accounts makes one by the same link, where it may.",
        right="account",
        parameters=OnlyJson,
        body=JoinBody,
        answers=(Success(200, "The members of the room, you among them.", MemberList),),
        refusals=(*JSON_BODY, "forbidden", "link_gone", "read_only", *DISK),
        example='-u alice --json \'{"invitation":"GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c"}\' {url}/api/v1/join',
    )
    async def join(self, request: Request, _: OnlyJson) -> Response:
        """One more member."""
        own_account(request)
        room = await self.context.people.invitations.accept(
            request.actor, code_of(read_json(request, JoinBody).invitation)
        )
        return self._answer(self.context.policies.of(room))

    def _answer(self, policy: Policy) -> Response:
        identities = self.context.people.identities
        found = [(identities.accounts.get(account), member) for account, member in policy.members.items()]
        rows = [
            MemberInfo(account.id, account.name, account.display, account.kind, member.role, member.since)
            for account, member in found
            if account is not None and account.state != "deleted"
        ]
        return Response(body=encode(MemberList(sorted(rows, key=lambda row: row.name))), content_type=JSON)
