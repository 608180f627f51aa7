"""Random histories of a few people in a few rooms, by the verbs themselves, and what three devices make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

from parlour.chat.guests import Guests, author_of
from parlour.chat.inbox import Inbox
from parlour.chat.inbox_settings import InboxSettings
from parlour.chat.members import Members
from parlour.chat.mentions import Mentions
from parlour.chat.new_rooms import NewRooms
from parlour.chat.policies import Policies
from parlour.chat.ports import Commit, Store
from parlour.chat.posting import Posting
from parlour.chat.rooms import Rooms
from parlour.chat.tables.accounts import ADD_ACCOUNT
from parlour.chat.transactions import Append, DropBefore, Redact, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor, guest
from parlour.core.errors import Refusal
from parlour.core.event import Draft
from parlour.core.limits import Limits
from parlour.core.payloads import POLICY_TYPES, Redaction, Settings, log_of_account
from parlour.hub.account_logs import AccountLogs
from parlour.schema.event_json import payload_of
from tests.people.house import House
from tests.support.inbox_fold import Device, Shown
from tests.support.stores import CountedIds, HandClock

NAMES = ("ada", "bob", "cy")
PUBLIC = ("lobby", "ops")
DEVICES = 3


class History:
    """One store with people in it; `run` makes a history of them, each time with new rooms."""

    def __init__(self, store: Store) -> None:
        self._store = store
        clock, ids = HandClock(), CountedIds(10_000)
        self._policies = Policies("open")
        self._inbox = Inbox(store, self._policies, gather_s=0)
        self._members = Members(store, self._policies)
        self._rooms = Rooms(store, ids, self._policies)
        house = House(store)
        self._identities = house.identities
        self._settings = InboxSettings(store, clock)
        store.on_commit(AccountLogs(self._settings.changed).committed)
        mentions = Mentions(self._identities, self._policies, self._settings)
        guests = Guests(store.secret)
        self._posting = Posting(
            *(store, guests, clock, self._policies, None, NewRooms(Limits()), house.directs), mentions=mentions
        )
        store.on_commit(self._learn)
        self._people: list[Actor] = []
        self._number = 0

    def _learn(self, commits: Sequence[Commit]) -> None:
        for room, events in commits:
            for event in events:
                if event.type in POLICY_TYPES:
                    self._policies.changed(room, event.seq, payload_of(event))

    async def _settle(self) -> list[str]:
        """New people and rooms: two public rooms, of which one has members, and one for which history matters."""
        self._number += 1
        self._people = []
        for name in NAMES:
            called = f"{name}{self._number}"
            account = Account(f"u_{called}", called, called, "member", "member", None, "active")
            await self._store.run(_add(account))
            self._people.append(Actor("member", account.id, "password", None, account))
        await self._identities.load()
        self._identities.watch(self._people[1], lambda _: None)  # the one who is there for @here
        await self._settings.change(self._people[2], _account(self._people[2]), {"keywords": "fire"})
        public = [f"{room}{self._number}" for room in PUBLIC]
        await self._rooms.create(self._people[0], public[1], Settings())
        private = await self._rooms.create(
            self._people[1], None, Settings(access="private", title="Since", history="joined")
        )
        return [*public, private.room]

    async def run(self, seed: int, steps: int = 30) -> None:
        """A history; afterwards, and where it pauses, every device shows what the tables say."""
        random = Random(seed)
        rooms = await self._settle()
        devices = {actor: [Device(actor.id) for _ in range(DEVICES)] for actor in self._people}
        for _ in range(steps):
            await self._step(random, rooms)
            if random.random() < 0.2:  # a device reads on, each log as far as it likes
                actor = random.choice(self._people)
                await self._read_on(random, random.choice(devices[actor]), actor, random.sample(rooms, 2))
        for actor in self._people:
            for device in devices[actor]:
                await self._read_on(random, device, actor, rooms)
            await self._compare(seed, actor, devices[actor], rooms)

    async def _compare(self, seed: int, actor: Actor, devices: Sequence[Device], rooms: Sequence[str]) -> None:
        found = {row.room: row for row in await self._store.unread([(actor.id, room) for room in rooms])}
        for room, row in found.items():
            tables = Shown(row.read_seq, row.unread, row.mentions, row.level, row.is_favourite)
            shown = [device.shown(room) for device in devices]
            assert shown == [tables] * DEVICES, f"history {seed}: {actor.id} in {room}"

    async def _read_on(self, random: Random, device: Device, actor: Actor, rooms: Sequence[str]) -> None:
        limit = random.choice((1, 3, 1000))
        if limit == 1000 or random.random() < 0.5:
            device.read_own(await self._store.after(log_of_account(actor.id), device.seq, 1000))
        for room in rooms:
            events = await self._store.after(room, device.cursor(room), 1000 if len(rooms) > 2 else limit)
            device.read(room, events, await self._store.log(room))
        if len(rooms) > 2:
            device.read_own(await self._store.after(log_of_account(actor.id), device.seq, 1000))

    async def _step(self, random: Random, rooms: Sequence[str]) -> None:
        actor, room = random.choice(self._people), random.choice(rooms)
        what: Any = random.choices(
            (self._say, self._guest_says, self._mark, self._delete, self._note, self._come_or_go, self._trim),
            (30, 15, 25, 8, 8, 10, 2),
        )[0]
        try:
            await what(random, actor, room)
        except Refusal as refusal:
            if refusal.code not in ("not_found", "login_required", "gone", "last_owner", "forbidden"):
                raise

    async def _say(self, random: Random, actor: Actor, room: str) -> None:
        await self._posting.posted(actor, room, self._text(random))

    async def _guest_says(self, random: Random, _: Actor, room: str) -> None:
        await self._posting.posted(guest(None, "192.0.2.1"), room, self._text(random))

    def _text(self, random: Random) -> str:
        number = self._number
        names = (f"@ada{number} and @BOB{number}.", f"ask @cy{number}")
        texts = ("hello", "yes", *names, "@room lunch", "@here?", "Fire!")
        return random.choices(texts, (6, 6, 3, 3, 2, 2, 1))[0]

    async def _mark(self, random: Random, actor: Actor, room: str) -> None:
        """Three devices mark at once, of which two are behind."""
        head = (await self._store.log(room)).head_seq
        marks = [self._inbox.read(actor, room, random.randint(0, head + 1), is_back=random.random() < 0.2)]
        marks += [self._inbox.read(actor, room, random.randint(0, head)) for _ in range(random.choice((0, 0, 2)))]
        answers = await asyncio.gather(*marks, return_exceptions=True)
        assert all(answer is None or isinstance(answer, Refusal) for answer in answers), answers

    async def _delete(self, random: Random, actor: Actor, room: str) -> None:
        log = await self._store.log(room)
        event = await self._store.after(room, random.randint(log.first_seq, max(1, log.head_seq)) - 1, 1)
        if event and event[0].type == "message":
            await self._store.run(_redact(actor, room, event[0].seq))

    async def _note(self, random: Random, actor: Actor, room: str) -> None:
        if random.random() < 0.2:
            await self._inbox.forget(actor, room)
        else:
            level: Any = random.choice((None, "all", "mentions", "nothing"))
            await self._inbox.notify(actor, room, level, random.random() < 0.5)

    async def _come_or_go(self, random: Random, actor: Actor, room: str) -> None:
        whom = random.choice(self._people).account
        assert whom is not None
        if whom.id in self._policies.of(room).members:
            await self._members.remove(actor, room, whom)
        elif whom is actor.account and not room.startswith("~"):
            await self._members.join(actor, room)
        else:
            await self._members.add(actor, room, whom, "member")

    async def _trim(self, random: Random, _: Actor, room: str) -> None:
        log = await self._store.log(room)
        await self._store.run(_trim(room, random.randint(log.first_seq, max(1, log.head_seq))))


def _account(actor: Actor) -> Account:
    assert actor.account is not None
    return actor.account


def _add(account: Account) -> Transaction[None]:
    yield ADD_ACCOUNT(
        *(account.id, account.name, account.name, account.display, account.name, "member", "member", None, None, 0)
    )


def _redact(actor: Actor, room: str, seq: int) -> Transaction[None]:
    assert actor.account is not None
    yield Redact(room, seq)
    yield Append(Draft(room, author_of(actor.account), Redaction(), ref=seq))


def _trim(room: str, seq: int) -> Transaction[None]:
    yield DropBefore(room, seq)
