"""Accounts: one's own, all of them for those who run the server, and bots."""

from __future__ import annotations

from typing import Annotated

from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import ACCOUNT_NAME, OnlyJson
from parlour.api.people import account_info, named_account, own_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY, require_safe_line, session_fields
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import (
    AccountInfo,
    AccountList,
    BotBody,
    ChangeAccount,
    ChangeMe,
    Me,
    RegisterBody,
    ResetBody,
)


class AccountOptions(OnlyJson, frozen=True, kw_only=True):
    """One account."""

    name: Annotated[str, ACCOUNT_NAME, "The name of an account."]


class AccountsResource(Resource):
    """The handlers of accounts."""

    @Operation(
        "GET",
        "/api/v1/me",
        "Who you are",
        id="getMe",
        help="The account behind the session, token or password of the request; a guest has none.",
        right=None,
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "Who asks.", Me),),
        example="-u alice {url}/api/v1/me",
    )
    def me(self, request: Request, _: OnlyJson) -> Response:
        """Who asks."""
        actor = request.actor
        account = None if actor.account is None else account_info(actor.account)
        scopes = None if actor.scopes is None else sorted(actor.scopes)
        return Response(body=encode(Me(actor.kind, account, scopes)), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/me",
        "Change your account",
        id="changeMe",
        help="The name, how you are shown, or the password: all other sessions end with the old one.",
        right="account",
        parameters=OnlyJson,
        body=ChangeMe,
        answers=(Success(200, "Your account as it is now.", AccountInfo),),
        refusals=(
            *(*JSON_BODY, "forbidden", "bad_name", "reserved_name", "name_taken"),
            *("weak_password", "bad_credentials", "rate_limited", *DISK),
        ),
        example='-u alice -X PATCH --json \'{"display":"Alice A."}\' {url}/api/v1/me',
    )
    async def change_me(self, request: Request, _: OnlyJson) -> Response:
        """Name, display name, password."""
        body, accounts, actor = read_json(request, ChangeMe), self.context.people.accounts, request.actor
        account = own_account(request)
        if body.password is not None:
            require_safe_line(request)
            await accounts.change_password(actor, body.old_password or "", body.password)
        if body.display is not None:
            account = await accounts.set_display(actor, body.display)
        if body.name is not None:
            account = await accounts.rename(actor, body.name)
        return Response(body=encode(account_info(account)), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/accounts",
        "Make an account by an invitation",
        id="register",
        help="Signs in, too: the secret of the session is in a cookie.",
        right=None,
        parameters=OnlyJson,
        body=RegisterBody,
        answers=(Success(201, "The account.", AccountInfo, always=("Set-Cookie",)),),
        refusals=(
            *(*JSON_BODY, "forbidden", "link_gone", "bad_name", "reserved_name", "name_taken", "weak_password"),
            *DISK,
        ),
        example='--json \'{"invitation":"GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",'
        '"name":"bob","password":"a few words of his own"}\' {url}/api/v1/accounts',
    )
    async def register(self, request: Request, _: OnlyJson) -> Response:
        """A new account, signed in."""
        require_safe_line(request)
        body, people = read_json(request, RegisterBody), self.context.people
        account = await people.accounts.register(body.invitation, body.name, body.display, body.password)
        made = await people.sign_ins.begin(account, (request.field(b"user-agent") or b"").decode("latin-1"))
        return Response(201, encode(account_info(account)), JSON, session_fields(request, made.secret))

    @Operation(
        "POST",
        "/api/v1/password",
        "Set a new password by a link",
        id="resetPassword",
        help="All sessions of the account end.",
        right=None,
        parameters=OnlyJson,
        body=ResetBody,
        answers=(Success(204, "It is set."),),
        refusals=(*JSON_BODY, "forbidden", "link_gone", "weak_password", *DISK),
        example='--json \'{"link":"GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c","password":"a few other words"}\''
        " {url}/api/v1/password",
    )
    async def reset_password(self, request: Request, _: OnlyJson) -> Response:
        """A new password."""
        require_safe_line(request)
        body = read_json(request, ResetBody)
        await self.context.people.accounts.reset_password(body.link, body.password)
        return Response(204)

    @Operation(
        "GET",
        "/api/v1/accounts",
        "All accounts",
        id="getAccounts",
        right="administer",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "All accounts, by name.", AccountList),),
        example="-u alice {url}/api/v1/accounts",
    )
    def list(self, request: Request, _: OnlyJson) -> Response:
        """All accounts, for those who run the server."""
        rows = [account_info(account) for account in self.context.people.identities.accounts()]
        return Response(body=encode(AccountList(rows)), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/accounts/{name}",
        "Change the role of an account, or disable it",
        id="changeAccount",
        help="A disabled account and its bots are signed out everywhere at once. The last owner stays one.",
        right="administer",
        parameters=AccountOptions,
        body=ChangeAccount,
        answers=(Success(200, "The account as it is now.", AccountInfo),),
        refusals=(*JSON_BODY, "not_found", *DISK),
        example='-u alice -X PATCH --json \'{"role":"moderator"}\' {url}/api/v1/accounts/bob',
    )
    async def change(self, request: Request, options: AccountOptions) -> Response:
        """Role and state."""
        body, people = read_json(request, ChangeAccount), self.context.people
        account = named_account(people.identities, options.name)
        if body.role is not None:
            account = await people.accounts.set_role(request.actor, account, body.role)
        if body.state is not None:
            account = await people.accounts.set_active(request.actor, account, body.state == "active")
        return Response(body=encode(account_info(account)), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/bots",
        "Make a bot",
        id="makeBot",
        help="An account without a password, which belongs to you: it acts with tokens that you make for it.",
        right="account",
        parameters=OnlyJson,
        body=BotBody,
        answers=(Success(201, "The bot.", AccountInfo),),
        refusals=(*JSON_BODY, "forbidden", "bad_name", "reserved_name", "name_taken", *DISK),
        example='-u alice --json \'{"name":"deploy"}\' {url}/api/v1/bots',
    )
    async def make_bot(self, request: Request, _: OnlyJson) -> Response:
        """A bot of one's own."""
        own_account(request)
        body = read_json(request, BotBody)
        bot = await self.context.people.accounts.make_bot(request.actor, body.name, body.display)
        return Response(201, encode(account_info(bot)), JSON)
