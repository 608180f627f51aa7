"""The pages of the web: a room with its last messages, and refusals for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.people import zone_of
from parlour.api.refusals import refusal_fields, retry_after_s
from parlour.chat.new_rooms import LOOKED_AT
from parlour.chat.ports import RoomSummary, Unread
from parlour.chat.reading import Bill
from parlour.core.actor import Actor
from parlour.core.direct import is_direct, room_or_people
from parlour.core.errors import Refusal
from parlour.core.event import Author, AuthorKind, Log, Stored
from parlour.core.names import PRIVATE
from parlour.core.policy import Policy
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Request
from parlour.http.response import HTML, Response
from parlour.hub.channel import Channel
from parlour.hub.door import newest_first
from parlour.hub.hub import Hub
from parlour.schema.commands import SendMessage
from parlour.schema.events import decode_event
from parlour.ui.page import CANNOT_POST, CSP, ListedRoom, RoomPage, WaysOut, early, render_error, render_room

_OUT = frozenset({"link_gone", "removed", "banned", "no_new_guests"})
"""Refusals that have nobody go back to where they were asked."""

SHOWN_ROOMS = 20
FEW_ROOMS, ROOMS_FRESH_S = 100, 2.0
"""The list at the side is made again for each page (30 microseconds) where there are few rooms, else after so long."""

AGAIN_WITHIN_S = 5
"""A browser whose page was refused for a while asks again at a random moment of so many seconds after that."""

SLICE_CHARS = 32768
"""Of a page that are made before others have their turn: hostile texts take 10 to 20 ms for so much HTML."""


class Refused(NamedTuple):
    """A form that was not accepted: the reason, and its content."""

    refusal: Refusal
    message: SendMessage


class Pages:
    """Renders HTML for handlers."""

    def __init__(self, context: Context, guard: Guard) -> None:
        self._context = context
        self._guard = guard
        self._rooms: dict[AuthorKind, Sequence[RoomSummary]] = {}
        self._rooms_until = 0.0

    async def room(
        self, request: Request, channel: Channel, events: Sequence[Stored], bill: Bill, refused: Refused | None = None
    ) -> Response:
        """The page of a room that shows these events; after a refused form with its reason and what was written."""
        actor, cookie = self._guard.page_actor(request)
        guests = self._context.guests
        author = guests.author(actor, None)
        first, last = (events[0].seq, events[-1].seq) if events else (channel.head + 1, channel.head)
        first_seq = self._context.door.first_seq(request.actor, channel)
        form_key = self._context.ids.token()
        if refused is not None and refused.refusal.kind.stored is None and refused.message.key is not None:
            form_key = refused.message.key  # it may be stored: the same key keeps a retry from storing it twice
        policies, directs, account = self._context.policies, self._context.directs, actor.account
        own_id = None if account is None else account.id
        policy, why_not = directs.policy(own_id, channel.room), policies.why_not(actor, "post", channel.room)
        unrestricted = policies.rule(actor, "post")(policy._replace(is_archived=False, is_read_only=False))
        to_unblock = None
        if policy.access == "direct" and account is not None and why_not is None:
            why_not = unrestricted = directs.why_not(account, channel.room)
            to_unblock = None if why_not is None else directs.to_unblock(account, channel.room)
        is_said = why_not is not None and (why_not.code in ("read_only", "muted") or policy.access == "direct")
        mine = await self.needs(actor)
        page = RoomPage(
            room=directs.address(own_id, channel.room),
            events=[decode_event(event.json) for event in events],
            # Whoever is new here has written nothing.
            may_delete=lambda author: cookie is None and self._context.redactions.may(actor, channel.room, author),
            may_restrict=lambda author: self._may_restrict(actor, channel.room, author),
            epoch=channel.epoch,
            first_seq=first_seq,
            head_seq=channel.head,
            guest_name=author.name,
            form_key=form_key,
            base_url=request.base_url,
            prefix=request.peer.prefix,
            can_post=why_not is None,
            why_not=why_not.detail if why_not is not None and is_said else CANNOT_POST,
            to_unblock=to_unblock,
            is_writer=unrestricted is None,
            policy=policy,
            error=refused.refusal.detail if refused is not None else None,
            draft=refused.message.text if refused is not None else "",
            name=(refused.message.name or "") if refused is not None else self._guard.last_name(request),
            older=first if first > first_seq else None,
            newer=last if last < channel.head else None,
            rooms=await self._active_rooms(actor, mine),
            read_seq=next((row.read_seq for row in mine if row.room == channel.room and row.unread), None),
            account=account,
            calls=self._context.inbox.badge(mine),
            quiet_hours="" if account is None else self._context.people.inbox_settings.of(account.id, "quiet_hours"),
            guest_pass=actor.guest_pass,
            is_open=policies.server == "open" and policy.access == "open" and actor.guest_pass is None,
            open_reports=self._context.open_reports.count(actor),
            zone=zone_of(actor),
            has_accounts=self._context.people.identities.accounts.has_owner(),
            waiting=await self._waiting(actor, channel.room),
        )
        body = await in_slices(render_room(page), events, bill, self._context.hub)
        status = 200 if refused is None else refused.refusal.kind.status
        return Response(status, body, HTML, self._fields(request, cookie, refused), policy=CSP.encode())

    def _may_restrict(self, actor: Actor, room: str, author: Author) -> bool:
        is_other = author.kind != "system" and (actor.account is None or actor.account.id != author.id)
        return is_other and self._context.policies.may(actor, "restrict", room)

    def _fields(self, request: Request, cookie: bytes | None, refused: Refused | None) -> Fields:
        """The header fields of a room's page: a cookie for a new guest, HTTPS from now on, those of a refusal."""
        fields: Fields = ((FieldName.VARY, b"Accept, Cookie"), (FieldName.LINK, early(request.peer.prefix)))
        if cookie is not None:
            fields += ((FieldName.SET_COOKIE, cookie),)
        if self._context.hsts_seconds and request.peer.scheme == "https":
            fields += ((FieldName.STRICT_TRANSPORT_SECURITY, b"max-age=%d" % self._context.hsts_seconds),)
        return fields if refused is None else fields + refusal_fields(refused.refusal)

    async def needs(self, actor: Actor) -> Sequence[Unread]:
        """The unread counts of the rooms of an account; nothing for others, and while they cannot be read."""
        if actor.account is None:
            return ()
        try:
            return await self._context.inbox.rooms(actor)
        except Refusal:
            return ()

    async def _waiting(self, actor: Actor, room: str) -> int | None:
        """How many guests wait for who lets them in; None for others, and where no link leads into the room."""
        people = self._context.people
        if actor.account is None or not self._context.policies.may(actor, "moderate", room):
            return None
        try:
            has_links = await people.guest_links.into(actor, room)
            return await people.passes.count_waiting(room) if has_links else None
        except Refusal:
            return None

    async def _active_rooms(self, actor: Actor, mine: Sequence[Unread]) -> Sequence[ListedRoom]:
        """The rooms for the list at the side, the archived ones not among them; public ones may be a little late."""
        context, now = self._context, self._context.clock.monotonic()
        if now >= self._rooms_until:
            self._rooms = {}
        if actor.guest_pass is not None:
            found = await context.door.joined_rooms(actor)
            own = [(each, context.policies.of(each.room)) for each in found[:SHOWN_ROOMS]]
            return [ListedRoom(each.room, each.active_at, of.title, of.access == "private") for each, of in own]
        rooms = self._rooms.get(actor.kind)
        if rooms is None:
            found = await context.door.public_rooms(actor, LOOKED_AT)
            rooms = context.new_rooms.listed(found)[: 2 * SHOWN_ROOMS]  # some of them may be closed meanwhile
            if len(found) > FEW_ROOMS:
                self._rooms_until = now + ROOMS_FRESH_S
                self._rooms[actor.kind] = rooms
        private = await context.door.private_rooms(actor)
        if private:
            rooms = [*newest_first([*rooms[:SHOWN_ROOMS], *private]), *rooms[SHOWN_ROOMS:]]
        may, of = context.policies.may, context.policies.of
        shown = [(each, of(each.room)) for each in rooms if may(actor, "read", each.room)]
        current = [(each, policy) for each, policy in shown if not policy.is_archived][:SHOWN_ROOMS]
        listed, needs = {each.room for each, _ in current}, {row.room: row for row in mine}
        more = [row for row in mine if row.room not in listed and (row.is_favourite or self._calls(row))][:SHOWN_ROOMS]
        more = [row for row in more if not of(row.room).is_archived]
        beside = [
            (RoomSummary(row.room, Log(row.first_seq, row.head_seq), row.active_at), of(row.room)) for row in more
        ]
        return [self._listed(actor, each, policy, needs.get(each.room)) for each, policy in [*current, *beside]]

    def _calls(self, row: Unread) -> int:
        return self._context.inbox.badge([row])

    def _listed(self, actor: Actor, each: RoomSummary, policy: Policy, own: Unread | None) -> ListedRoom:
        room = self._named(actor, each, policy)
        if own is None:
            return room
        is_muted = own.level == "nothing"
        return room._replace(
            section="favourites" if own.is_favourite else room.section,
            is_unread=own.unread > 0 and not is_muted,
            mentions=self._calls(own),
            is_muted=is_muted,
        )

    def _named(self, actor: Actor, each: RoomSummary, policy: Policy) -> ListedRoom:
        if policy.access != "direct":
            return ListedRoom(each.room, each.active_at, policy.title, policy.access == "private")
        directs, own_id = self._context.directs, None if actor.account is None else actor.account.id
        return ListedRoom(
            directs.address(own_id, each.room),
            each.active_at,
            directs.title(own_id, each.room),
            section="direct",
        )

    def error(self, refusal: Refusal, path: bytes, prefix: str, *, is_read: bool, typed: str | None = None) -> Response:
        """A refusal as a page; it leads back to the room that the request was about, if that is a room.

        `path` is as the operations have it; `prefix` is what the client has before it. `typed` is the text that a
        person typed for a room, to be corrected there. The browser itself retries a request to read that may work a
        little later; it does not retry a form, which it would send empty.
        """
        first = unquote_to_bytes(path[1:].partition(b"/")[0]).decode("utf-8", "replace")
        if typed is None and is_read and refusal.code == "bad_room_name":
            typed = first
        again_s = None
        if is_read and refusal.kind.retry == "after":  # those refused in the same second do not come back in one
            again_s = retry_after_s(refusal) + int(self._context.ids.fraction() * AGAIN_WITHIN_S)
        here = _private_path(path) if refusal.code == "not_found" else None
        is_out, there = refusal.code in _OUT, _room_to_go_to(first)
        room = None if is_out else there
        if room is not None and is_direct(room) and refusal.code != "login_required":
            room = None  # it may lead nowhere
        out = None
        if is_out:
            has_rooms = not refusal.is_everywhere and (refusal.is_to_account or self._context.policies.server == "open")
            has_accounts = self._context.people.identities.accounts.has_owner()
            out = WaysOut(has_rooms, has_accounts and not refusal.is_to_account, there or "")
        body = render_error(refusal, prefix=prefix, room=room, again_s=again_s, typed=typed, here=here, out=out)
        return Response(refusal.kind.status, body, HTML, refusal_fields(refusal), policy=CSP.encode())


async def in_slices(pieces: Iterable[str], events: Sequence[Stored], bill: Bill, hub: Hub) -> bytes:
    """The pieces of what shows these events, joined; they are made as they are asked for.

    Others have their turn between slices: the longest pages take a hundred times as long as one turn may.
    """
    done: list[str] = []
    with bill.reserved(sum([len(event.json) for event in events])):
        began, size = bill.began(), 0
        for piece in pieces:
            done.append(piece)
            size += len(piece)
            if size > SLICE_CHARS:
                bill.charge(began)
                await hub.next_slice()
                began, size = bill.began(), 0
        body = "".join(done).encode()
        bill.charge(began, len(body))
    return body


def _private_path(path: bytes) -> str | None:
    """A path that leads to a private room, whether there is one or not; None for any other."""
    for segment in path.decode("ascii", "replace").split("/")[1:3]:
        room = unquote(segment)
        if room.startswith(PRIVATE):
            start = "/rooms/" if path.startswith(b"/rooms/") else "/"
            return start + quote(room, safe="")
    return None


def _room_to_go_to(segment: str) -> str | None:
    try:
        return room_or_people(segment)
    except Refusal:
        return None
