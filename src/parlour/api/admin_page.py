"""The page of administration: invitations, settings, people and rooms."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from parlour.api.bans import ban_infos
from parlour.api.emails import mail_info
from parlour.api.forms import (
    Form,
    errors_of,
    form_fields,
    kept_messages,
    number_field,
    sign_in_first,
)
from parlour.api.governed_rooms import governed_rooms, set_right
from parlour.api.invitations import link, opens_here_alone
from parlour.api.operation import Operation
from parlour.api.password_again import AGAIN, ask_password, with_password
from parlour.api.people import named_account, own_account, zone_of
from parlour.api.resource import Resource
from parlour.api.server_settings import setting_rows
from parlour.api.shown_once import NewSecret
from parlour.api.sign_ins import DISK
from parlour.core.accounts import ROLE_MEANINGS, ROLES, Account, Role
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.server_settings import SERVER_SETTINGS, ServerSettings
from parlour.http.fields import Fields
from parlour.http.request import Request
from parlour.http.response import Response

_SETTINGS = tuple(row.name for row in SERVER_SETTINGS)
_FIELDS = (
    "do",
    "uses",
    "days",
    "role",
    "id",
    "name",
    "room",
    "messages",
    "find",
    "find_room",
    "email",
    *_SETTINGS,
    *AGAIN,
)

SHOWN_PEOPLE = 100
"""On one page; others are found by their names. A page of 1000 would take a third of a second of the event loop."""

SHOWN_ROOMS = 100
"""On one page; others are found by their addresses and names."""


class AdminPage(Resource):
    """The handlers of this page."""

    @Operation("GET", "/admin", "The page of administration", right=None, page_for="administer", example="{url}/admin")
    async def show(self, request: Request) -> Response:
        """The page; a guest is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        return await self._page(
            request,
            made=self.context.shown_once.take(request),
            find=request.parameter("find") or "",
            find_room=request.parameter("find_room") or "",
        )

    @Operation(
        "POST",
        "/admin",
        "What the forms of the page of administration do",
        right="administer",
        body=Form,
        refusals=(
            *(
                "bad_form",
                "unsupported_media_type",
                "forbidden",
                "not_found",
                "bad_parameter",
                "read_only",
                "bad_email",
            ),
            *("reauthentication_required", *DISK),
        ),
        example="-u alice -d do=invite -d uses=1 -d days=7 -d role=member {url}/admin",
    )
    async def submit(self, request: Request) -> Response:
        """One of the forms; the page again, with what came of it."""
        form = form_fields(request, *_FIELDS)
        try:
            fields = await with_password(self.context.people, request, form)
        except Refusal as refusal:
            return await ask_password(self.context.people, request, "/admin", form, refusal, self.ways)
        try:
            done, made = await self._do(request, form)
        except Refusal as refusal:
            if refusal.code == "reauthentication_required":
                return await ask_password(self.context.people, request, "/admin", form, refusal, self.ways)
            return await self._page(
                request, refusal=refusal, form=form, find=form["find"], find_room=form["find_room"], fields=fields
            )
        if made is not None:
            path = f"/admin?find={quote(form['find'])}" if form["find"] else "/admin"
            if (way := self.context.shown_once.lead_to(request, path, made, fields)) is not None:
                return way
        return await self._page(
            request, done=done, made=made, find=form["find"], find_room=form["find_room"], fields=fields
        )

    async def _do(self, request: Request, form: dict[str, str]) -> tuple[str, NewSecret | None]:
        """Carry out a form: the sentence that says so, or a new link with its title."""
        people, actor = self.context.people, request.actor
        if form["do"] == "settings":
            await people.settings.change(actor, _changed(form, people.settings.now))
            return "Saved. It is in force.", None
        if form["do"] == "invite" and form["email"]:
            await people.invitations.send(actor, _role(form), number_field(form, "days"), form["email"])
            return "The invitation is on its way by mail.", None
        if form["do"] in ("mail_again", "mail_test"):
            return await self._mail(actor, form["do"]), None
        if form["do"] == "invite":
            made = await people.invitations.make(
                actor, _role(form), number_field(form, "uses"), number_field(form, "days")
            )
            return "", NewSecret(link(self.context, request, "join", made.secret), "New invitation")
        if form["do"] in ("approve", "raid_on", "raid_off"):
            return await self._order(actor, form), None
        if form["do"] == "uninvite":
            await people.invitations.end(actor, form["id"])
            return "The link is ended: nobody can use it now.", None
        if form["do"] in ("archive", "unarchive", "own"):
            return await set_right(self.context, actor, form), None
        return await self._do_to_account(request, form)

    async def _do_to_account(self, request: Request, form: dict[str, str]) -> tuple[str, NewSecret | None]:
        """Carry out a form about an account."""
        people, actor = self.context.people, request.actor
        account = named_account(people.identities, form["name"])
        if form["do"] == "role":
            await people.accounts.set_role(actor, account, _role(form))
            return f"{account.display} is {form['role']} now.", None
        if form["do"] == "reset":
            made = await people.invitations.reset(actor, account)
            address = link(self.context, request, "reset", made.secret)
            return "", NewSecret(address, f"A new password for {account.display}")
        if form["do"] == "factors":
            await people.factors.remove_all(actor, account)
            return f"The second factors of {account.display} are taken away.", None
        if form["do"] in ("disable", "enable"):
            await people.accounts.set_active(actor, account, form["do"] == "enable")
            what = "can sign in again" if form["do"] == "enable" else "is signed out everywhere, and cannot sign in"
            return f"{account.display} {what}.", None
        if form["do"] == "delete":
            await people.deletions.delete(actor, account, kept_messages(form))
            return f"The account of {account.display} is deleted.", None
        raise Refusal("bad_form", "The page has no such form.", field="do")

    async def _order(self, actor: Actor, form: dict[str, str]) -> str:
        """Approve an account, or use the raid switch: the sentence that says so."""
        people = self.context.people
        if form["do"] == "approve":
            await people.bans.lift(actor, form["id"])
            return "Approved."
        is_on = form["do"] == "raid_on"
        await people.settings.set_raid(actor, is_on)
        return f"The raid switch is {'on' if is_on else 'off'}."

    async def _mail(self, actor: Actor, do: str) -> str:
        """Send again what was given up, or a mail to whoever asks: the sentence that says so."""
        people = self.context.people
        people.mails.require()
        if do == "mail_again":
            again = await people.mails.repeat_failed()
            return f"{again} {'mail is' if again == 1 else 'mails are'} sent again."
        await people.emails.send_test(actor)
        return "A test mail is on its way to your e-mail address."

    async def _page(
        self,
        request: Request,
        *,
        done: str = "",
        made: NewSecret | None = None,
        refusal: Refusal | None = None,
        form: dict[str, str] | None = None,
        fields: Fields = (),
        find: str = "",
        find_room: str = "",
    ) -> Response:
        people, when = self.context.people, self.when(zone_of(request.actor))
        address, link_title = ("", "") if made is None else made
        invitations = [
            {
                "id": row.id,
                "role": row.role,
                "room": "" if row.room is None else self.context.policies.of(row.room).title or f"/{row.room}",
                "sent_to": row.sent_to,
                "uses_left": row.uses_left,
                "expires": when(row.expires_ms),
                "whose": getattr(people.identities.accounts.get(row.account or ""), "name", ""),
            }
            for row in await people.invitations.all(request.actor)
        ]
        account = own_account(request)
        mail = await people.mails.state() if people.mails.is_on else None
        shown, found = people_shown(people.identities.accounts.all(), find)
        rooms = governed_rooms(self.context, find_room)
        return await self.framed(
            request,
            "admin.html",
            "Administration",
            refusal=refusal,
            fields=fields,
            settings=setting_rows(people.settings),
            here="admin",
            is_admin=True,
            errors={} if refusal is None or form is None else _errors(refusal, form["do"]),
            values=dict.fromkeys(_FIELDS, "") if form is None else form,
            said=(done, link_title, address),
            done=done,
            address=address,
            base_url=request.base_url,
            opens_here_alone=opens_here_alone(request.base_url),
            link_title=link_title,
            invitations=invitations,
            people=shown,
            found=found,
            find=find,
            rooms=rooms[:SHOWN_ROOMS],
            found_rooms=len(rooms),
            find_room=find_room,
            form_room="" if form is None else form["room"],
            me=account.id,
            is_owner=account.role == "owner",
            waiting=[each for each in ban_infos(self.context, request.actor) if each.kind == "waiting"],
            raid=people.settings.now.raid,
            deletion=people.deletions.rule(),
            role_meanings=ROLE_MEANINGS,
            mail=None if mail is None else mail_info(people, mail),
            mail_since="" if mail is None else when(mail.waiting.oldest_ms or 0),
            is_closed=people.settings.now.registration == "closed",
            roles=[role for role in ROLES if role != "owner" or account.role == "owner"],
        )


def people_shown(accounts: Sequence[Account], find: str) -> tuple[Sequence[Account], int]:
    """The first of those whose name, or how they are shown, has a text in it, and how many there are."""
    find = find.strip().removeprefix("@").casefold()
    found = [each for each in accounts if find in each.name or find in each.display.casefold()]
    return found[:SHOWN_PEOPLE], len(found)


def _errors(refusal: Refusal, do: str) -> dict[str, str]:
    """What the page shows of a refusal: at the field of the form that was sent, or above all of them."""
    if do == "own" and refusal.field == "name":
        return {"owner": refusal.detail}
    return errors_of(refusal, *(("uses", "days", "email") if do == "invite" else ()))


def _role(form: dict[str, str]) -> Role:
    if form["role"] not in ROLES:
        raise Refusal("bad_form", f"A role is one of {', '.join(ROLES)}.", field="role")
    return form["role"]


def _changed(form: dict[str, str], now: ServerSettings) -> dict[str, str]:
    """The settings that the form changes; `access` also where it is in force already, by an option of the start."""
    given = {name: form[name] for name in _SETTINGS if form[name]}
    return {name: value for name, value in given.items() if name == "access" or value != getattr(now, name)}
