"""Blocks: whose messages somebody does not take."""

from __future__ import annotations

from parlour.api.accounts import AccountOptions
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.people import known_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.event_json import at_text
from parlour.schema.json_line import encode
from parlour.schema.people import BlockInfo, BlockList


class BlocksResource(Resource):
    """The handlers of blocks."""

    @Operation(
        "GET",
        "/api/v1/me/blocks",
        "Whom you have blocked",
        id="getBlocks",
        help="Nobody else sees this list.",
        right="account",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "The blocks, the newest first.", BlockList),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/me/blocks",
    )
    async def list(self, request: Request, _: OnlyJson) -> Response:
        """One's own blocks."""
        people = self.context.people
        rows = []
        for block in await people.blocks.all(request.actor):
            account = people.identities.accounts.get(block.blocked)
            if account is not None:
                rows.append(BlockInfo(account.id, account.name, account.display, account.kind, at_text(block.made_ms)))
        return Response(body=encode(BlockList(rows)), content_type=JSON)

    @Operation(
        "PUT",
        "/api/v1/me/blocks/{name}",
        "Block somebody",
        id="block",
        help="They and their bots send you no direct message any more, not in a group either, and add you to no room. "
        "They are told nothing; who writes to you learns that you take no messages from them.",
        right="account",
        parameters=AccountOptions,
        answers=(Success(204, "They are blocked."),),
        refusals=("bad_parameter", "not_found", *DISK),
        example="-u alice -X PUT {url}/api/v1/me/blocks/bob",
    )
    async def block(self, request: Request, options: AccountOptions) -> Response:
        """No messages of somebody any more."""
        people = self.context.people
        await people.blocks.block(request.actor, known_account(people.identities, options.name))
        return Response(204)

    @Operation(
        "DELETE",
        "/api/v1/me/blocks/{name}",
        "Take somebody's messages again",
        id="unblock",
        right="account",
        parameters=AccountOptions,
        answers=(Success(204, "They are not blocked any more."),),
        refusals=("not_found", *DISK),
        example="-u alice -X DELETE {url}/api/v1/me/blocks/bob",
    )
    async def unblock(self, request: Request, options: AccountOptions) -> Response:
        """Their messages again."""
        people = self.context.people
        await people.blocks.unblock(request.actor, known_account(people.identities, options.name))
        return Response(204)
