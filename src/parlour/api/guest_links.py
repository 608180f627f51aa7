"""Guest links: moderators make them, and see, rename, let in and remove the guests; guests come in by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from parlour.api.bodies import read_json
from parlour.api.credentials import set_pass_cookie, without_pass
from parlour.api.guard import require_own_page
from parlour.api.invitations import link as address_of
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, JsonOfRoom, OnlyJson
from parlour.api.people import code_of, pass_info
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.guest_links import Terms, TermsChange
from parlour.chat.guests import author_of_pass
from parlour.chat.passes import NewPass
from parlour.chat.restrictions import Wanted
from parlour.chat.tables.guest_links import GuestLink
from parlour.chat.tables.passes import PassRow
from parlour.core.errors import Refusal
from parlour.core.guest_links import ENDED_KEPT_DAYS, MAX_ROOMS, GuestPass, link_code, shown_code
from parlour.core.secret import api_token
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.event_json import at_text
from parlour.schema.guest_links import (
    ChangeGuest,
    ChangeGuestLink,
    ComeInBody,
    GuestInfo,
    GuestLinkBody,
    GuestLinkInfo,
    GuestLinkList,
    GuestList,
)
from parlour.schema.json_line import encode
from parlour.schema.passes import PassInfo

STATES = ("waiting", "in", "removed")
"""In the order of lists: who waits needs the host."""


class GuestLinkOptions(OnlyJson, frozen=True, kw_only=True):
    """One guest link."""

    id: Annotated[str, TEXT, "The id of a guest link, from the list of them."]


class GuestOptions(JsonOfRoom, frozen=True, kw_only=True):
    """One guest of a room."""

    id: Annotated[str, TEXT, "The id of a guest, from the list of them: that of the author of their messages."]


class GuestLinksOfRooms(Resource):
    """Methods that the handlers of guest links share."""

    async def info(self, request: Request, room: str, link: GuestLink) -> GuestLinkInfo:
        """A link as JSON, for who moderates the room."""
        rows = await self.context.people.passes.all(link)
        states = [row.state for row in rows]
        may = self.context.policies.may
        place = f"{request.peer.prefix}/rooms/{quote(room, safe='')}/guests/{link.id}"
        return GuestLinkInfo(
            link.id,
            shown_code(link.code),
            self.address(request, link),
            place,
            f"{place}/qr.svg",
            [each for each in link.rooms if may(request.actor, "moderate", each)],
            link.people,
            states.count("in"),
            states.count("waiting"),
            link.newcomers,
            link.wait_minutes,
            at_text(link.made_ms),
            at_text(link.expires_ms),
        )

    def address(self, request: Request, link: GuestLink) -> str:
        """The whole address of a link."""
        return address_of(self.context, request, "join", shown_code(link.code))

    async def guests(self, request: Request, room: str) -> list[tuple[GuestLink, PassRow]]:
        """The guests of a room by all links into it, those who wait first. Raises Refusal."""
        people = self.context.people
        links = await people.guest_links.into(request.actor, room)
        rows = [(link, row) for link in links for row in await people.passes.all(link)]
        return sorted(rows, key=lambda each: (STATES.index(each[1].state), each[1].made_ms))

    async def guests_as_seen(self, request: Request, room: str) -> list[tuple[PassRow, bool]]:
        """The guests of a room, each with whether they are there now: who waits comes first, then who is there.

        Raises Refusal.
        """
        rows, is_here = await self.guests(request, room), await self.present(room)
        seen = [(row, row.state == "in" and is_here(row.id)) for _, row in rows]
        return sorted(seen, key=lambda each: (STATES.index(each[0].state), not each[1]))

    async def present(self, room: str) -> Callable[[str], bool]:
        """Tells whether a guest has something open, here or, in the room, on another node."""
        await self.context.presences.ask_others(room)
        elsewhere = {person.id for person in self.context.presences.here(room).people}
        is_here = self.context.people.known_passes.is_here
        return lambda id_: id_ in elsewhere or is_here(id_)

    def is_muted(self, room: str, id_: str) -> bool:
        """Whether a guest may not write in a room now."""
        found, now_ms = self.context.policies.of(room).restrictions.get(id_), self.context.clock.now_ms()
        return found is not None and found.what == "muted" and not found.is_over(now_ms)

    async def mute(self, request: Request, room: str, id_: str, *, is_muted: bool) -> GuestPass:
        """Let a guest of a room write no more until that is lifted, or again. Raises Refusal("not_found"), …"""
        row = next((row for _, row in await self.guests(request, room) if row.id == id_), None)
        if row is None:
            raise Refusal("not_found", "There is no such guest.")
        restrictions = self.context.restrictions
        if is_muted:
            wanted = Wanted("muted", None, newcomers=False)
            await restrictions.restrict(request.actor, room, author_of_pass(row.guest), wanted)
        elif self.is_muted(room, id_):
            await restrictions.lift(request.actor, room, id_)
        return row.guest

    def pass_fields(self, request: Request, made: NewPass) -> Fields:
        """The header fields that give a browser its pass, for as long as it says something after the link has ended."""
        lasts_s = max(1, (made.link.expires_ms - self.context.clock.now_ms()) // 1000) + ENDED_KEPT_DAYS * 86_400
        return ((FieldName.SET_COOKIE, set_pass_cookie(request.peer, made.secret, lasts_s)),)


class GuestLinksResource(GuestLinksOfRooms):
    """The handlers of guest links and of their guests."""

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/guest-links",
        "The guest links into a room",
        id="getGuestLinks",
        right="moderate",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "Guest links, the newest first.", GuestLinkList),),
        refusals=("not_found", "storage_unavailable"),
        example="-u alice {url}/api/v1/rooms/lobby/guest-links",
    )
    async def list(self, request: Request, options: JsonOfRoom) -> Response:
        """Those that work."""
        links = await self.context.people.guest_links.into(request.actor, options.room)
        rows = [await self.info(request, options.room, link) for link in links]
        return Response(body=encode(GuestLinkList(rows)), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/rooms/{room}/guest-links",
        "Make a guest link into a room",
        id="makeGuestLink",
        help="For its moderators. Whoever opens the link gives a name and is in the room, and in the others that are "
        "named, also in a private one or on a server for members; and nowhere else. It ends after so many minutes.",
        right="moderate",
        parameters=JsonOfRoom,
        body=GuestLinkBody,
        answers=(Success(201, "The link.", GuestLinkInfo),),
        refusals=(*JSON_BODY, "not_found", "forbidden", "read_only", "bad_room_name", "reserved_name", *DISK),
        example='-u alice --json \'{"people":30,"minutes":90}\' {url}/api/v1/rooms/lobby/guest-links',
    )
    async def make(self, request: Request, options: JsonOfRoom) -> Response:
        """A new link."""
        body = read_json(request, GuestLinkBody)
        if len(body.rooms) >= MAX_ROOMS:
            raise Refusal("bad_parameter", f"A guest link opens 1 to {MAX_ROOMS} rooms.", field="rooms")
        terms = Terms(body.people, body.minutes, body.newcomers, body.wait_minutes)
        link = await self.context.people.guest_links.make(request.actor, (options.room, *body.rooms), terms)
        return Response(201, encode(await self.info(request, options.room, link)), JSON)

    @Operation(
        "PATCH",
        "/api/v1/guest-links/{id}",
        "Change a guest link",
        id="changeGuestLink",
        help="For the moderators of one of its rooms. Who is in stays in.",
        right="account",
        parameters=GuestLinkOptions,
        body=ChangeGuestLink,
        answers=(Success(200, "The link as it is now.", GuestLinkInfo),),
        refusals=(*JSON_BODY, "not_found", "forbidden", *DISK),
        example="-u alice -X PATCH --json '{\"minutes\":30}' {url}/api/v1/guest-links/l_53vdn63huduuored",
    )
    async def change(self, request: Request, options: GuestLinkOptions) -> Response:
        """Other terms."""
        body = read_json(request, ChangeGuestLink)
        change = TermsChange(body.people, body.minutes, body.newcomers, body.wait_minutes)
        link = await self.context.people.guest_links.change(request.actor, options.id, change)
        may = self.context.policies.may
        room = next(each for each in link.rooms if may(request.actor, "moderate", each))
        return Response(body=encode(await self.info(request, room, link)), content_type=JSON)

    @Operation(
        "DELETE",
        "/api/v1/guest-links/{id}",
        "End a guest link",
        id="endGuestLink",
        help="At once: all its guests are out of its rooms, and their streams end. For the moderators of one of them.",
        right="account",
        parameters=GuestLinkOptions,
        answers=(Success(204, "It has ended."),),
        refusals=("not_found", "forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/guest-links/l_53vdn63huduuored",
    )
    async def end(self, request: Request, options: GuestLinkOptions) -> Response:
        """The end of a link."""
        await self.context.people.guest_links.end(request.actor, options.id)
        return Response(204)

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/guests",
        "The guests of a room who came by links",
        id="getGuests",
        help="For its moderators: also those who wait to be let in, and those who were removed.",
        right="moderate",
        rate="reading",
        parameters=JsonOfRoom,
        answers=(Success(200, "Guests: those who wait first, then those who are there now.", GuestList),),
        refusals=("not_found", "storage_unavailable"),
        example="-u alice {url}/api/v1/rooms/lobby/guests",
    )
    async def list_guests(self, request: Request, options: JsonOfRoom) -> Response:
        """The guests of a room."""
        rows = [
            GuestInfo(
                *(row.id, row.name, row.state, row.link, at_text(row.made_ms), is_here),
                self.is_muted(options.room, row.id),
            )
            for row, is_here in await self.guests_as_seen(request, options.room)
        ]
        return Response(body=encode(GuestList(rows)), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/rooms/{room}/guests/{id}",
        "Rename, mute or let in a guest",
        id="changeGuest",
        help="For moderators of the room. What a guest has said keeps the name that they had then.",
        right="moderate",
        parameters=GuestOptions,
        body=ChangeGuest,
        answers=(Success(200, "The guest as they are now.", PassInfo),),
        refusals=(
            *(*JSON_BODY, "not_found", "forbidden", "bad_name", "reserved_name", "name_taken", "read_only"),
            *DISK,
        ),
        example='-u alice -X PATCH --json \'{"name":"Lena B."}\' {url}/api/v1/rooms/lobby/guests/g_7kq2m5x3wz4abcde',
    )
    async def change_guest(self, request: Request, options: GuestOptions) -> Response:
        """Another name, in, or muted."""
        body, passes, actor = read_json(request, ChangeGuest), self.context.people.passes, request.actor
        self.context.policies.require(actor, "moderate", options.room)
        guest: GuestPass | None = None
        if body.name is not None:
            guest = await passes.rename(actor, options.room, options.id, body.name)
        if body.state is not None:
            guest = await passes.let_in(actor, options.room, options.id)
        if body.muted is not None:
            guest = await self.mute(request, options.room, options.id, is_muted=body.muted)
        if guest is None:
            raise Refusal("bad_parameter", 'Give a name, the state "in", or muted.', field="name")
        return Response(body=encode(pass_info(self.context.policies, guest)), content_type=JSON)

    @Operation(
        "DELETE",
        "/api/v1/rooms/{room}/guests/{id}",
        "Remove a guest",
        id="removeGuest",
        help="For moderators of the room: out of all rooms of the link, and not back in by the same browser. Others of "
        "the same address come in as the link says (`newcomers`).",
        right="moderate",
        parameters=GuestOptions,
        answers=(Success(204, "They are out, and it is on disk."),),
        refusals=("not_found", "forbidden", *DISK),
        example="-u alice -X DELETE {url}/api/v1/rooms/lobby/guests/g_7kq2m5x3wz4abcde",
    )
    async def remove(self, request: Request, options: GuestOptions) -> Response:
        """The end of a guest."""
        await self.context.people.passes.remove(request.actor, options.room, options.id)
        return Response(204)

    @Operation(
        "POST",
        "/api/v1/guests",
        "Come in as a guest by a link",
        id="comeIn",
        help="Gives a token that opens the rooms of the link, once; browsers get the same in a cookie. Nobody else in "
        "the rooms, and no member, has a name that looks like it.",
        right=None,
        parameters=OnlyJson,
        body=ComeInBody,
        answers=(Success(201, "The guest, with the token.", PassInfo, always=("Set-Cookie",)),),
        refusals=(
            *(*JSON_BODY, "link_gone", "bad_name", "reserved_name", "name_taken", "forbidden", "read_only"),
            *("rate_limited", "cross_origin", *DISK),
        ),
        example='--json \'{"link":"kfm4-q7zd","name":"Lena"}\' {url}/api/v1/guests',
    )
    async def come_in(self, request: Request, _: OnlyJson) -> Response:
        """A guest more."""
        body = read_json(request, ComeInBody)
        require_own_page(request)
        passes = self.context.people.passes
        made = await passes.come_in(request.actor, link_code(code_of(body.link)), body.name, request.peer.key)
        info = pass_info(self.context.policies, made.guest, api_token(made.secret))
        return Response(201, encode(info), JSON, self.pass_fields(request, made))

    @Operation(
        "DELETE",
        "/api/v1/me/pass",
        "Leave the rooms that you came into as a guest",
        id="leaveAsGuest",
        help="For whoever asks with the pass of a guest: it ends. Whoever is banned counts as removed from then on.",
        right=None,
        parameters=OnlyJson,
        answers=(Success(204, "You are out.", sometimes=("Set-Cookie",)),),
        refusals=("not_found", "cross_origin", *DISK),
        example="-H 'Authorization: Bearer parlour_…' -X DELETE {url}/api/v1/me/pass",
    )
    async def leave(self, request: Request, _: OnlyJson) -> Response:
        """A guest less."""
        guest = request.actor.guest_pass
        if guest is None:
            raise Refusal("not_found", "You are not here as a guest by a link.")
        has_ended = await self.context.people.passes.leave(guest)
        return Response(204, fields=without_pass(request.peer) if has_ended else ())
