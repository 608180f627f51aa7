"""Bans of the whole server, and the switch against raids: for its moderators, and accounts for who runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from parlour.api.bodies import read_json
from parlour.api.context import Context
from parlour.api.forms import Form, errors_of, form_fields, optional_number, sign_in_first
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, OnlyJson
from parlour.api.people import named_account, zone_of
from parlour.api.resource import Resource
from parlour.api.restrictions import author_meant
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.tables.bans import Ban
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.names import room_name
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.bans import BanBody, BanInfo, BanList
from parlour.schema.event_json import at_text
from parlour.schema.json_line import encode

_FIELDS = ("do", "id", "account", "address", "room", "seq", "reason", "minutes", "newcomers", "raid")


class BanOptions(OnlyJson, frozen=True, kw_only=True):
    """The id of one ban."""

    id: Annotated[str, TEXT, "The id of a ban."]


def ban_infos(context: Context, actor: Actor) -> list[BanInfo]:
    """The bans that an actor may see."""
    return [info for ban in context.people.bans.all(actor) if (info := _info(context, ban)) is not None]


def _info(context: Context, ban: Ban) -> BanInfo | None:
    account = context.people.identities.accounts.get
    subject, name = ban.subject, ban.name
    if ban.kind in ("account", "waiting"):
        found = account(ban.subject)
        if found is None or found.state == "deleted":
            return None
        subject, name = found.name, found.display
    by = account(ban.made_by)
    until = None if ban.until_ms is None else at_text(ban.until_ms)
    maker = "" if by is None else by.name
    return BanInfo(
        ban.id, ban.kind, subject, at_text(ban.made_ms), name, ban.reason, until, maker, ban.since_ms is not None
    )


async def make_ban(context: Context, request: Request, body: BanBody) -> Ban:
    """Carry out what a body asks for. Raises Refusal."""
    bans, actor = context.people.bans, request.actor
    if sum(each is not None for each in (body.account, body.address, body.room)) != 1:
        raise Refusal("bad_parameter", "Say whom: account, address, or room and seq.", field="account")
    if body.account is not None:
        context.policies.require(actor, "administer", None)
        account = named_account(context.people.identities, body.account)
        return await bans.ban_account(actor, account, body.reason, body.minutes)
    if body.address is not None:
        return await bans.ban_address(actor, body.address, body.reason, body.minutes)
    if body.seq is None:
        raise Refusal("bad_parameter", "Say by which message: seq.", field="seq")
    whom = await author_meant(context, request, room_name(body.room or ""), body.seq, None)
    return await bans.ban_guest(actor, whom, body.reason, body.minutes, newcomers=body.newcomers)


class BansResource(Resource):
    """The handlers of bans."""

    @Operation(
        "GET",
        "/api/v1/bans",
        "Who is kept out of the server",
        id="getBans",
        help="For moderators of the server; admins are also shown accounts, and those that wait to be approved.",
        right="order",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "The bans in force, the newest first.", BanList),),
        example="-u alice {url}/api/v1/bans",
    )
    def list(self, request: Request, _: OnlyJson) -> Response:
        """All bans."""
        return Response(body=encode(BanList(ban_infos(self.context, request.actor))), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/bans",
        "Keep somebody out of the server",
        id="ban",
        help="In force at once, on every node; what is open ends. An account can sign in, and see why and until when. "
        "A banned address has no guests and makes no accounts; people with an account are not held by it. A guest is "
        "known as in a room (POST /api/v1/rooms/{room}/restrictions). Accounts are banned by admins.",
        right="order",
        parameters=OnlyJson,
        body=BanBody,
        answers=(Success(201, "The ban.", BanInfo),),
        refusals=(*JSON_BODY, "not_found", "gone", "forbidden", "bad_text", *DISK),
        example='-u alice --json \'{"address":"203.0.113.0/24","minutes":60,"reason":"spam"}\' {url}/api/v1/bans',
    )
    async def ban(self, request: Request, _: OnlyJson) -> Response:
        """One more ban."""
        made = await make_ban(self.context, request, read_json(request, BanBody))
        return Response(201, encode(_info(self.context, made)), JSON)

    @Operation(
        "DELETE",
        "/api/v1/bans/{id}",
        "Lift a ban, or approve an account",
        id="liftBan",
        right="order",
        parameters=BanOptions,
        answers=(Success(204, "It is lifted, and that is on disk."),),
        refusals=("not_found", "forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/bans/n_53vdn63huduuored",
    )
    async def lift(self, request: Request, options: BanOptions) -> Response:
        """The end of a ban."""
        await self.context.people.bans.lift(request.actor, options.id)
        return Response(204)

    @Operation(
        "GET", "/admin/bans", "The page of bans", right=None, page_for="order", example="-u alice {url}/admin/bans"
    )
    async def show(self, request: Request) -> Response:
        """The page; a guest is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        return await self._page(request)

    @Operation(
        "POST",
        "/admin/bans",
        "What the forms of the page of bans do",
        right="order",
        body=Form,
        refusals=("bad_form", "unsupported_media_type", "forbidden", "not_found", "gone", "bad_parameter", *DISK),
        example="-u alice -d do=ban -d address=203.0.113.7 -d minutes=60 {url}/admin/bans",
    )
    async def submit(self, request: Request) -> Response:
        """One of the forms; the page again, with what came of it."""
        form = form_fields(request, *_FIELDS)
        try:
            return await self._page(request, done=await self._do(request, form))
        except Refusal as refusal:
            return await self._page(request, refusal=refusal, form=form)

    async def _do(self, request: Request, form: dict[str, str]) -> str:
        if form["do"] == "lift":
            await self.context.people.bans.lift(request.actor, form["id"])
            return "Lifted."
        if form["do"] == "raid":
            await self.context.people.settings.set_raid(request.actor, form["raid"] == "on")
            return "The switch is on." if form["raid"] == "on" else "The switch is off."
        if form["do"] != "ban":
            raise Refusal("bad_form", "The page has no such form.", field="do")
        if sum(bool(form[name]) for name in ("account", "address", "room")) != 1:
            raise Refusal("bad_parameter", "Say whom: the name of an account, or else an address.", field="address")
        numbers = {name: optional_number(form, name) for name in ("minutes", "seq")}
        await make_ban(
            self.context,
            request,
            BanBody(
                form["account"] or None, form["address"] or None, form["room"] or None,
                numbers["seq"], form["reason"], numbers["minutes"], bool(form["newcomers"]),
            ),
        )  # fmt: skip
        return "Banned."

    async def _page(
        self, request: Request, *, done: str = "", refusal: Refusal | None = None, form: dict[str, str] | None = None
    ) -> Response:
        context, actor = self.context, request.actor
        if refusal is not None and refusal.code == "forbidden":
            raise refusal
        when = self.when(zone_of(actor))
        until: dict[str, str] = {
            ban.id: "" if ban.until_ms is None else when(ban.until_ms) for ban in context.people.bans.all(actor)
        }
        rows: Sequence[BanInfo] = ban_infos(context, actor)
        return await self.framed(
            request,
            "bans.html",
            "Bans",
            refusal=refusal,
            here="bans",
            is_admin=context.policies.may_everywhere(actor, "administer"),
            rows=[(each, until[each.id]) for each in rows],
            raid=context.people.settings.now.raid,
            done=done,
            said=(done,),
            values={**dict.fromkeys(_FIELDS, ""), "minutes": "1440"} if form is None else form,
            errors={}
            if refusal is None
            else errors_of(refusal, "account", "address", "room", "seq", "minutes", "reason"),
        )
