"""The page of one room: what it is, who is in it, the links into it, and the forms of those who may change that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Struct

from parlour.api.forms import Form, errors_of, form_fields, see_other, sign_in_first
from parlour.api.invitations import opens_here_alone
from parlour.api.messages import room_path
from parlour.api.operation import Operation
from parlour.api.parameters import ROOM, TEXT
from parlour.api.people import own_account, zone_of
from parlour.api.resource import Resource
from parlour.api.restrictions import author_meant, restrictions_of
from parlour.api.room_forms import FIELDS, NOTHING, Done, carry_out
from parlour.api.shown_once import NewSecret
from parlour.api.sign_ins import DISK
from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.payloads import RoomRole
from parlour.core.permissions import ROOM_ROLES
from parlour.core.policy import Policy
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.schema.events import decode_event
from parlour.schema.rooms import RestrictionInfo
from parlour.ui.timeline import hue, initial

MEMBERS = 100
"""Members on one page."""


_FIELDS_OF = {
    "settings": ("title", "topic", "access", "history", "read_only"),
    "add": ("name",),
    "hand_over": ("to",),
    "invite": ("uses", "days"),
    "rules": ("slow_s", "links", "words"),
    "restrict": ("whom", "minutes", "seq"),
}
"""By what a form of the page does: its fields, which are shown again with what was wrong."""


class RoomPageOptions(Struct, frozen=True, kw_only=True):
    """The room, and the message from which its page was reached."""

    room: Annotated[str, ROOM, "The room."]
    at: Annotated[str, TEXT, "The number of the message that the link back leads to."] = ""
    page: Annotated[str, TEXT, "Which page of the members."] = ""
    whom: Annotated[str, TEXT, "Whom to mute or ban: the number of a message, or the name of an account."] = ""
    new: Annotated[str, TEXT, "The number of a new link, which is shown once."] = ""


class MemberRow(NamedTuple):
    """A member, as the page shows it; `since` is the day on which they came, empty where that is not known."""

    account: Account
    role: RoomRole
    since: str
    hue: int
    initial: str
    is_only_owner: bool


class RoomSettingsPage(Resource):
    """The handlers of this page."""

    @Operation(
        "GET",
        "/rooms/{room}",
        "The page of a room's settings and members",
        right=None,
        page_for="account",
        parameters=RoomPageOptions,
        refusals=("not_found", "storage_unavailable"),
        example="-u alice {url}/rooms/lobby",
    )
    async def show(self, request: Request, options: RoomPageOptions) -> Response:
        """The page; a guest is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        self.context.policies.require(request.actor, "account", None)
        made = self.context.shown_once.take(request)
        done = NOTHING if made is None else Done(address=made.secret, link_id=made.about)
        return await self._page(request, options, done=done)

    @Operation(
        "POST",
        "/rooms/{room}",
        "What the forms of the page of a room do",
        right="account",
        parameters=RoomPageOptions,
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "not_found", "bad_text", "bad_parameter", "read_only"),
            *("last_owner", *DISK),
        ),
        example="-u alice -d do=join {url}/rooms/lobby",
    )
    async def submit(self, request: Request, options: RoomPageOptions) -> Response:
        """One of the forms; the page again, with what came of it."""
        actor = request.actor
        own_account(request)
        self.context.members.seen_by(actor, options.room)
        form = form_fields(request, *FIELDS)
        try:
            done = await carry_out(self.context, request, options.room, form)
        except Refusal as refusal:
            if not self._is_seen(request, options.room):
                raise
            return await self._page(request, options, refusal=refusal, form=form)
        if not self._is_seen(request, options.room):  # who has left a private room
            return see_other(request, "/rooms")
        if done.address:
            path = f"/rooms{room_path('', options.room).decode()}"
            path += f"?at={options.at}" if _is_number(options.at) else ""
            made = NewSecret(done.address, done.link_id)
            if (way := self.context.shown_once.lead_to(request, path, made, ())) is not None:
                return way
        return await self._page(request, options, done=done)

    def _is_seen(self, request: Request, room: str) -> bool:
        may = self.context.policies.may
        return may(request.actor, "moderate", room) or may(request.actor, "read", room)

    async def _page(
        self,
        request: Request,
        options: RoomPageOptions,
        *,
        done: Done = NOTHING,
        refusal: Refusal | None = None,
        form: dict[str, str] | None = None,
    ) -> Response:
        context, actor, room = self.context, request.actor, options.room
        policy = context.members.seen_by(actor, room)
        if policy.access == "direct":
            return await self._direct_page(request, room, refusal)
        own, may = own_account(request), context.policies.may
        can_moderate, can_read = may(actor, "moderate", room), may(actor, "read", room)
        can_restrict, when = may(actor, "restrict", room), self.when(zone_of(actor))
        whom = options.whom if form is None else form["seq"] or form["whom"]
        rows = self._sorted(policy)
        number = min(max(int(options.page) if _is_number(options.page) else 1, 1), max(1, -(-len(rows) // MEMBERS)))
        links = await context.people.invitations.all(actor, room) if can_moderate else []
        shown = await self._members(request, room, policy, rows[(number - 1) * MEMBERS : number * MEMBERS])
        values = {"title": policy.title, "topic": policy.topic, "access": policy.access, "history": policy.history,
                  "slow_s": str(policy.slow_s), "links": policy.links, "words": "\n".join(policy.words),
                  "read_only": "1" if policy.is_read_only else "",
                  **dict.fromkeys(("name", "to", "uses", "days", "minutes", "seq"), "")}  # fmt: skip
        if refusal is not None and form is not None and form["do"] in _FIELDS_OF:
            values |= {name: form[name] for name in _FIELDS_OF[form["do"]]}
        at = options.at if _is_number(options.at) else ""
        own_path = f"{request.peer.prefix}/rooms{room_path('', room).decode()}"
        return await self.framed(
            request,
            "room_settings.html",
            policy.title or room,
            refusal=refusal,
            here="rooms",
            zone=zone_of(actor),
            is_admin=own.has_role("admin"),
            room=room,
            policy=policy,
            me=own.id,
            role=policy.role_of(own.id),
            takes_guests=context.policies.server == "open",
            is_only_owner=policy.owners() == [own.id],
            others=[row for row in shown if row.account.id != own.id and row.account.kind == "member"],
            can_read=can_read,
            can_moderate=can_moderate,
            can_govern=may(actor, "govern", room),
            can_restrict=can_restrict,
            restrictions=self._restrictions(request, policy) if can_restrict else (),
            pauses=_pauses(policy.slow_s),
            meant=await self._meant(request, room, whom) if can_restrict else None,
            whom=whom,
            can_make_accounts=may(actor, "administer", room),
            path=own_path + (f"?at={at}" if at else ""),
            back=room_path(request.peer.prefix, room).decode() + (f"/{at}" if at else ""),
            back_to_whom=room_path(request.peer.prefix, room).decode() + f"/{whom}",
            members_path=own_path,
            members=shown,
            count=len(rows),
            number=number,
            pages=-(-len(rows) // MEMBERS),
            roles=ROOM_ROLES,
            links=[
                {
                    "id": row.id,
                    "uses_left": row.uses_left,
                    "expires": when(row.expires_ms),
                    "makes_accounts": row.role != "none",
                }
                for row in links
                if row.id != done.link_id
            ],
            errors={}
            if refusal is None
            else errors_of(refusal, *_FIELDS_OF.get("" if form is None else form["do"], ())),
            base_url=request.base_url,
            opens_here_alone=opens_here_alone(request.base_url),
            values=values,
            said=(done.words, done.address),
            done=done,
        )

    def _restrictions(self, request: Request, policy: Policy) -> Sequence[tuple[RestrictionInfo, str]]:
        """Who is muted or banned, with the time until when, as the page says it."""
        when = self.when(zone_of(request.actor))
        return [
            (each, "" if until is None else when(until))
            for each in restrictions_of(self.context, policy)
            for until in (policy.restrictions[each.id].until_ms,)
        ]

    async def _meant(self, request: Request, room: str, seq: str) -> str | None:
        """How the author of a message is shown, whom somebody has chosen there; None if there is no such message."""
        if not _is_number(seq) or not self.context.policies.may(request.actor, "read", room):
            return None
        try:
            return (await author_meant(self.context, request, room, int(seq), None)).name
        except Refusal:
            return None

    async def _direct_page(self, request: Request, room: str, refusal: Refusal | None) -> Response:
        context, own = self.context, own_account(request)
        others = context.directs.others(own.id, room)
        path = room_path(request.peer.prefix, context.directs.address(own.id, room)).decode()
        return await self.framed(
            request,
            "direct_settings.html",
            context.directs.title(own.id, room),
            refusal=refusal,
            said=[f"{each.name}  {each.display}" for each in (own, *others)],
            here="rooms",
            is_admin=own.has_role("admin"),
            own=own,
            others=others,
            blocked={each.id for each in others if context.people.blocks.has_blocked(own.id, each.id)},
            back=path,
            errors={} if refusal is None else errors_of(refusal),
        )

    def _sorted(self, policy: Policy) -> Sequence[tuple[Account, RoomRole, int]]:
        """The members, owners first, then by name."""
        found = [(self.context.people.identities.accounts.get(id_), *member) for id_, member in policy.members.items()]
        rows = [(account, role, since) for account, role, since in found if account is not None]
        return sorted(rows, key=lambda row: (-ROOM_ROLES.index(row[1]), row[0].display.casefold(), row[0].name))

    async def _members(
        self, request: Request, room: str, policy: Policy, rows: Sequence[tuple[Account, RoomRole, int]]
    ) -> Sequence[MemberRow]:
        days = await self._days(request, room, {since for _, _, since in rows})
        owners = policy.owners()
        return [
            MemberRow(
                account,
                role,
                days.get(since, ""),
                hue(account.id, account.hue),
                initial(account.display),
                is_only_owner=owners == [account.id],
            )
            for account, role, since in rows
        ]

    async def _days(self, request: Request, room: str, seqs: set[int]) -> dict[int, str]:
        """The days of these events, of which some may not be kept, or not be open to who asks."""
        if not seqs or not self.context.policies.may(request.actor, "read", room):
            return {}
        door, found = self.context.door, {}
        channel = await door.open(request.actor, room, "read")
        try:
            for seq in seqs:
                try:
                    event = await door.event(request.actor, channel, seq)
                except Refusal:
                    continue
                found[seq] = decode_event(event.json).at
        finally:
            channel.release()
        return found


def _pauses(now: int) -> dict[str, str]:
    """What slow mode can be set to on the page, in seconds, and the words for it; also what it is."""
    pauses = {
        "0": "off",
        "10": "10 seconds",
        "30": "30 seconds",
        "60": "a minute",
        "300": "5 minutes",
        "900": "15 minutes",
    }
    return pauses if str(now) in pauses else {**pauses, str(now): f"{now} seconds"}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 11
