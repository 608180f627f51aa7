"""The verb post: one path for every way of sending, from permission to the log."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass

from parlour.chat.guests import Guests
from parlour.chat.new_rooms import NewRooms
from parlour.chat.ports import Clock, Store
from parlour.core.addresses import SITE, AddressBuckets, site_of
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Author, Draft
from parlour.core.limits import Buckets, Limits
from parlour.core.names import check_key, room_name
from parlour.core.permissions import Access, may_post
from parlour.core.text import check_text


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a message comes from.

    `seat` is the identity of a guest (cookie or address); rates count by `address`, and None has none: the program that
    embeds the server.
    """

    seat: str
    address: str | None


class Rates:
    """The rates of sending: per sender, per address and per room."""

    def __init__(self, limits: Limits) -> None:
        self._sender = Buckets(limits.sends_per_s, limits.sends_burst)
        self._address = Buckets(limits.address_sends_per_s, limits.address_sends_burst)
        self._site = Buckets(limits.address_sends_per_s * SITE, limits.address_sends_burst * SITE)
        self._room = Buckets(limits.room_sends_per_s, limits.room_sends_burst)
        # The bursts are small: a sign that comes late says nothing any more.
        self._typing = Buckets(limits.typing_per_s, 3)
        self._address_typing = AddressBuckets(limits.address_typing_per_s, 10)
        self._room_typing = Buckets(limits.room_typing_per_s, 10)

    def take(self, author: Author, address: str, room: str, now: float) -> None:
        """Count one message. Raises Refusal("rate_limited") with the time to wait."""
        # Names cost nothing to a guest, so an address has a rate too: wider, because classrooms share one.
        counted: tuple[tuple[Buckets, str, str], ...] = (
            (self._sender, author.id, "You send more"),
            (self._address, address, "Your address sends more"),
            (self._room, room, "This room is sent more"),
        )
        site = site_of(address)
        if site is not None:  # not by AddressBuckets: every message of IPv4 would pay for its calls
            counted += ((self._site, site, "Your network sends more"),)
        for buckets, key, what in counted:  # all first: a refusal counts nowhere
            wait = buckets.wait(key, now)
            if wait > 0.0:
                raise Refusal("rate_limited", f"{what} messages than the rate allows.", retry_after=wait)
        for buckets, key, _ in counted:
            buckets.spend(key, now)

    def may_type(self, author: Author, address: str, room: str, now: float) -> bool:
        """Count a sign of typing, which goes to everybody in the room at no cost to who gives it."""
        return (
            self._typing.take(f"{author.id} {room}", now) == 0.0
            and self._address_typing.take(address, now) == 0.0
            and self._room_typing.take(room, now) == 0.0
        )

    def sizes(self) -> dict[str, int]:
        """How many senders, addresses and rooms are remembered, and how many of those in which somebody is typing."""
        return {
            "rates_of_senders": len(self._sender),
            "rates_of_addresses": len(self._address) + len(self._site),
            "rates_of_rooms": len(self._room),
            "rates_of_typing": len(self._typing),
            "rates_of_typing_addresses": len(self._address_typing),
            "rates_of_typing_rooms": len(self._room_typing),
        }


class Posting:
    """Posts messages. `rates` None means that nobody is slowed down."""

    def __init__(
        self,
        store: Store,
        guests: Guests,
        clock: Clock,
        *,
        access: Access,
        rates: Rates | None,
        new_rooms: NewRooms | None = None,
    ) -> None:
        self._store = store
        self._guests = guests
        self._clock = clock
        self._access = access
        self._rates = rates
        self._new_rooms = new_rooms

    def author(self, sender: Sender, name: str | None) -> Author:
        """Who the sender is under a display name. Raises Refusal("bad_name")."""
        return self._guests.author(sender.seat, name)

    def typing(self, sender: Sender, room: str, name: str | None) -> Author | None:
        """Who is typing, to be shown in a room; None when it has been shown often enough. Raises Refusal."""
        author = self.author(sender, name)
        if not may_post(author.kind, self._access):
            raise Refusal("login_required", "Only members may post here.")
        rates, address = self._rates, sender.address
        if rates is None or address is None or rates.may_type(author, address, room, self._clock.monotonic()):
            return author
        return None

    def post(
        self,
        sender: Sender,
        room: str,
        text: str,
        done: Callable[[Answer], None],
        *,
        key: str | None = None,
        name: str | None = None,
    ) -> None:
        """Validate and queue a message; `done` is told of the durable event, or of a Refusal (see `Store.append`).

        `room` is canonical (`core.names.room_name`); `key` and `name` are as the client wrote them. Raises Refusal for
        everything that is wrong with the message or with who sends it; then nothing was stored, and `done` is not
        called.
        """
        author = self._guests.author(sender.seat, name)
        if not may_post(author.kind, self._access):
            raise Refusal("login_required", "Only members may post here.")
        draft = Draft(room, author, check_text(text), None if key is None else check_key(key))
        if self._rates is not None and sender.address is not None:
            now = self._clock.monotonic()
            self._rates.take(author, sender.address, draft.room, now)
            new_rooms = self._new_rooms
            if new_rooms is not None and room not in new_rooms.known:
                done = new_rooms.count(draft, sender.address, done, now)
                try:
                    self._store.append(draft, done)
                except Refusal:
                    new_rooms.not_queued(draft, sender.address, now)
                    raise
                return
        self._store.append(draft, done)

    def posted(
        self, sender: Sender, room: str, text: str, *, key: str | None = None, name: str | None = None
    ) -> Future[Appended]:
        """The same for who can wait: the future is the durable event, or fails with a Refusal. Raises Refusal.

        `room`, too, is as the client wrote it.
        """
        future: Future[Appended] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if future.done():  # cancelled; the log does not change for that
                return
            if isinstance(answer, Refusal):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        self.post(sender, room_name(room), text, done, key=key, name=name)
        return future
