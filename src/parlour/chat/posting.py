"""The verb post: one path for every way of sending, from permission to the log."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from functools import partial
from sys import getsizeof
from typing import TypeAlias

from parlour.chat.direct_messages import DirectMessages
from parlour.chat.directs import Directs
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.guests import Guests
from parlour.chat.mentions import Mentions, Named, post
from parlour.chat.new_rooms import NewRooms
from parlour.chat.newest_policy import NewestPolicies
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, OnAnswer, Store
from parlour.chat.room_calls import Append, RoomCalls
from parlour.chat.slow_mode import post_slowly
from parlour.chat.transactions import Transaction
from parlour.core.actor import Actor
from parlour.core.addresses import SITE, AddressBuckets, site_of
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Author, Draft
from parlour.core.limits import Buckets, Limits
from parlour.core.names import DEFAULT_ROOM, PRIVATE, check_key, room_name
from parlour.core.payloads import Message
from parlour.core.permissions import Right
from parlour.core.policy import NO_POLICY, Policy
from parlour.core.text import check_text
from parlour.core.text_rules import refused_text

_Judge: TypeAlias = Callable[[Actor, Right, Policy], Refusal | None]


class Rates:
    """The rates of sending: per author, per address and per room."""

    def __init__(self, limits: Limits) -> None:
        self._author = Buckets(limits.sends_per_s, limits.sends_burst)
        self._address = Buckets(limits.address_sends_per_s, limits.address_sends_burst)
        self._site = Buckets(limits.address_sends_per_s * SITE, limits.address_sends_burst * SITE)
        self._room = Buckets(limits.room_sends_per_s, limits.room_sends_burst)
        self.calls = RoomCalls(limits)
        # The bursts are small: a notice that somebody is typing says nothing when it comes late.
        self._typing = Buckets(limits.typing_per_s, 3)
        self._address_typing = AddressBuckets(limits.address_typing_per_s, 10)
        self._room_typing = Buckets(limits.room_typing_per_s, 10)

    def take(self, author: Author, address: str, room: str, now: float) -> None:
        """Count one message. Raises Refusal("rate_limited") with the time to wait."""
        # Names cost nothing to a guest, so an address has a rate too: wider, because classrooms share one.
        counted: tuple[tuple[Buckets, str, str], ...] = (
            (self._author, author.id, "You send more"),
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
        """Count a typing notice: it goes to everybody in the room, and costs its author nothing."""
        return (
            self._typing.take(f"{author.id} {room}", now) == 0.0
            and self._address_typing.take(address, now) == 0.0
            and self._room_typing.take(room, now) == 0.0
        )

    def sizes(self) -> dict[str, int]:
        """How many authors, addresses and rooms have a bucket, for messages and for typing notices."""
        return {
            "rates_of_senders": len(self._author),
            "rates_of_addresses": len(self._address) + len(self._site),
            "rates_of_rooms": len(self._room),
            "rates_of_calls": len(self.calls),
            "rates_of_typing": len(self._typing),
            "rates_of_typing_addresses": len(self._address_typing),
            "rates_of_typing_rooms": len(self._room_typing),
        }


def _answer_of(future: Future[Appended]) -> Answer:
    if future.cancelled():
        return Refusal("storage_unavailable", retry_after=1)
    error = future.exception()
    if isinstance(error, Refusal):
        return error
    return future.result()


class Posting:
    """Posts messages. `rates` None means that nobody is slowed down."""

    def __init__(
        self,
        store: Store,
        guests: Guests,
        clock: Clock,
        policies: Policies,
        rates: Rates | None,
        new_rooms: NewRooms,
        directs: Directs,
        marks: GuestMarks | None = None,
        mentions: Mentions | None = None,
    ) -> None:
        """Without `mentions` a message is for nobody in particular."""
        self._mentions = mentions
        self._store = store
        self._guests = guests
        self._clock = clock
        self._policies = policies
        self._judge_at_once = partial(self._judge_text, policies.judge_at_once)
        self._rates = rates
        self._new_rooms = new_rooms
        self._newest = NewestPolicies(store, policies)
        self._marks = GuestMarks(store.secret) if marks is None else marks
        self._directs = DirectMessages(store, policies, directs)

    def author(self, actor: Actor, room: str, name: str | None) -> Author:
        """The author that a message would have; sends none. Raises Refusal as a message under this name would."""
        self._policies.require(actor, "post", room)
        return self.author_in(actor, room, name)

    def typing(self, actor: Actor, room: str, name: str | None) -> Author | None:
        """The author of a sign of typing to show in a room; None if it was shown often enough. Raises Refusal."""
        author = self.author(actor, room, name)
        directs, account = self._directs.directs, actor.account
        if account is not None and directs.is_direct(room) and (refusal := directs.why_not(account, room)) is not None:
            raise refusal
        rates, address = self._rates, actor.address
        if rates is None or address is None or rates.may_type(author, address, room, self._clock.monotonic()):
            return author
        return None

    def post(
        self,
        actor: Actor,
        room: str,
        text: str,
        done: OnAnswer,
        key: str | None = None,
        name: str | None = None,
        *,
        is_newest: bool = False,
    ) -> None:
        """Validate and queue a message; `done` is told of the durable event, or of a Refusal (see `Store.append`).

        `room` is canonical (`core.names.room_name`); `key` and `name` are as the client wrote them. Raises Refusal for
        what is wrong with the message or its sender; then nothing was stored, and `done` is not called.

        Where other nodes write to the store, nobody is refused by the policy of a room before the newest one is known;
        `is_newest` says that it is.
        """
        if room[0] == PRIVATE and self._directs.directs.is_direct(room):
            self._post_direct(actor, room, text, done, key, name)
            return
        if not is_newest and (waiting := self._newest.waiting) and (actor.id, room) in waiting:
            self._post_when_known(actor, room, text, done, key, name)
            return
        policies = self._policies
        try:
            policy = policies.judged(actor, "post", room)
        except Refusal:
            if is_newest or not self._store.is_shared or not policies.could_allow(actor, "post", room):
                raise
            self._post_when_known(actor, room, text, done, key, name)
            return
        # As `author_in` says it: each call less is a hundredth of a post.
        is_plain = name is None and actor.account is None and actor.guest_pass is None and actor.kind == "guest"
        author = self._guests.remembered(actor.id, None) if is_plain else self.author_in(actor, room, name)
        text = check_text(text)
        named, mentions = None, self._mentions
        if mentions is not None and ("@" in text or mentions.watched):
            named = mentions.resolve(author, room, text)
        payload = Message(text) if named is None else Message(text, named.names, named.everyone)
        checked = None if key is None else check_key(key)
        if actor.account is None and self._marks.latest.get(author.id) is not actor:
            self._marks.saw(author.id, actor)
        server_at = policies.server_seq if actor.guest_pass is None else MAX_SEQ  # a pass is for whatever server
        judge = partial(self._judge_at_once, actor, text)
        draft = Draft(room, author, payload, checked, None, policy.seq, judge, server_at)  # names would cost a tenth
        append: Append = self._store.append
        if policy is not NO_POLICY or named is not None or policies.has_rules:
            append = self._append_by_rules(actor, policy, draft, text, named)
        address = actor.address
        if self._rates is not None and address is not None:
            now = self._clock.monotonic()
            if not is_newest:  # else it was counted before it waited
                self._rates.take(author, address, draft.room, now)
            if room not in self._new_rooms.known and draft.if_first is None:
                self._append_first(append, draft, done, address, now)
                return
        append(draft, done)

    def _append_first(self, append: Append, draft: Draft, done: OnAnswer, address: str, now: float) -> None:
        """Append what may make a room, which is counted for an address."""
        done = self._new_rooms.count(draft, address, done, now)
        try:
            append(draft, done)
        except Refusal:
            self._new_rooms.not_queued(draft, address, now)
            raise

    def _append_by_rules(self, actor: Actor, policy: Policy, draft: Draft, text: str, named: Named | None) -> Append:
        """How a message is appended where a room or the server has rules, or where it is for somebody. Raises Refusal.

        Where that takes more than the append, it is a transaction.
        """
        policies = self._policies
        self._check_rules(actor, policy, text)
        if policies.room_makers != "members" and draft.room != DEFAULT_ROOM:
            draft.if_first = policies.refused_new_room(actor)
        steps: Transaction[Appended] | None = None
        if policy.slow_s or policies.least_slow_s:
            steps = self._slow_steps(actor, policy, draft, text)
        if named is not None:
            steps = post(draft, named, steps)
        append: Append = self._store.append if steps is None else partial(self._run, steps)
        account = actor.account
        is_call = named is not None and named.everyone is not None
        if self._rates is None or account is None or not is_call or policies.is_exempt(actor, policy):
            return append
        return self._rates.calls.counted(append, account, draft.room, self._clock.monotonic())

    def _judge_text(self, judge: _Judge, actor: Actor, text: str, policy: Policy) -> Refusal | None:
        """What the store is told under a newer policy, which may have other words. On any thread."""
        refusal = judge(actor, "post", policy)
        if refusal is None:
            try:
                self._check_rules(actor, policy, text)
            except Refusal as refused:
                return refused
        return refusal

    def _check_rules(self, actor: Actor, policy: Policy, text: str) -> None:
        if (policy.words or policy.links != "all") and not self._policies.is_exempt(actor, policy):
            refusal = refused_text(text, policy.words, policy.links, is_guest=actor.account is None)
            if refusal is not None:
                raise refusal

    def _slow_steps(self, actor: Actor, policy: Policy, draft: Draft, text: str) -> Transaction[Appended] | None:
        """How a message is appended in slow mode: it is looked up when the author has written last, under any name."""
        if self._policies.is_exempt(actor, policy):
            return None
        draft.judge = partial(self._judge_text, self._policies.judge, actor, text)
        account = actor.account
        who = self._marks.of(draft.room, actor.id, None)[0] if account is None else account.owner or account.id
        return post_slowly(draft, who, self._policies.least_slow_s, self._clock.now_ms())

    def _run(self, steps: Transaction[Appended], draft: Draft, done: OnAnswer) -> None:
        """Queue a message whose append is a transaction. Raises Refusal as `Store.append`."""
        stored = self._store.run(steps, draft.payload.size())
        if stored.done() and isinstance(error := stored.exception(), Refusal):  # it was not even queued
            raise error
        stored.add_done_callback(lambda answered: done(_answer_of(answered)))

    def _post_direct(
        self, actor: Actor, room: str, text: str, done: OnAnswer, key: str | None, name: str | None
    ) -> None:
        """Post to a direct room, which the first message makes. Raises Refusal as `post` does."""
        self._policies.require(actor, "post", room)
        author, text = self._guests.author(actor, name), check_text(text)
        named = None if self._mentions is None else self._mentions.resolve(author, room, text)
        payload = Message(text) if named is None else Message(text, named.names, named.everyone)
        draft = Draft(room, author, payload, None if key is None else check_key(key))
        directs, address, new_rooms = self._directs, actor.address, self._new_rooms
        if self._rates is not None and address is not None:
            now = self._clock.monotonic()
            self._rates.take(author, address, room, now)
            if room not in new_rooms.known and not self._policies.of(room).seq:
                done = new_rooms.count(draft, address, done, now, directs.first_seq(room))
        directs.post(actor, draft, named, done)

    def author_in(self, actor: Actor, room: str, name: str | None) -> Author:
        """An actor as an author in a room. Raises Refusal("bad_name"), ("reserved_name") for that of a guest there."""
        guest = actor.guest_pass
        if guest is not None:
            there = self._policies.of(room).guests.get(guest.id)
            if there is not None and there.name != guest.name:  # renamed since a WebSocket was opened
                actor = actor._replace(guest_pass=guest._replace(name=there.name))
        elif name is not None and actor.account is None and self._policies.is_name_of_guest(room, name):
            raise Refusal("reserved_name", "This is the name of a guest who is here, or looks like one.", field="name")
        return self._guests.author(actor, name)

    def _post_when_known(
        self, actor: Actor, room: str, text: str, done: OnAnswer, key: str | None, name: str | None
    ) -> None:
        """Post once the newest policy of the room is known. It counts now: else whoever is refused would cost much."""
        author, address = self.author_in(actor, room, name), actor.address
        if self._rates is not None and address is not None:
            self._rates.take(author, address, room, self._clock.monotonic())
        post = partial(self.post, actor, room, text, done, key, name, is_newest=True)
        self._newest.wait(actor.id, room, getsizeof(text), post, done)

    def posted(
        self, actor: Actor, room: str, text: str, key: str | None = None, name: str | None = None
    ) -> Future[Appended]:
        """The same as a future, which may fail with a Refusal, with `room` as the client wrote it. Raises Refusal."""
        future: Future[Appended] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if future.done():  # cancelled; the log does not change for that
                return
            if isinstance(answer, Refusal):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        self.post(actor, room_name(room), text, done, key=key, name=name)
        return future
