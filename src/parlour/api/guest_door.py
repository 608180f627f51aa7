"""The page behind a guest link: one question, the name; then one is in the room."""

from __future__ import annotations

from urllib.parse import quote

from parlour.api.forms import errors_of, form_fields, page, see_other, wants_html
from parlour.api.guest_links import GuestLinksOfRooms
from parlour.api.messages import room_path
from parlour.chat.tables.guest_links import GuestLink
from parlour.core.errors import Refusal
from parlour.core.guest_links import shown_code
from parlour.core.secret import api_token
from parlour.http.request import Request
from parlour.http.response import Response


class GuestDoor(GuestLinksOfRooms):
    """Shows the page and lets guests in; nothing is used up by looking."""

    async def show_to_guest(
        self, request: Request, code: str, name: str = "", refusal: Refusal | None = None
    ) -> Response:
        """The question for the name; for who has given it the way in, or that the host has yet to let them in."""
        context, guest = self.context, request.actor.guest_pass or request.actor.removed_pass
        link = await context.people.passes.link(code, request.peer.key)
        is_known = guest is not None and (guest.link == link.id or guest.keeps_out_of(link.rooms))
        state = guest.state if guest is not None and is_known else ""
        if state == "in":
            return see_other(request, self._way_in(link))
        if refusal is None and not wants_html(request):
            return Response(body=self._invited(request, link).encode())
        account, title = request.actor.account, "Come in"
        if state == "waiting":
            title = "Wait a moment"
        elif guest is not None and state == "removed":
            title = "You are out" if guest.was_in else "The host has not let you in"
        return page(
            request,
            "guest.html",
            title,
            refusal=refusal,
            errors={} if refusal is None else errors_of(refusal, "name"),
            code=shown_code(code),
            rooms=[(room, self._title(room)) for room in link.rooms],
            topic=context.policies.of(link.rooms[0]).topic,
            name=name,
            state=state,
            guest=guest,
            account=account,
            is_member=account is not None and context.policies.may(request.actor, "read", link.rooms[0]),
            way_in=request.peer.prefix + self._way_in(link),
        )

    async def let_guest_in(self, request: Request, code: str) -> Response:
        """A guest more. Clients in a terminal are told what to ask with from then on."""
        name = form_fields(request, "name", "do")["name"]
        try:
            made = await self.context.people.passes.come_in(request.actor, code, name, request.peer.key)
        except Refusal as refusal:
            if refusal.code == "link_gone":
                raise
            return await self.show_to_guest(request, code, name, refusal)
        fields = self.pass_fields(request, made)
        waits = made.guest.state == "waiting"
        if wants_html(request):
            return see_other(request, f"/join/{shown_code(code)}" if waits else self._way_in(made.link), fields)
        address, token = self._address_of_room(request, made.link), api_token(made.secret)
        who = f"-H 'Authorization: Bearer {token}'"
        said = f"You are in as {made.guest.name}, by this token: it is shown once.\n\n"
        if waits:
            said = f"You are {made.guest.name}, and wait for the host to let you in. With this token:\n\n"
        text = f"{said}    curl {who} -N '{address}?follow=1'\n    curl {who} -d hello {address}\n"
        return Response(200, text.encode(), fields=fields)

    def _invited(self, request: Request, link: GuestLink) -> str:
        """The page for a client in a terminal."""
        into = " and ".join(self._title(room) for room in link.rooms)
        return (
            f"You are invited to {into} as a guest, without an account, under a name of your own:\n\n"
            f"    curl --data-urlencode 'name=NAME' {self.address(request, link)}\n"
        )

    def _title(self, room: str) -> str:
        return self.context.policies.of(room).title or f"/{room}"

    def _way_in(self, link: GuestLink) -> str:
        return room_path("", link.rooms[0]).decode()

    def _address_of_room(self, request: Request, link: GuestLink) -> str:
        return f"{request.base_url}/{quote(link.rooms[0], safe='')}"
