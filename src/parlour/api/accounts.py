"""Accounts: one's own, all of them for those who run the server, and bots."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import UNSET

from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import ACCOUNT_NAME, TEXT, OnlyJson, one_of
from parlour.api.people import (
    account_info,
    code_of,
    known_account,
    named_account,
    own_account,
    pass_info,
    profile,
    sign_in_info,
)
from parlour.api.resource import Resource
from parlour.api.sign_ins import (
    DISK,
    JSON_BODY,
    begin_first_session,
    device_fields,
    no_session,
    renewed_fields,
    require_safe_line,
)
from parlour.chat.accounts import NewPassword
from parlour.chat.profiles import ProfileChange
from parlour.core.accounts import KeptMessages
from parlour.http.fields import Fields
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import (
    AccountInfo,
    AccountList,
    BotBody,
    ChangeAccount,
    ChangeMe,
    DeleteMe,
    Me,
    Profile,
    RegisterBody,
    ResetBody,
    SignInList,
)


class AccountOptions(OnlyJson, frozen=True, kw_only=True):
    """One account."""

    name: Annotated[str, ACCOUNT_NAME, "The name of an account."]


class SignInOfOptions(AccountOptions, frozen=True, kw_only=True):
    """A session or token of an account."""

    id: Annotated[str, TEXT, "The id of a session or token, from the list of them."]


class DeleteOptions(AccountOptions, frozen=True, kw_only=True):
    """The choice of what happens to the messages of a deleted account."""

    messages: Annotated[
        KeptMessages | None,
        one_of(*get_args(KeptMessages)),
        "`keep` its messages under the name `deleted account`, or `remove` them, where the server lets you choose.",
    ] = None


class AccountsResource(Resource):
    """The handlers of accounts."""

    @Operation(
        "GET",
        "/api/v1/me",
        "Who you are",
        id="getMe",
        help="The account behind the session, token or password of the request; a guest has none. `sign_in` is the "
        "session or token that asks.",
        right=None,
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "Who asks.", Me),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/me",
    )
    async def me(self, request: Request, _: OnlyJson) -> Response:
        """The account, session or pass behind the request."""
        actor = request.actor
        row = await self.context.people.sign_ins.asking(actor)
        sign_in = None if row is None else sign_in_info(self.context.directs, row, row.id)
        account = None if actor.account is None else account_info(actor.account)
        scopes = None if actor.scopes is None else sorted(actor.scopes)
        own_pass = actor.guest_pass or actor.removed_pass
        guest = None if own_pass is None else pass_info(self.context.policies, own_pass)
        return Response(body=encode(Me(actor.kind, account, scopes, sign_in, guest)), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/me",
        "Change your account",
        id="changeMe",
        help="Your name, how you are shown, a line about yourself, your time zone, language and colour, or the "
        "password: all other sessions end with the old one, and the one that asks gets another secret, in a cookie. "
        "An account without a password gets its first one without the old one, by a session that was begun lately. "
        "The name that you had leads to you from then on, and nobody else gets it.",
        right="account",
        parameters=OnlyJson,
        body=ChangeMe,
        answers=(Success(200, "Your account as it is now.", AccountInfo, sometimes=("Set-Cookie",)),),
        refusals=(
            *(*JSON_BODY, "forbidden", "bad_name", "reserved_name", "name_taken"),
            *("bad_text", "bad_parameter", "weak_password", "bad_credentials", "reauthentication_required"),
            *("rate_limited", *DISK),
        ),
        example='-u alice -X PATCH --json \'{"display":"Alice A."}\' {url}/api/v1/me',
    )
    async def change_me(self, request: Request, _: OnlyJson) -> Response:
        """Profile, name, password."""
        body, accounts = read_json(request, ChangeMe), self.context.people.accounts
        own_account(request)
        password = None
        fields: Fields = ()
        if body.password is not None:
            require_safe_line(request)
            password = NewPassword(body.old_password, body.password, accounts.new_secret(request.actor))
            fields = renewed_fields(request, password.secret)
        hue: int | Literal["chance", "kept"] = (
            "kept" if body.hue is UNSET else "chance" if body.hue is None else body.hue
        )
        change = ProfileChange(body.name, body.display, body.status, body.time_zone, body.language, hue, body.hidden)
        account = await accounts.change(request.actor, change, password)
        return Response(body=encode(account_info(account)), content_type=JSON, fields=fields)

    @Operation(
        "POST",
        "/api/v1/me/deletion",
        "Delete your account",
        id="deleteMe",
        help="For good, with your password: sessions, tokens, bots, invitations and memberships end at once. Your "
        "messages stay, under the name `deleted account`, or are removed, where the server lets you choose. The last "
        "owner stays.",
        right="account",
        parameters=OnlyJson,
        body=DeleteMe,
        answers=(Success(204, "It is deleted.", always=("Set-Cookie",)),),
        refusals=(*JSON_BODY, "forbidden", "bad_credentials", "rate_limited", *DISK),
        example='-u carol --json \'{"password":"correct horse battery staple","messages":"keep"}\' '
        "{url}/api/v1/me/deletion",
    )
    async def delete_me(self, request: Request, _: OnlyJson) -> Response:
        """The end of one's own account."""
        require_safe_line(request)
        body = read_json(request, DeleteMe)
        own_account(request)
        await self.context.people.deletions.delete_own(request.actor, body.password, body.messages)
        return Response(204, fields=no_session(request))

    @Operation(
        "POST",
        "/api/v1/accounts",
        "Make an account",
        id="register",
        help="By an invitation, or without one where registration is open. Signs in, too: the secret of the session is "
        "in a cookie.",
        right=None,
        parameters=OnlyJson,
        body=RegisterBody,
        answers=(Success(201, "The account.", AccountInfo, always=("Set-Cookie",)),),
        refusals=(
            *(*JSON_BODY, "forbidden", "link_gone", "bad_name", "reserved_name", "name_taken", "weak_password"),
            *("registration_closed", "rate_limited", *DISK),
        ),
        example='--json \'{"invitation":"GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",'
        '"name":"bob","password":"a few words of his own"}\' {url}/api/v1/accounts',
    )
    async def register(self, request: Request, _: OnlyJson) -> Response:
        """A new account, signed in."""
        require_safe_line(request)
        body, people = read_json(request, RegisterBody), self.context.people
        address = request.peer.key
        if body.invitation is not None:
            account = await people.accounts.register(
                code_of(body.invitation), body.name, body.display, body.password, address
            )
        else:
            account = await people.accounts.register_openly(body.name, body.display, body.password, address)
        fields = await begin_first_session(people, request, account)
        return Response(201, encode(account_info(account)), JSON, fields)

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
        refusals=(*JSON_BODY, "forbidden", "link_gone", "weak_password", "rate_limited", *DISK),
        example='--json \'{"link":"GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c","password":"a few other words"}\''
        " {url}/api/v1/password",
    )
    async def reset_password(self, request: Request, _: OnlyJson) -> Response:
        """A new password."""
        require_safe_line(request)
        body, people = read_json(request, ResetBody), self.context.people
        account = await people.accounts.reset_password(body.link, body.password, request.peer.key)
        return Response(204, fields=device_fields(people, request, account))

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
        rows = [account_info(account) for account in self.context.people.identities.accounts.all()]
        return Response(body=encode(AccountList(rows)), content_type=JSON)

    @Operation(
        "GET",
        "/api/v1/accounts/{name}",
        "Somebody's profile",
        id="getAccount",
        help="For those who have signed in. A name that the account has had leads to it too, and so does its id.",
        right="account",
        rate="reading",
        parameters=AccountOptions,
        answers=(Success(200, "What there is to know of the account.", Profile),),
        refusals=("not_found",),
        example="-u alice {url}/api/v1/accounts/bob",
    )
    def show(self, request: Request, options: AccountOptions) -> Response:
        """Somebody else, or oneself."""
        identities = self.context.people.identities
        return Response(body=encode(profile(identities, known_account(identities, options.name))), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/accounts/{name}",
        "Change the role of an account, or disable it",
        id="changeAccount",
        help="A disabled account and its bots are signed out everywhere at once. With another role the sessions of an "
        "account end. The last owner stays one.",
        right="administer",
        parameters=AccountOptions,
        body=ChangeAccount,
        answers=(Success(200, "The account as it is now.", AccountInfo),),
        refusals=(*JSON_BODY, "not_found", "reauthentication_required", *DISK),
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
        "GET",
        "/api/v1/accounts/{name}/sign-ins",
        "What somebody is signed in with",
        id="getSignInsOf",
        help="Sessions and tokens, the newest first, with their last use. Those of an owner are for owners.",
        right="administer",
        rate="reading",
        parameters=AccountOptions,
        answers=(Success(200, "Sessions and tokens.", SignInList),),
        refusals=("not_found", "forbidden", "storage_unavailable"),
        example="-u alice {url}/api/v1/accounts/bob/sign-ins",
    )
    async def sign_ins(self, request: Request, options: AccountOptions) -> Response:
        """Sessions and tokens of somebody."""
        people = self.context.people
        rows = await people.sign_ins.of(request.actor, named_account(people.identities, options.name))
        body = SignInList([sign_in_info(self.context.directs, row, request.actor.sign_in) for row in rows])
        return Response(body=encode(body), content_type=JSON)

    @Operation(
        "DELETE",
        "/api/v1/accounts/{name}/sign-ins/{id}",
        "End a session or a token of somebody",
        id="endSignInOf",
        help="At once, as they would do it themselves.",
        right="administer",
        parameters=SignInOfOptions,
        answers=(Success(204, "It has ended."),),
        refusals=("not_found", "forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/accounts/bob/sign-ins/t_53vdn63huduuored",
    )
    async def end_sign_in(self, request: Request, options: SignInOfOptions) -> Response:
        """The end of one of them."""
        people = self.context.people
        await people.sign_ins.end(request.actor, named_account(people.identities, options.name), options.id)
        return Response(204)

    @Operation(
        "DELETE",
        "/api/v1/accounts/{name}",
        "Delete an account",
        id="deleteAccount",
        help="For good, with its bots: all that they are signed in with, their invitations and memberships end at "
        "once. The last owner stays.",
        right="administer",
        parameters=DeleteOptions,
        answers=(Success(204, "It is deleted."),),
        refusals=("not_found", *DISK),
        example="-u alice -X DELETE '{url}/api/v1/accounts/carol?messages=remove'",
    )
    async def delete(self, request: Request, options: DeleteOptions) -> Response:
        """The end of somebody's account."""
        people = self.context.people
        await people.deletions.delete(request.actor, named_account(people.identities, options.name), options.messages)
        return Response(204)

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
