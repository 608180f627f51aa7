"""Signing in and out, and what an account is signed in with: sessions and API tokens."""

from __future__ import annotations

from contextlib import suppress
from secrets import token_urlsafe
from typing import Annotated, NamedTuple

from parlour.api.bodies import read_json
from parlour.api.credentials import device_cookie, may_have_session, set_cookie, set_device_cookie
from parlour.api.guard import require_own_page
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, OnlyJson
from parlour.api.passkey_answers import assertion
from parlour.api.people import account_info, own_account, own_or_bot, sign_in_info
from parlour.api.resource import Resource
from parlour.chat.identities import SESSION_MS
from parlour.chat.people import People
from parlour.chat.sign_ins import HalfSignIn, NewSignIn
from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.passkeys import Assertion, place_of
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import Me, PasswordBody, SignInBody, SignInInfo, SignInList, TokenBody

DISK = ("outcome_unknown", "draining", "storage_unavailable", "storage_full")
"""The refusals of what has to be stored."""

JSON_BODY = ("bad_json", "bad_utf8", "unsupported_media_type")


class NewSession(NamedTuple):
    """A new session, and the header fields of the answer that begins it."""

    account: Account
    fields: Fields


class SignInOptions(OnlyJson, frozen=True, kw_only=True):
    """One session or token."""

    id: Annotated[str, TEXT, "The id of a session or token, from the list of them."]


class SignInsResource(Resource):
    """The handlers of sessions and tokens."""

    @Operation(
        "POST",
        "/api/v1/session",
        "Sign in",
        id="signIn",
        help="Begins a session, whose secret is in a cookie: for browsers. Programs use a token. Not over plain HTTP, "
        "except within one machine. Wrong passwords cost more and more time. With a second factor a `code` of its app "
        "is needed too, or a recovery code: without one the right password is `code_required`.",
        right=None,
        parameters=OnlyJson,
        body=SignInBody,
        answers=(Success(201, "You are signed in.", Me, always=("Set-Cookie",)),),
        refusals=(*JSON_BODY, "bad_credentials", "code_required", "bad_code", "forbidden", "rate_limited", *DISK),
        example='--json \'{"name":"alice","password":"correct horse battery staple"}\' {url}/api/v1/session',
    )
    async def sign_in(self, request: Request, _: OnlyJson) -> Response:
        """Name and password for a session."""
        body = read_json(request, SignInBody)
        me, fields = await begin_session(self.context.people, request, body.name, body.password, body.code)
        return Response(201, encode(me), JSON, fields)

    @Operation(
        "POST",
        "/api/v1/session/confirm",
        "Give your password again",
        id="confirmSession",
        help="For what is refused with `reauthentication_required`: it is done for 15 minutes after this. The session "
        "gets another secret. With a second factor it needs a `code` too; a passkey is enough. Requests with a token "
        "or a password never need it, and are told whether it is right.",
        right=None,
        parameters=OnlyJson,
        body=PasswordBody,
        answers=(Success(200, "It is you.", Me, sometimes=("Set-Cookie",)),),
        refusals=(
            *JSON_BODY,
            "bad_parameter",
            "forbidden",
            "login_required",
            "bad_passkey",
            "forbidden",
            "bad_credentials",
            "code_required",
            "bad_code",
            "rate_limited",
            *DISK,
        ),
        example='-u alice --json \'{"password":"correct horse battery staple"}\' {url}/api/v1/session/confirm',
    )
    async def confirm(self, request: Request, _: OnlyJson) -> Response:
        """The password of the session that asks."""
        body = read_json(request, PasswordBody)
        account = own_account(request)
        if request.actor.scopes is not None:  # whoever lacks a factor gives the password to set one up
            self.context.policies.require(request.actor, "account", None)
        if body.passkey is not None:
            fields = await reauthenticate_by_passkey(self.context.people, request, assertion(body.passkey))
        elif not body.password:
            raise Refusal("bad_parameter", "Send your password, or a passkey.", field="password")
        else:
            fields = await reauthenticate(self.context.people, request, body.password, body.code)
        return Response(200, encode(Me(account.kind, account_info(account))), JSON, fields)

    @Operation(
        "DELETE",
        "/api/v1/session",
        "Sign out",
        id="signOut",
        help="Ends the session that asks, with its streams. A guest is signed out already.",
        right=None,
        parameters=OnlyJson,
        answers=(Success(204, "You are signed out.", always=("Set-Cookie",)),),
        refusals=("forbidden", *DISK),
        example="-X DELETE {url}/api/v1/session",
    )
    async def sign_out(self, request: Request, _: OnlyJson) -> Response:
        """The end of the session that asks."""
        return Response(204, fields=await end_session(self.context.people, request))

    @Operation(
        "GET",
        "/api/v1/sign-ins",
        "What you are signed in with",
        id="getSignIns",
        help="Sessions and tokens of your account, the newest first, with their last use.",
        right="account",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "Sessions and tokens.", SignInList),),
        refusals=("forbidden", "storage_unavailable"),
        example="-u alice {url}/api/v1/sign-ins",
    )
    async def list(self, request: Request, _: OnlyJson) -> Response:
        """Sessions and tokens."""
        account = own_account(request)
        rows = await self.context.people.sign_ins.of(request.actor, account)
        body = SignInList([sign_in_info(self.context.directs, row, request.actor.sign_in) for row in rows])
        return Response(body=encode(body), content_type=JSON)

    @Operation(
        "DELETE",
        "/api/v1/sign-ins/{id}",
        "End a session or a token",
        id="endSignIn",
        help="At once: its live streams end, and its waiting requests are refused. One of your own, or of your bots; a "
        "token without the scope `admin` ends itself alone.",
        right=None,
        parameters=SignInOptions,
        answers=(Success(204, "It has ended."),),
        refusals=("not_found", *DISK),
        example="-u alice -X DELETE {url}/api/v1/sign-ins/t_53vdn63huduuored",
    )
    async def end(self, request: Request, options: SignInOptions) -> Response:
        """The end of one of one's own, or of one's bots."""
        await self.context.people.sign_ins.end_own(request.actor, options.id)
        return Response(204)

    @Operation(
        "POST",
        "/api/v1/tokens",
        "Make a token",
        id="makeToken",
        help="For a program: it may do what its scopes say, for `days` days. The secret is shown this once. It is sent "
        "as `Authorization: Bearer …`, or as the password of `curl -u`.",
        right="account",
        parameters=OnlyJson,
        body=TokenBody,
        answers=(Success(201, "The token, with its secret.", SignInInfo),),
        refusals=(
            *JSON_BODY,
            "bad_room_name",
            "reserved_name",
            "forbidden",
            "not_found",
            "reauthentication_required",
            *DISK,
        ),
        example='-u alice --json \'{"label":"cron","scopes":["post"]}\' {url}/api/v1/tokens',
    )
    async def make_token(self, request: Request, _: OnlyJson) -> Response:
        """A new token, for oneself or a bot."""
        body = read_json(request, TokenBody)
        account = own_or_bot(self.context.people.identities, request, body.account)
        rooms = None if body.rooms is None else frozenset(body.rooms)
        made = await self.context.people.sign_ins.make_token(
            request.actor, account, body.label, frozenset(body.scopes), body.days, rooms
        )
        return Response(201, encode(sign_in_info(self.context.directs, made.sign_in, None, made.secret)), JSON)


async def begin_session(people: People, request: Request, name: str, password: str, code: str) -> tuple[Me, Fields]:
    """Sign somebody in: who it is, and the header fields of the answer. Raises Refusal."""
    require_safe_line(request)
    agent, cookie = _user_agent(request), request.cookie(device_cookie(request.peer))
    made = await people.sign_ins.sign_in(name, password, agent, request.peer.key, cookie, code)
    return Me(made.account.kind, account_info(made.account)), await _session_fields(people, request, made)


async def begin_by_steps(people: People, request: Request, name: str, password: str) -> NewSession | HalfSignIn:
    """Sign somebody in, or take the first step to it where there is a second. Raises Refusal."""
    require_safe_line(request)
    agent, cookie = _user_agent(request), request.cookie(device_cookie(request.peer))
    begun = await people.sign_ins.first_step(name, password, agent, request.peer.key, cookie)
    if isinstance(begun, HalfSignIn):
        return begun
    return NewSession(begun.account, await _session_fields(people, request, begun))


async def begin_by_passkey(
    people: People, request: Request, answer: Assertion, half: HalfSignIn | None = None
) -> NewSession:
    """Sign somebody in by a passkey, alone or for the half that they have. Raises Refusal."""
    require_safe_line(request)
    cookie = request.cookie(device_cookie(request.peer))
    made = await people.sign_ins.by_passkey(answer, place_of(request.origin), _user_agent(request), half, cookie)
    return NewSession(made.account, await _session_fields(people, request, made))


async def reauthenticate_by_passkey(people: People, request: Request, answer: Assertion) -> Fields:
    """Check a passkey in place of the password, as `reauthenticate`: the header fields. Raises Refusal."""
    require_safe_line(request)
    renewed = await people.sign_ins.reauthenticate_by_passkey(request.actor, answer, place_of(request.origin))
    request.actor = renewed.actor
    return renewed_fields(request, renewed.secret)


async def finish_session(people: People, request: Request, half: HalfSignIn, code: str) -> NewSession:
    """Take the second step of signing in. Raises Refusal."""
    require_safe_line(request)
    agent, cookie = _user_agent(request), request.cookie(device_cookie(request.peer))
    made = await people.sign_ins.second_step(half, code, agent, request.peer.key, cookie)
    return NewSession(made.account, await _session_fields(people, request, made))


async def begin_first_session(people: People, request: Request, account: Account) -> Fields:
    """Sign somebody in who has just made this account: the header fields of the answer. Raises Refusal."""
    return await _session_fields(people, request, await people.sign_ins.begin(account, _user_agent(request)))


async def begin_by_provider(
    people: People, request: Request, account: Account, authenticated_ms: int, *, is_new: bool = False
) -> Fields:
    """Sign somebody in who was asked elsewhere who they are: the header fields of the answer. Raises Refusal."""
    cookie = request.cookie(device_cookie(request.peer))
    is_known = is_new or (cookie is not None and people.identities.devices.device_of(account.id, cookie) is not None)
    begun = await people.sign_ins.begin(
        account, _user_agent(request), is_new_device=not is_known, authenticated_ms=authenticated_ms
    )
    return await _session_fields(people, request, begun)


def _user_agent(request: Request) -> str:
    return (request.field(b"user-agent") or b"").decode("latin-1")


async def reauthenticate(people: People, request: Request, password: str, code: str = "") -> Fields:
    """Check a password again; for what is dangerous it has been given now: the header fields. Raises Refusal."""
    require_safe_line(request)
    renewed = await people.sign_ins.reauthenticate(request.actor, password, code)
    request.actor = renewed.actor
    return renewed_fields(request, renewed.secret)


def renewed_fields(request: Request, secret: str | None) -> Fields:
    """The header fields for a session that has another secret from now on; none where that is None."""
    if secret is None:
        return ()
    return ((FieldName.SET_COOKIE, set_cookie(request.peer, secret, SESSION_MS // 1000)),)


def require_safe_line(request: Request) -> None:
    """Raises Refusal("forbidden") where a session could be read on the way, ("cross_origin") for pages of others."""
    require_own_page(request)
    if not may_have_session(request.peer):
        raise Refusal("forbidden", "Sign in over HTTPS: over plain HTTP a password can be read on its way here.")


async def _session_fields(people: People, request: Request, made: NewSignIn) -> Fields:
    """The header fields that begin a session; one that this browser had is over."""
    before = request.actor
    if before.account is not None and before.credential == "session" and before.sign_in is not None:
        with suppress(Refusal):  # it may have ended meanwhile
            await people.sign_ins.end(before, before.account, before.sign_in)
    session = set_cookie(request.peer, made.secret, SESSION_MS // 1000)
    return ((FieldName.SET_COOKIE, session), *device_fields(people, request, made.account))


def device_fields(people: People, request: Request, account: Account) -> Fields:
    """The header field by which this device is known again, when strangers guess the password of this account."""
    identities, cookie = people.identities, request.cookie(device_cookie(request.peer))
    if cookie is not None and identities.devices.device_of(account.id, cookie) is not None:
        return ()
    value = identities.devices.sealed(account.id, token_urlsafe(16))
    return ((FieldName.SET_COOKIE, set_device_cookie(request.peer, value)),)


async def end_session(people: People, request: Request) -> Fields:
    """End the session that asks, if one does: the header fields of the answer. Raises Refusal."""
    actor = request.actor
    if actor.account is not None and actor.credential == "session" and actor.sign_in is not None:
        await people.sign_ins.end(actor, actor.account, actor.sign_in)
    return no_session(request)


def no_session(request: Request) -> Fields:
    """The header fields that end a session in the browser."""
    return ((FieldName.SET_COOKIE, set_cookie(request.peer, "", 0)),)
