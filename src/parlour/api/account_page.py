"""The address `/account`: the page of one's own account (profile, programs, bots, devices, password), or who one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from parlour.api.accounts import AccountsResource
from parlour.api.forms import Form, checked, errors_of, form_fields, kept_messages, page, sign_in_first
from parlour.api.messages import room_path
from parlour.api.operation import Operation
from parlour.api.parameters import OnlyJson, Parameters
from parlour.api.password_again import AGAIN, ask_password, with_password
from parlour.api.people import own_account, own_or_bot
from parlour.api.shown_once import NewSecret
from parlour.api.sign_ins import DISK, no_session, renewed_fields, require_safe_line
from parlour.chat.profiles import ProfileChange
from parlour.chat.sign_ins import TOKEN_DAYS
from parlour.chat.time_zones import time_zone, time_zones
from parlour.core.accounts import HUES, Account, Scope
from parlour.core.errors import Refusal
from parlour.core.text import visible
from parlour.core.typed_room import room_as_typed
from parlour.http.fields import FieldName, Fields
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.http.response import Response

_OF_JSON = Parameters(OnlyJson, "/account")
_PROFILE = ("display", "name", "status", "time_zone", "language", "hue", "hidden")
_FIELDS = (
    "do",
    *_PROFILE,
    "label",
    "read",
    "post",
    "as",
    "bot",
    "room",
    "id",
    "username",
    "old",
    "password",
    "current",
    "messages",
    "email",
    *AGAIN,
)

_TAGS = """
    ar bg bn ca cs da de el en en-GB en-US es et fa fi fr ga he hi hr hu hy id is it ja ka ko lt lv mk ms mt nb nl pl pt
    pt-BR ro ru sk sl sq sr sv sw ta th tr uk ur vi zh-Hans zh-Hant
"""
_LANGUAGES = tuple(_TAGS.split())
"""Tags to choose from; others can be written."""


class AccountPage(AccountsResource):
    """The handlers of this page; to programs the address answers as that of one's account in the API does."""

    @Operation(
        "GET",
        "/account",
        "Your account: its page for browsers, a line for curl, JSON for programs",
        right=None,
        page_for="account",
        refusals=("bad_parameter", "rate_limited", "storage_unavailable"),
        example="{url}/account",
    )
    async def own(self, request: Request) -> Response:
        """The page, to which a guest is led by signing in; or who asks."""
        chosen = choose(accepted(request.head), ("text", "html", "json"))
        account = request.actor.account
        if account is None and chosen == "html":
            return sign_in_first(request)
        if account is not None:
            self.context.policies.require(request.actor, "account", None)
        if chosen == "html":
            return await self._page(request, made=self.context.shown_once.take(request))
        self.guard.limit_reading(request)
        if chosen == "json":
            return await self.me(request, _OF_JSON(request))
        line = _who(account) if account is not None else self._how_to_sign_in(request)
        return Response(200, f"{line}\n".encode(), fields=((FieldName.VARY, b"Accept, Cookie, Authorization"),))

    def _how_to_sign_in(self, request: Request) -> str:
        if not self.context.people.identities.accounts.has_owner():
            return "You are not signed in: nobody has an account here yet."
        return (
            f"You are not signed in; with your name curl asks for the password: curl -u NAME {request.base_url}/account"
        )

    @Operation(
        "POST",
        "/account",
        "What the forms of your account's page do",
        right="account",
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "forbidden", "not_found", "bad_name", "bad_room_name"),
            *(
                "reserved_name",
                "name_taken",
                "weak_password",
                "bad_text",
                "bad_parameter",
                "bad_credentials",
                "rate_limited",
                "bad_email",
                "reauthentication_required",
            ),
            *DISK,
        ),
        example="-u alice -d do=profile -d 'display=Alice A.' -d name=alice {url}/account",
    )
    async def submit(self, request: Request) -> Response:
        """One of the forms; the page again, with what came of it."""
        own_account(request)
        form = form_fields(request, *_FIELDS)
        try:
            renewed = await with_password(self.context.people, request, form)
        except Refusal as refusal:
            return await ask_password(self.context.people, request, "/account", form, refusal, self.ways)
        try:
            if form["do"] == "delete":
                return await self._delete(request, form)
            if form["do"] == "token":
                made = await self._make_token(request, form)
                way = self.context.shown_once.lead_to(request, "/account", made, ())
                return await self._page(request, made=made) if way is None else way
            done, fields = await self._do(request, form)
            fields = (*renewed, *fields)
        except Refusal as refusal:
            if refusal.code == "reauthentication_required":
                return await ask_password(self.context.people, request, "/account", form, refusal, self.ways)
            return await self._page(request, refusal=refusal, form=form, fields=renewed)
        return await self._page(request, done=done, fields=fields, made_bot=form["bot"] if form["do"] == "bot" else "")

    async def _make_token(self, request: Request, form: dict[str, str]) -> NewSecret:
        """A new token, and the room that it says hello in."""
        people, scopes = self.context.people, cast("frozenset[Scope]", checked(form, "read", "post"))
        whose, rooms = own_or_bot(people.identities, request, form["as"] or None), _rooms(request, form)
        made = await people.sign_ins.make_token(request.actor, whose, form["label"], scopes, TOKEN_DAYS, rooms)
        return NewSecret(made.secret, "" if rooms is None else next(iter(rooms)))

    async def _do(self, request: Request, form: dict[str, str]) -> tuple[str, Fields]:
        """Carry out a form: the sentence that says so, and further header fields."""
        people, actor = self.context.people, request.actor
        if form["do"] == "profile":
            await people.accounts.change(actor, _profile(form))
            return "Saved.", ()
        if form["do"] == "bot":
            await people.accounts.make_bot(actor, form["bot"], "")
            return "The bot is made: now make a token for it.", ()
        if form["do"] in ("disable_bot", "delete_bot"):
            return await self._end_bot(request, form), ()
        if form["do"] == "end":
            await people.sign_ins.end_own(actor, form["id"])
            return "It has ended.", ()
        if form["do"] == "others":
            await people.sign_ins.end_others(actor)
            return "You are signed out everywhere else.", ()
        if form["do"] == "email":
            address = await people.emails.ask(actor, form["email"])
            return f"A link is on its way to {address}.", ()
        if form["do"] == "unlink":
            await people.provider_links.unlink(actor, form["id"])
            return "The link is ended.", ()
        if form["do"] in ("digest", "no_digest"):
            await self.context.digests.want(actor, "daily" if form["do"] == "digest" else "none")
            return "Once a day you are sent what is unread." if form["do"] == "digest" else "No more digests come.", ()
        if form["do"] == "no_email":
            await people.emails.remove(actor)
            return "Your account has no e-mail address.", ()
        if form["do"] == "password":
            require_safe_line(request)
            had_one = await people.accounts.has_password(own_account(request))
            secret = await people.accounts.change_password(actor, form["old"], form["password"])
            done = "The password is changed" if had_one else "You have a password now"
            return f"{done}, and you are signed out everywhere else.", renewed_fields(request, secret)
        raise Refusal("bad_form", "The page has no such form.", field="do")

    async def _ways(self, account: Account) -> dict[str, object]:
        """The providers that an account is linked to, the others, and whether it has a password."""
        has_password = await self.context.people.accounts.has_password(account)
        when = self.when(time_zone(account.time_zone))
        providers = {client.provider.issuer: client.provider for client in self.context.providers.values()}
        links = await self.context.people.provider_links.links_of(account)
        ways = [
            {
                "name": providers[link.issuer].name if link.issuer in providers else link.issuer,
                "issuer": link.issuer,
                "made": when(link.made_ms),
            }
            for link in links
        ]
        linked = {link.issuer for link in links}
        others = [each for each in providers.values() if each.issuer not in linked]
        return {"ways": ways, "providers": others, "has_password": has_password}

    async def _end_bot(self, request: Request, form: dict[str, str]) -> str:
        """Disable or delete a bot of one's own: the sentence that says so."""
        people = self.context.people
        bot = own_or_bot(people.identities, request, form["bot"])
        if form["do"] == "disable_bot":
            await people.accounts.disable_bot(request.actor, bot)
            return f"{bot.display} is disabled: its tokens have ended."
        await people.deletions.delete_bot(request.actor, bot, kept_messages(form))
        return f"{bot.display} is deleted."

    async def _delete(self, request: Request, form: dict[str, str]) -> Response:
        require_safe_line(request)
        deletions = self.context.people.deletions
        messages = await deletions.delete_own(request.actor, form["current"], kept_messages(form))
        return page(request, "deleted.html", "Your account is deleted", fields=no_session(request), messages=messages)

    async def _page(
        self,
        request: Request,
        *,
        done: str = "",
        made: NewSecret | None = None,
        refusal: Refusal | None = None,
        form: Mapping[str, str] | None = None,
        fields: Fields = (),
        made_bot: str = "",
    ) -> Response:
        """`made_bot` is the name of a bot that was made just now: a token is offered for it."""
        people, actor = self.context.people, request.actor
        account = people.identities.accounts.get(own_account(request).id)
        assert account is not None
        token, room = ("", "") if made is None else made
        typed = None if form is None or form["do"] != "profile" else {**form, "hue": _hue(form)}
        when = self.when(time_zone(account.time_zone))
        all_bots = [each for each in people.identities.accounts.bots_of(account) if each.state != "deleted"]
        bots = [each for each in all_bots if each.state == "active"]
        rows = [(whose, row) for whose in (account, *bots) for row in await people.sign_ins.of(actor, whose)]
        shown = [
            {
                "id": row.id,
                "kind": row.kind,
                "label": row.label,
                "scopes": row.scopes.replace(" ", ", "),
                "rooms": [self.context.directs.address(whose.id, room) for room in row.rooms.split()],
                "whose": "" if whose is account else whose.name,
                "made": when(row.made_ms),
                "used": when(row.used_ms) if row.used_ms else "",
                "expires": when(row.expires_ms),
                "is_this": row.id == actor.sign_in,
            }
            for whose, row in rows
        ]
        return await self.framed(
            request,
            "account.html",
            "Your account",
            refusal=refusal,
            fields=fields,
            here="account",
            is_admin=account.has_role("admin"),
            account=account,
            typed=typed if typed is not None else {each: getattr(account, each) for each in _PROFILE},
            former_names=await people.accounts.former_names(account),
            time_zones=time_zones(),
            languages=_LANGUAGES,
            hues=range(HUES),
            deletion=people.deletions.rule(),
            is_only_owner=people.identities.accounts.is_only_owner(account),
            errors={} if refusal is None or form is None else _errors(refusal, form["do"]),
            values=dict.fromkeys(_FIELDS, "") if form is None else form,
            said=(done, token),
            done=done,
            token=token,
            token_url=f"{request.base_url}{room_path('', room or 'lobby').decode()}",
            token_room=room,
            bots=bots,
            all_bots=all_bots,
            made_bot=getattr(people.identities.accounts.named(made_bot), "name", ""),
            tokens=[row for row in shown if row["kind"] == "token"],
            **await self._ways(account),
            has_mail=people.mails.is_on,
            email=await people.emails.of(account),
            digest=await self.context.digests.of(account),
            sessions=[row for row in shown if row["kind"] == "session"],
        )


_FIELDS_OF = {"profile": _PROFILE, "token": ("label", "scopes", "room"), "password": ("password",), "email": ("email",)}
"""By what a form does: its fields at which something can be wrong."""


def _errors(refusal: Refusal, do: str) -> dict[str, str]:
    """What the page shows of a refusal, at a field of the form that was sent."""
    if refusal.code == "bad_credentials":
        return {"current" if do == "delete" else "old": "This is not your password."}
    if do == "bot" and refusal.field in ("name", "display"):
        return {"bot": refusal.detail}
    if do == "token" and refusal.field == "rooms":
        return {"room": refusal.detail}
    if refusal.field == "scopes":
        return {"scopes": "Choose one of them, or both."}
    return errors_of(refusal, *_FIELDS_OF.get(do, ()))


def _rooms(request: Request, form: Mapping[str, str]) -> frozenset[str] | None:
    """The room that a token is to be for, as somebody types it; None for all. Raises Refusal."""
    typed = form["room"].strip()
    return frozenset((room_as_typed(typed, request.origin, request.peer.prefix),)) if typed else None


def _profile(form: Mapping[str, str]) -> ProfileChange:
    hue = _hue(form)
    return ProfileChange(
        form["name"],
        form["display"],
        form["status"],
        form["time_zone"],
        form["language"],
        "chance" if hue is None else hue,
        form["hidden"] != "",
    )


def _who(account: Account) -> str:
    """`Olga O. (olga), owner`."""
    name = account.name if account.display == account.name else f"{account.display} ({account.name})"
    return visible(f"{name}, {'bot' if account.kind == 'bot' else account.role}")


def _hue(form: Mapping[str, str]) -> int | None:
    """The colour of a form; None for none. What is no number is refused as a colour there is not."""
    text = form["hue"]
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
