"""A house with something in every table, and what is needed to move it and to look at it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import asyncpg

from parlour.chat.guest_links import Terms
from parlour.chat.guests import Guests, author_of
from parlour.chat.identities import Credentials
from parlour.chat.inbox import Inbox
from parlour.chat.members import Members
from parlour.chat.ports import Store
from parlour.chat.profiles import ProfileChange
from parlour.chat.provider_links import Stranger
from parlour.chat.reports import Reports
from parlour.chat.rooms import Rooms
from parlour.chat.slow_mode import post_slowly
from parlour.chat.tables.inbox import ADD_MENTION, ADD_ROOM_MENTION, SET_INBOX_SETTING
from parlour.chat.tables.mails import MAILS_DUE
from parlour.chat.tables.reports import ADD_NOTE
from parlour.chat.tickets import Tickets
from parlour.chat.transactions import Transaction
from parlour.core.actor import OPERATOR, Actor
from parlour.core.actor import guest as guest_of_address
from parlour.core.event import Draft
from parlour.core.payloads import Message, Settings
from parlour.store.errors import StoreError
from parlour.store.moving.move import Moved, move
from parlour.store.moving.places import open_source, open_target
from parlour.work.retention import Retention
from tests.people.house import ADDRESS, House
from tests.people.keys import add_key
from tests.people.phones import set_up
from tests.support.stores import CountedIds, HandClock, append, draft, open_postgres, open_sqlite, redact

DAY = 86_400_000


async def open_place(place: str, clock: HandClock, ids: int = 100_000) -> Store:
    """The store there, as a server opens it."""
    if "://" in place:
        return await open_postgres(place, clock=clock, ids=CountedIds(ids))
    return await open_sqlite(Path(place), clock=clock, ids=CountedIds(ids))


async def why_not_served(place: str) -> str:
    """Why no server starts there; empty if one does."""
    try:
        store = await open_place(place, HandClock())
    except StoreError as error:
        return str(error)
    await store.close()
    return ""


async def move_house(source: str, target: str) -> Moved:
    """What `parlour move` does."""
    async with open_source(source, CountedIds(200_000)) as left, open_target(target) as right:
        return await move(left, right, CountedIds(300_000), lambda *_: None)


class Secrets(NamedTuple):
    """What alice has: of a session in a browser, of a token, and of a ticket; and the secret of a guest's pass."""

    session: str
    token: str
    ticket: str
    guest: str


async def furnish(place: str, clock: HandClock) -> Secrets:
    """Have something in every table, and logs that have lost their beginnings and some of their texts."""
    store = await open_place(place, clock)
    house = House(store, clock=clock)
    rooms = Rooms(store, CountedIds(900), house.policies)
    try:
        for number in range(40):
            await append(store, draft(f"old {number}", "lobby", f"key-{number:04}"))
        clock.ms += 3 * DAY
        retention = Retention(store, 2, clock, events_per_step=7, step_pause_s=0.0)
        for text in ("new", "newer"):
            await append(store, draft(text, "lobby"))
        await retention.round()
        olga, alice = await house.person("olga", "owner"), await house.person("alice-a")
        session = (await house.sign_ins.begin(alice, "Firefox")).secret
        owner = await house.signed_in(olga)
        await set_up(house, owner)
        await add_key(house, owner)
        actor = await house.identities.identify(Credentials("session", session), ADDRESS)
        assert actor is not None
        await house.accounts.change(
            actor, ProfileChange(display="Älice ✓", status="here", hue=4, time_zone="Asia/Tokyo")
        )
        alice = await house.accounts.change(house.identities.current(actor), ProfileChange(name="alice-b"))
        actor = house.identities.current(actor)
        await house.accounts.make_bot(actor, "robot", "")
        token = await house.token(actor, "read", "post")
        made = await rooms.create(actor, None, Settings(access="private", title="Ours"))
        house.policies.load(await store.policies())
        await Members(store, house.policies).add(actor, made.room, olga, "member")
        link = await house.guest_links.make(actor, [made.room], Terms())
        guest = (await house.passes.come_in(guest_of_address(None, ADDRESS), link.code, "Léna", ADDRESS)).secret
        over = await house.guest_links.make(actor, [made.room], Terms())
        await house.passes.come_in(guest_of_address(None, ADDRESS), over.code, "Ken", ADDRESS)
        await house.guest_links.end(actor, over.id)
        await house.settings.change(OPERATOR, {"access": "members"})
        await house.invitations.make(OPERATOR, "member", 3, 7)
        bob = await house.person("bob")
        for number in range(30):
            author = author_of(alice if number % 2 else bob)
            await append(
                store, Draft("größe", author, Message(f"text {number} \u2028 “ünï” {'x' * number}"), f"k-{number:07}")
            )
            clock.ms += 1000
        await store.run(redact("größe", 7))
        await store.run(post_slowly(draft("slowly", "slow-room"), "somebody", 30, clock.now_ms()))
        await house.deletions.delete(OPERATOR, bob, "remove")
        for number in range(20):
            await append(store, draft(f"another {number}", f"room-{number}", f"key-{number:04}"))
        await house.posting().posted(actor, house.directs.find(actor, "@robot"), "beep")
        await house.blocks.block(actor, olga)
        await _with_mail(house, actor)
        await _reported(house, actor)
        await house.bans.ban_address(OPERATOR, "203.0.113.7", "spam", 60)
        await Inbox(store, house.policies).notify(actor, made.room, "all", True)
        await store.run(_mention(actor.id, made.room))
        ticket = (await Tickets(store, clock, CountedIds(9000), house.identities).make(actor)).secret
    finally:
        await store.close()
        house.passwords.close()
    return Secrets(session, token, ticket, guest)


async def _with_mail(house: House, actor: Actor) -> None:
    """An e-mail address, another one that waits for its link, mail that waits to be sent, and a sign-in provider."""
    await house.emails.ask(actor, "alice@example.org")
    for mail in await house.store.query(MAILS_DUE(house.clock.ms, 10)):
        await house.emails.verify(actor, house.mails.secret_of(mail.id))
    await house.emails.ask(actor, "other@example.org")
    await house.provider_links.link(actor, Stranger("https://id.example.org", "s-1", "Company"))


def _mention(account: str, room: str) -> Transaction[None]:
    yield ADD_MENTION(account, room, 1, 1, "name")
    yield ADD_ROOM_MENTION(room, 2, "u_somebody")
    yield SET_INBOX_SETTING(account, "keywords", "größe")


async def execute(place: str, *statements: str) -> None:
    """Change what is there by hand."""
    if "://" in place:
        connection = await asyncpg.connect(place)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
    else:
        with closing(apsw.Connection(str(Path(place) / "parlour.db"))) as database:
            for statement in statements:
                database.execute(statement)


async def tables(place: str) -> dict[str, list[dict[str, Any]]]:
    """All tables as they are, in an order of no meaning, but for what an engine keeps for itself."""
    found = await _postgres_tables(place) if "://" in place else _sqlite_tables(Path(place))
    for name in ("migrations", "meta", "gate", "commits", "cursors"):
        found.pop(name, None)
    return {name: sorted(rows, key=lambda row: repr(sorted(row.items()))) for name, rows in found.items()}


def _sqlite_tables(directory: Path) -> dict[str, list[dict[str, Any]]]:
    connection = apsw.Connection(str(directory / "parlour.db"))
    found: dict[str, list[dict[str, Any]]] = {}
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        cursor = connection.execute(f"SELECT * FROM {name}")  # noqa: S608
        rows = cursor.fetchall()
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
        found[str(name)] = [dict(zip(map(str, columns), row, strict=True)) for row in rows]
    connection.close()
    found["events"] = [row for row in found["events"] if row["id"] >= 1 << 36]
    return found


async def _postgres_tables(url: str) -> dict[str, list[dict[str, Any]]]:
    connection = await asyncpg.connect(url)
    try:
        names = [
            row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        found = {name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")] for name in names}  # noqa: S608
    finally:
        await connection.close()
    for room in found["rooms"]:
        del room["head"], room["at_ms"]
    return found


async def _reported(house: House, actor: Actor) -> None:
    """A message that somebody has reported, with a note."""
    reports = Reports(house.store, house.clock, CountedIds(9700), house.policies, Guests(b"secret"))
    made = await reports.report(actor, "größe", 3, "message", "spam")

    def noted() -> Transaction[None]:
        yield ADD_NOTE("o_1", made.id, actor.id, 0, "seen")

    await house.store.run(noted())
