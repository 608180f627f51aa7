"""Invitations: links that make accounts, and links by which a password is reset."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from parlour.api.accounts import AccountOptions
from parlour.api.bodies import read_json
from parlour.api.context import Context
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, OnlyJson
from parlour.api.people import invitation_info, named_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.core.errors import Refusal
from parlour.http.request import OPERATOR_ADDRESS, Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import InvitationBody, InvitationInfo, InvitationList


class InvitationOptions(OnlyJson, frozen=True, kw_only=True):
    """One invitation."""

    id: Annotated[str, TEXT, "The id of an invitation, from the list of them."]


def link(context: Context, request: Request, kind: Literal["join", "reset"], secret: str) -> str:
    """The address of a link. The operator has not come by an address: theirs begins with the server's own."""
    is_operator = request.peer.address == OPERATOR_ADDRESS and request.peer.site is None
    return f"{context.own_url if is_operator else request.base_url}/{kind}/{secret}"


def opens_here_alone(address: str) -> bool:
    """Whether an address leads every machine to itself: `localhost`, or a loopback address."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class InvitationsResource(Resource):
    """The handlers of invitations."""

    @Operation(
        "GET",
        "/api/v1/invitations",
        "The invitations that can be used",
        id="getInvitations",
        right="administer",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "Invitations, the newest first.", InvitationList),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/invitations",
    )
    async def list(self, request: Request, _: OnlyJson) -> Response:
        """Those that can still be used."""
        rows = await self.context.people.invitations.all(request.actor)
        return Response(body=encode(InvitationList([invitation_info(row) for row in rows])), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/invitations",
        "Invite somebody",
        id="invite",
        help="Gives a link by which `uses` people can make an account with this role. It is shown this once. One for "
        "an owner works once, for an hour. With an `email` it is sent there instead, for one.",
        right="administer",
        parameters=OnlyJson,
        body=InvitationBody,
        answers=(Success(201, "The invitation, with its link.", InvitationInfo),),
        refusals=(*JSON_BODY, "bad_email", "forbidden", "not_found", "reauthentication_required", *DISK),
        example="-u alice --json '{\"uses\":10}' {url}/api/v1/invitations",
    )
    async def make(self, request: Request, _: OnlyJson) -> Response:
        """A new link."""
        body, invitations = read_json(request, InvitationBody), self.context.people.invitations
        if body.email is not None:
            if body.uses != 1:
                raise Refusal("bad_parameter", "An invitation that is sent by mail is for one person.", field="uses")
            sent = await invitations.send(request.actor, body.role, body.days, body.email)
            return Response(201, encode(invitation_info(sent)), JSON)
        if body.role == "owner":
            made = await invitations.for_owner(request.actor)
        else:
            made = await invitations.make(request.actor, body.role, body.uses, body.days)
        url = link(self.context, request, "join", made.secret)
        return Response(201, encode(invitation_info(made.invitation, url)), JSON)

    @Operation(
        "DELETE",
        "/api/v1/invitations/{id}",
        "End an invitation",
        id="endInvitation",
        help="At once; accounts that were made by it stay. Moderators of a room end those that lead there.",
        right="account",
        parameters=InvitationOptions,
        answers=(Success(204, "It has ended."),),
        refusals=("not_found", "forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/invitations/i_53vdn63huduuored",
    )
    async def end(self, request: Request, options: InvitationOptions) -> Response:
        """The end of a link."""
        await self.context.people.invitations.end(request.actor, options.id)
        return Response(204)

    @Operation(
        "POST",
        "/api/v1/accounts/{name}/reset",
        "Make a link by which somebody sets a new password",
        id="makeReset",
        help="For those who have forgotten theirs; it works once, for a day.",
        right="administer",
        parameters=AccountOptions,
        answers=(Success(201, "The link.", InvitationInfo),),
        refusals=("not_found", "forbidden", "reauthentication_required", *DISK),
        example="-u alice -X POST {url}/api/v1/accounts/bob/reset",
    )
    async def reset(self, request: Request, options: AccountOptions) -> Response:
        """A link for somebody who has forgotten their password."""
        people = self.context.people
        made = await people.invitations.reset(request.actor, named_account(people.identities, options.name))
        url = link(self.context, request, "reset", made.secret)
        return Response(201, encode(invitation_info(made.invitation, url)), JSON)
