"""What needs somebody: the list of a thousand rooms, and the memory of those who follow a hundred on one WebSocket.

    .venv-dev/bin/python -P -m bench.inbox

Figures of one process, without HTTP; docs/decisions/0029-inbox.md has those of its day.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import tracemalloc
from pathlib import Path

from parlour.chat.guests import author_of
from parlour.chat.inbox import Inbox
from parlour.chat.open_reports import OpenReports
from parlour.chat.ports import Store
from parlour.chat.reading import Bill, Place
from parlour.chat.tables.accounts import ADD_ACCOUNT
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.event import Draft
from parlour.core.payloads import MemberChanged, Message, Settings, log_of_account
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.hub.inbox_feed import InboxFeed
from parlour.hub.reports_feed import ReportsFeed
from parlour.store.memory import MemoryStore
from parlour.stream.encoding import WEBSOCKET
from parlour.stream.live import Client, LiveSession, Start, Timing
from tests.people.house import House
from tests.support.stores import CountedIds, HandClock, append, open_sqlite

ROOMS, MESSAGES = 1000, 40
FOLLOWED, FOLLOWERS = 100, 200


class Nowhere:
    """A connection that takes everything."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def wake_in(self, seconds: float) -> None: ...
    def pause_reading(self, is_paused: bool) -> None: ...
    def buffered(self) -> int:
        return 0


def _account(number: int) -> Account:
    return Account(f"u_{number:022}", f"n{number}", f"n{number}", "member", "member", None, "active")


def _add(account: Account) -> Transaction[None]:
    names = (account.id, account.name, account.name, account.display, account.name)
    yield ADD_ACCOUNT(*names, "member", "member", None, None, 0)


async def _furnish(store: Store, rooms: int, people: list[Account], messages: int) -> None:
    """Rooms of which all are members, with messages of the others."""
    for account in people:
        await store.run(_add(account))
    other = author_of(_account(10**6))
    for number in range(rooms):
        room = f"room{number}"
        joined = [Draft(room, other, MemberChanged("added", each.id, each.name, "member")) for each in people]
        said = [Draft(room, other, Message(f"This is message {index}.")) for index in range(messages)]
        drafts = (Draft(room, other, Settings(title="T")), *joined, *said)
        await asyncio.gather(*(append(store, draft) for draft in drafts))


async def list_of_rooms(directory: Path) -> tuple[float, float]:
    """The best of ten lists, in milliseconds, and of CPU time; something is unread in every room."""
    store, me = await open_sqlite(directory), _account(1)
    await _furnish(store, ROOMS, [me], MESSAGES)
    house = House(store)
    house.policies.load(await store.policies())
    inbox, actor = Inbox(store, house.policies), Actor("member", me.id, "password", None, me)
    times = []
    for _ in range(10):
        began, cpu = time.perf_counter(), time.process_time()
        assert sum(row.unread > 0 for row in await inbox.rooms(actor)) == ROOMS
        times.append(((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000))
    await store.close()
    return min(times)


async def memory_of_followers() -> float:
    """Bytes for each account that follows its rooms, beyond the session of its connection."""
    store = MemoryStore(HandClock(), CountedIds())
    people = [_account(number) for number in range(FOLLOWERS)]
    await _furnish(store, FOLLOWED, people, 1)
    house, hub = House(store), Hub(store)
    await house.identities.load()
    house.policies.load(await store.policies())
    reports = ReportsFeed(OpenReports(store, house.policies, house.identities.accounts))
    feed = InboxFeed(store, house.policies, Inbox(store, house.policies), house.directs.address, reports)
    door, sessions = Door(hub, house.policies), []
    for each in people:
        actor = Actor("member", each.id, "password", None, each)
        rule = house.policies.lasting_rule(actor, "read")
        bill, place = Bill(None, HandClock(), ""), Place(None, "").keep()
        client = Client(actor, bill, place, house.policies.who(actor), rule, feed=feed)
        session = LiveSession(hub, WEBSOCKET, [], client, Timing(25, 30, lambda: 0.5))
        session.sink = Nowhere()  # type: ignore[assignment]  # all that is asked of it here
        sessions.append(session)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for session in sessions:
        account = session.actor.account
        assert account is not None
        channel = await door.open(session.actor, log_of_account(account.id), "read")
        await session.follow_own(channel, Start())
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    house.passwords.close()
    return used / FOLLOWERS


async def main() -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = await list_of_rooms(Path(folder) / "data")
    print(f"list of {ROOMS} rooms: {wall:.1f} ms, of which {cpu:.1f} on the CPU (budget 20)")
    print(f"{FOLLOWED} rooms on one connection: {await memory_of_followers() / 1024:.1f} KiB (budget 6)")


if __name__ == "__main__":
    asyncio.run(main())
