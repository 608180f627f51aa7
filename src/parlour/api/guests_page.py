"""The page of a room's guests, for its moderators: links with QR codes, who is there, and the sheet for the wall."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeAlias

from msgspec import Struct

from parlour.api.forms import Form, errors_of, form_fields, number_field, page, see_other, sign_in_first, wants_html
from parlour.api.guest_links import GuestLinksOfRooms
from parlour.api.invitations import opens_here_alone
from parlour.api.messages import room_path
from parlour.api.operation import Operation
from parlour.api.parameters import ROOM, TEXT
from parlour.api.people import own_account, shown_time, zone_of
from parlour.api.sign_ins import DISK
from parlour.chat.guest_links import Terms, TermsChange
from parlour.chat.tables.guest_links import GuestLink
from parlour.chat.tables.passes import PassRow
from parlour.core.errors import Refusal
from parlour.core.guest_links import NEWCOMERS_MEANINGS, Newcomers, shown_code
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.ui.qr import qr_file, qr_svg, qr_text
from parlour.ui.timeline import hue, initial

FIELDS = ("do", "id", "name", "people", "minutes", "newcomers", "wait_minutes", "rooms")
"""Of all forms of the page."""

MINUTES = ((45, "45 minutes"), (90, "90 minutes"), (480, "8 hours"), (1440, "a day"), (10080, "a week"))
"""How long a link lasts, to choose from."""


class GuestsOptions(Struct, frozen=True, kw_only=True):
    """The room whose guests are shown."""

    room: Annotated[str, ROOM, "The room."]


class SheetOptions(Struct, frozen=True, kw_only=True):
    """One guest link into a room."""

    room: Annotated[str, ROOM, "The room."]
    id: Annotated[str, TEXT, "The id of the guest link."]


class GuestsPage(GuestLinksOfRooms):
    """The handlers of this page."""

    @Operation(
        "GET",
        "/rooms/{room}/guests",
        "The page of a room's guests",
        right=None,
        page_for="account",
        parameters=GuestsOptions,
        refusals=("not_found", "forbidden", "storage_unavailable"),
        example="-u alice {url}/rooms/lobby/guests",
    )
    async def show(self, request: Request, options: GuestsOptions) -> Response:
        """The guests of a room and its links; somebody who is not signed in is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        self.context.policies.require(request.actor, "account", None)
        self.context.policies.require(request.actor, "moderate", options.room)
        if not wants_html(request):
            return Response(body=(await self._text(request, options.room)).encode())
        return await self._page(request, options.room)

    @Operation(
        "POST",
        "/rooms/{room}/guests",
        "What the forms of that page do",
        right="moderate",
        parameters=GuestsOptions,
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "not_found", "forbidden", "bad_parameter", "read_only"),
            *("bad_name", "reserved_name", "name_taken", "bad_room_name", *DISK),
        ),
        example="-u alice -d do=link -d people=30 -d minutes=90 {url}/rooms/lobby/guests",
    )
    async def submit(self, request: Request, options: GuestsOptions) -> Response:
        """One of the forms; the page again, with what came of it."""
        own_account(request)
        self.context.policies.require(request.actor, "moderate", options.room)
        form = form_fields(request, *FIELDS)
        do = _FORMS.get(form["do"])
        try:
            if do is None:
                raise Refusal("bad_form", "The page has no such form.", field="do")
            said = await do(self, request, options.room, form)
        except Refusal as refusal:
            return await self._page(request, options.room, refusal=refusal, form=form)
        if wants_html(request):
            return see_other(request, f"/rooms{_way(options.room)}/guests{_place(form)}")
        return Response(body=f"{said}\n".encode())

    @Operation(
        "GET",
        "/rooms/{room}/guests/{id}",
        "A guest link for the wall: its QR code, large, and its address",
        right=None,
        page_for="account",
        parameters=SheetOptions,
        refusals=("not_found", "forbidden", "storage_unavailable"),
        example="-u alice {url}/rooms/lobby/guests/l_53vdn63huduuored",
    )
    async def sheet(self, request: Request, options: SheetOptions) -> Response:
        """The sheet, which is projected or printed; a terminal gets it in characters."""
        if request.actor.account is None:
            return sign_in_first(request)
        self.context.policies.require(request.actor, "account", None)
        link = await self.context.people.guest_links.one_into(request.actor, options.room, options.id)
        url = self.address(request, link)
        policy = self.context.policies.of(options.room)
        if not wants_html(request):
            until = shown_time(link.expires_ms, zone_of(request.actor))
            return Response(body=f"{policy.title or options.room}\n\n{qr_text(url)}\n{url}\nuntil {until}\n".encode())
        return page(
            request,
            "guest_sheet.html",
            f"Guests of {policy.title or options.room}",
            room=options.room,
            policy=policy,
            url=url,
            host=url.partition("://")[2].rpartition("/join/")[0],
            code=shown_code(link.code),
            qr=qr_svg(url, "QR code of the address below"),
            until=self.when(zone_of(request.actor))(link.expires_ms),
            back=f"{request.peer.prefix}/rooms{_way(options.room)}/guests",
        )

    @Operation(
        "GET",
        "/rooms/{room}/guests/{id}/qr.svg",
        "The QR code of a guest link, as a picture",
        right="moderate",
        parameters=SheetOptions,
        refusals=("not_found", "storage_unavailable"),
        example="-u alice {url}/rooms/lobby/guests/l_53vdn63huduuored/qr.svg",
    )
    async def qr(self, request: Request, options: SheetOptions) -> Response:
        """The picture."""
        link = await self.context.people.guest_links.one_into(request.actor, options.room, options.id)
        return Response(200, qr_file(self.address(request, link)), b"image/svg+xml")

    async def _page(
        self, request: Request, room: str, *, refusal: Refusal | None = None, form: Mapping[str, str] | None = None
    ) -> Response:
        context, actor, people = self.context, request.actor, self.context.people
        links = await people.guest_links.into(actor, room)
        rows = await self.guests_as_seen(request, room)
        when = self.when(zone_of(actor))
        policy = context.policies.of(room)
        values = {"people": "50", "minutes": "90", "newcomers": "ask_after_removal", "wait_minutes": "60", "rooms": ""}
        if form is not None and form["do"] == "link":
            values |= {name: form[name] for name in values}
        waiting = [row.state for row, _ in rows].count("waiting")
        renamed = form["id"] if form is not None and form["do"] == "rename" else ""
        return await self.framed(
            request,
            "guests.html",
            f"{f'({waiting}) ' if waiting else ''}Guests of {policy.title or room}",
            refusal=refusal,
            here="rooms",
            is_admin=own_account(request).has_role("admin"),
            room=room,
            policy=policy,
            path=f"{request.peer.prefix}/rooms{_way(room)}/guests",
            back=room_path(request.peer.prefix, room).decode(),
            can_read=context.policies.may(actor, "read", room),
            is_public=policy.access == "open" and context.policies.server == "open",
            links=[self._shown_link(request, room, link, rows_of) for link, rows_of in _grouped(links, rows)],
            guests=[
                {
                    "id": row.id,
                    "name": row.name,
                    "state": row.state,
                    "since": when(_since_ms(row)),
                    "is_here": is_here,
                    "is_muted": self.is_muted(room, row.id),
                    "hue": hue(row.id),
                    "initial": initial(row.name),
                }
                for row, is_here in rows
            ],
            newcomers=NEWCOMERS_MEANINGS,
            minutes=MINUTES,
            values=values,
            renamed=renamed,
            errors={} if refusal is None else errors_of(refusal, *(() if renamed else values)),
            base_url=request.base_url,
            opens_here_alone=opens_here_alone(request.base_url),
        )

    def _shown_link(self, request: Request, room: str, link: GuestLink, states: list[str]) -> dict[str, object]:
        url = self.address(request, link)
        others = [
            each for each in link.rooms if each != room and self.context.policies.may(request.actor, "moderate", each)
        ]
        return {
            "id": link.id,
            "url": url,
            "shown": url.partition("://")[2],
            "qr": qr_svg(url),
            "until": self.when(zone_of(request.actor))(link.expires_ms),
            "people": link.people,
            "here": states.count("in"),
            "waiting": states.count("waiting"),
            "newcomers": NEWCOMERS_MEANINGS[link.newcomers],
            "wait_minutes": link.wait_minutes if "removal" in link.newcomers else 0,
            "others": others,
        }

    async def _text(self, request: Request, room: str) -> str:
        """The page for a client in a terminal: the links, then who is there, one a line."""
        links = await self.context.people.guest_links.into(request.actor, room)
        zone = zone_of(request.actor)
        lines = [
            f"{self.address(request, link)}  {link.id}  for {link.people}, until {shown_time(link.expires_ms, zone)}"
            for link in links
        ]
        for row, is_here in await self.guests_as_seen(request, room):
            there = "here" if is_here else str(row.state)
            there += ", muted" if self.is_muted(room, row.id) else ""
            lines.append(f"{row.id}  {row.name}  {there}  since {shown_time(_since_ms(row), zone)}")
        return "".join(f"{line}\n" for line in lines) or "No guest links lead into this room.\n"


_Form: TypeAlias = Callable[[GuestsPage, Request, str, Mapping[str, str]], Awaitable[str]]


async def _link(here: GuestsPage, request: Request, room: str, form: Mapping[str, str]) -> str:
    defaults = Terms()
    terms = Terms(
        number_field(form, "people") if form["people"] else defaults.people,
        number_field(form, "minutes") if form["minutes"] else defaults.minutes,
        _newcomers(form) or defaults.newcomers,
        number_field(form, "wait_minutes") if form["wait_minutes"] else defaults.wait_minutes,
    )
    more = [part.strip("/") for part in form["rooms"].replace(",", " ").split()]
    link = await here.context.people.guest_links.make(request.actor, (room, *more), terms)
    url = here.address(request, link)
    return f"{qr_text(url)}\n{url}"


async def _end(here: GuestsPage, request: Request, _: str, form: Mapping[str, str]) -> str:
    await here.context.people.guest_links.end(request.actor, form["id"])
    return "The link has ended, and its guests are gone."


async def _longer(here: GuestsPage, request: Request, _: str, form: Mapping[str, str]) -> str:
    change = TermsChange(minutes=number_field(form, "minutes"))
    await here.context.people.guest_links.change(request.actor, form["id"], change)
    return f"The link works {form['minutes']} minutes from now."


async def _let_in(here: GuestsPage, request: Request, room: str, form: Mapping[str, str]) -> str:
    guest = await here.context.people.passes.let_in(request.actor, room, form["id"])
    return f"{guest.name} is in."


async def _let_all_in(here: GuestsPage, request: Request, room: str, _: Mapping[str, str]) -> str:
    waiting = [row for _, row in await here.guests(request, room) if row.state == "waiting"]
    for row in waiting:
        await here.context.people.passes.let_in(request.actor, room, row.id)
    return f"{len(waiting)} are in."


async def _remove(here: GuestsPage, request: Request, room: str, form: Mapping[str, str]) -> str:
    guest = await here.context.people.passes.remove(request.actor, room, form["id"])
    return f"{guest.name} is out."


async def _mute(here: GuestsPage, request: Request, room: str, form: Mapping[str, str]) -> str:
    is_muted = form["do"] == "mute"
    guest = await here.mute(request, room, form["id"], is_muted=is_muted)
    return f"{guest.name} reads, and does not write." if is_muted else f"{guest.name} writes again."


async def _rename(here: GuestsPage, request: Request, room: str, form: Mapping[str, str]) -> str:
    guest = await here.context.people.passes.rename(request.actor, room, form["id"], form["name"])
    return f"They are called {guest.name} now."


_FORMS: Mapping[str, _Form] = {
    "link": _link,
    "end": _end,
    "longer": _longer,
    "let_in": _let_in,
    "let_all_in": _let_all_in,
    "mute": _mute,
    "unmute": _mute,
    "remove": _remove,
    "rename": _rename,
}


def _newcomers(form: Mapping[str, str]) -> Newcomers | None:
    """What a form says of newcomers; None where it says nothing. Raises Refusal("bad_form")."""
    for each in NEWCOMERS_MEANINGS:
        if form["newcomers"] == each:
            return each
    if form["newcomers"]:
        raise Refusal("bad_form", f"newcomers is one of {', '.join(NEWCOMERS_MEANINGS)}.", field="newcomers")
    return None


def _place(form: Mapping[str, str]) -> str:
    """Where on the page the guest is whom a form was about: a class is a long list."""
    return f"#{form['id']}" if form["do"] in ("let_in", "mute", "unmute", "remove", "rename") else ""


def _grouped(links: list[GuestLink], rows: list[tuple[PassRow, bool]]) -> list[tuple[GuestLink, list[str]]]:
    """Each link with the states of its passes."""
    return [(link, [row.state for row, _ in rows if row.link == link.id]) for link in links]


def _way(room: str) -> str:
    return room_path("", room).decode()


def _since_ms(row: PassRow) -> int:
    """The time when a guest was removed, or else came in, in milliseconds since 1970."""
    return row.removed_ms if row.state == "removed" else row.made_ms
