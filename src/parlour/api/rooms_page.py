"""The address `/rooms`: which rooms there are, one's own first, as a page with a form for a new one, text or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from parlour.api.forms import Form, errors_of, form_fields, see_other
from parlour.api.messages import room_path
from parlour.api.operation import Operation
from parlour.api.parameters import Parameters
from parlour.api.people import zone_of
from parlour.api.rooms import ListOptions, RoomsResource
from parlour.api.sign_ins import DISK
from parlour.chat.new_rooms import LOOKED_AT
from parlour.chat.ports import RoomSummary
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.payloads import RoomAccess, RoomRole, Settings
from parlour.core.policy import Policy
from parlour.core.text import visible
from parlour.http.fields import FieldName
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.http.response import Response

SHOWN = 200
"""Rooms of each list on the page; who looks for another one goes there by its name."""

_FIELDS = ("do", "title", "address", "topic", "access", "read_only", "history")
_OF_LIST = Parameters(ListOptions, "/rooms")
_EMPTY = {**dict.fromkeys(_FIELDS, ""), "history": "all"}


class RoomRow(NamedTuple):
    """A room in a list of the page; `role` is that of who looks, None if that is no member.

    `room` and the title are what who looks calls it; of a direct one `others` are the people beside them.
    """

    room: str
    active_at: str
    policy: Policy
    role: RoomRole | None
    others: Sequence[Account] = ()


class Listed(NamedTuple):
    """The rooms that somebody may read: those that one is a member of, and the others, most recently active first."""

    mine: Sequence[RoomRow]
    others: Sequence[RoomRow]


class RoomsPage(RoomsResource):
    """The handlers of this page; to programs the address answers as that of rooms in the API does."""

    @Operation(
        "GET",
        "/rooms",
        "The rooms: a page for browsers, a line for each to curl, JSON for programs",
        right="read",
        refusals=("bad_parameter", "rate_limited", "storage_unavailable"),
        example="-u alice {url}/rooms",
    )
    async def show(self, request: Request) -> Response:
        """The rooms that one may read."""
        self.guard.limit_reading(request)
        chosen = choose(accepted(request.head), ("text", "html", "json"))
        if chosen == "html":
            return await self._page(request, _EMPTY)
        if chosen == "json":
            return await self.list(request, _OF_LIST(request))
        found = await self._listed(request.actor)
        rows = sorted((*found.mine, *found.others), key=lambda row: row.policy.is_archived)  # those at the end
        return Response(
            200, "".join(map(_line, rows)).encode(), fields=((FieldName.VARY, b"Accept, Cookie, Authorization"),)
        )

    @Operation(
        "POST",
        "/rooms",
        "Make a room with the form of the page",
        right="create",
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "bad_room_name", "reserved_name", "name_taken", "bad_text"),
            *("bad_parameter", "rate_limited", *DISK),
        ),
        example="-u alice -d do=new -d title=Leads -d access=private {url}/rooms",
    )
    async def submit(self, request: Request) -> Response:
        """A new room, and the way there."""
        form = form_fields(request, *_FIELDS)
        try:
            if form["do"] != "new":
                raise Refusal("bad_form", "The page has no such form.", field="do")
            made = await self.context.rooms.create(request.actor, form["address"] or None, new_settings(form))
        except Refusal as refusal:
            return await self._page(request, form, refusal)
        # With a part of its own: browsers carry that of the form over to an address without one (RFC 9110 §10.2.2).
        return see_other(request, room_path("", made.room).decode() + "#latest")

    async def _page(self, request: Request, form: dict[str, str], refusal: Refusal | None = None) -> Response:
        context, actor = self.context, request.actor
        joined, others = await self._listed(actor)
        mine, direct = _split(joined)
        archived = [row for row in (*mine, *others) if row.policy.is_archived]
        errors = {} if refusal is None else errors_of(_at_its_field(refusal), "title", "address", "topic", "access")
        return await self.framed(
            request,
            "rooms.html",
            "Rooms",
            refusal=refusal,
            here="rooms",
            zone=zone_of(actor),
            is_admin=actor.account is not None and actor.account.has_role("admin"),
            is_signed_in=actor.account is not None,
            has_accounts=context.people.identities.accounts.has_owner(),
            can_create=context.policies.may(actor, "create", "lobby"),
            errors=errors,
            takes_guests=context.policies.server == "open",
            form=form,
            direct=direct[:SHOWN],
            mine=_current(mine)[:SHOWN],
            others=_current(others)[:SHOWN],
            archived=archived[:SHOWN],
            is_cut=max(len(direct), len(mine), len(others), len(archived)) > SHOWN,
        )

    async def _listed(self, actor: Actor) -> Listed:
        context = self.context
        joined = await context.door.joined_rooms(actor)
        names = {each.room for each in joined}
        found = context.new_rooms.listed(await context.door.rooms(actor, LOOKED_AT))
        others = [each for each in found if each.room not in names]
        return Listed(self._rows(actor, joined), self._rows(actor, others))

    def _rows(self, actor: Actor, rooms: Iterable[RoomSummary]) -> Sequence[RoomRow]:
        account = None if actor.account is None else actor.account.id
        directs = self.context.directs
        policies = [(each, directs.policy(account, each.room)) for each in rooms]
        return [
            RoomRow(
                directs.address(account, each.room),
                each.active_at,
                policy,
                policy.role_of(account),
                directs.others(account, each.room) if policy.access == "direct" else (),
            )
            for each, policy in policies
        ]


def _line(row: RoomRow) -> str:
    """`~leads-x7k2m9  2026-11-22T06:41:23Z  private, archived  Leads`: address, newest event, what it is, its title."""
    policy = row.policy
    kinds = {
        "private": policy.access == "private",
        "direct": policy.access == "direct",
        "members only": policy.access == "members",
        "announcements": policy.is_read_only,
        "archived": policy.is_archived,
    }
    words = ", ".join(word for word, is_so in kinds.items() if is_so)
    parts = (row.room, f"{row.active_at[:19]}Z", words, visible(policy.title))
    return "  ".join(part for part in parts if part) + "\n"


def new_settings(form: dict[str, str]) -> Settings:
    """The settings in the form for a new room. Raises Refusal."""
    access, history = form["access"] or "open", form["history"] or "all"
    if access not in ("open", "members", "private"):
        raise Refusal("bad_form", "access is one of open, members, private.", field="access")
    if history not in ("all", "joined"):
        raise Refusal("bad_form", "history is one of all, joined.", field="history")
    if access == "private" and not form["title"].strip():
        raise Refusal("bad_text", "Give the room a name: its members find it by that.", field="title")
    if not form["title"].strip() and not form["address"].strip():
        raise Refusal("bad_text", "Give the room a name, or an address, or both.", field="title")
    return Settings(
        access=cast("RoomAccess", access),
        title=form["title"] or None,
        topic=form["topic"] or None,
        read_only=True if form["read_only"] else None,
        history="joined" if history == "joined" and access == "private" else None,
    )


def _at_its_field(refusal: Refusal) -> Refusal:
    """The same refusal; what is wrong with the name of a room is shown at its address."""
    if refusal.field not in ("name", "room"):
        return refusal
    return Refusal(refusal.code, refusal.detail, field="address")


def _split(rows: Sequence[RoomRow]) -> tuple[Sequence[RoomRow], Sequence[RoomRow]]:
    """The rooms, and the direct conversations among them."""
    return [row for row in rows if row.policy.access != "direct"], [
        row for row in rows if row.policy.access == "direct"
    ]


def _current(rows: Sequence[RoomRow]) -> Sequence[RoomRow]:
    return [row for row in rows if not row.policy.is_archived]
