"""What it costs to know who asks and what they may, once it is in memory; prints a table in microseconds.

    python bench/micro/identity.py

`read` finds the credential in the fields of a request (`credentials_of`), `who` the actor (`Identities.actor`), `may`
the right to post in a room with a policy (`Policies.judged`). Budget: `who` and `may` together 2 µs
(docs/performance.md). CPU time, least of 60 runs.
"""

from __future__ import annotations

import platform
import time
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import uvloop
from argon2 import PasswordHasher

from parlour.api.credentials import credentials_of
from parlour.chat.members import Members
from parlour.chat.passwords import Passwords
from parlour.chat.people import people_of
from parlour.chat.policies import Policies
from parlour.chat.rooms import Rooms
from parlour.clock import SystemClock, SystemIds
from parlour.core.actor import OPERATOR, Actor, guest
from parlour.core.payloads import Settings
from parlour.http.request import Peer, Request
from parlour.hub.server_log import ServerLog
from parlour.store.memory import MemoryStore

RUNS, TIMES = 60, 2000
PASSWORD = "correct horse battery staple"  # noqa: S105
PEER = Peer("127.0.0.1", "127.0.0.1", "http")


def request(**fields: bytes) -> Request:
    """As much of a request as says who asks."""
    values = {name.encode(): value for name, value in fields.items()}
    head = SimpleNamespace(values=values, method="POST", get_all=lambda name: [values[name]] if name in values else [])
    return Request(cast("Any", head), cast("Any", SimpleNamespace(params={})), b"", PEER)


def least_us(work: Callable[[], object]) -> float:
    """The time of one call."""
    best = float("inf")
    for _ in range(RUNS):
        began = time.thread_time()
        for _ in range(TIMES):
            work()
        best = min(best, time.thread_time() - began)
    return best / TIMES * 1e6


NOTHING = request()


async def main() -> None:
    """Print the table."""
    clock, ids, policies = SystemClock(), SystemIds(), Policies("open")
    store = MemoryStore(clock, ids)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    people = people_of(store, clock, ids, policies, passwords)
    store.on_commit(ServerLog([people.identities.changed]).committed)
    for number in range(1000):  # a server with people, rooms and members in it
        link = await people.invitations.make(OPERATOR, "member", 1, 7)
        await people.accounts.register(link.secret, f"person{number}", "", PASSWORD)
    account = people.identities.accounts.all()[0]
    session = await people.sign_ins.begin(account, "Firefox")
    cookie = request(cookie=f"theme=dark; parlour_session={session.secret}".encode())
    browser = await people.identities.identify(cast("Any", credentials_of(cookie)), PEER.key)
    assert browser is not None
    made = await Rooms(store, ids, policies).create(browser, None, Settings(access="private", title="Leads"))
    members = Members(store, policies)
    for other in people.identities.accounts.all()[1:50]:
        await members.add(browser, made.room, other, "member")
    scopes = frozenset(("read", "post"))
    token = await people.sign_ins.make_token(browser, account, "cron", cast("Any", scopes), 90)
    requests = {
        "session": cookie,
        "token, Bearer": request(authorization=f"Bearer {token.secret}".encode()),
        "token, Basic": request(authorization=b"Basic " + b64encode(f"{account.name}:{token.secret}".encode())),
        "password, Basic": request(authorization=b"Basic " + b64encode(f"{account.name}:{PASSWORD}".encode())),
    }
    print(f"Python {platform.python_version()}, 1000 accounts, a private room of 50")
    print("\nwith             read    who    may  who + may")
    judged, actor_of = policies.judged, people.identities.actor

    def shown(name: str, read: Callable[[], object], who: Callable[[], Actor], room: str) -> None:
        actor = who()
        both = least_us(lambda: judged(who(), "post", room))
        may = least_us(lambda: judged(actor, "post", room))
        print(f"{name:15}{least_us(read):6.2f} {least_us(who):6.2f} {may:6.2f}     {both:6.2f}")

    shown("nothing, guest", lambda: credentials_of(NOTHING), lambda: guest(None, PEER.key), "lobby")
    for name, asked in requests.items():
        credentials = credentials_of(asked)
        assert credentials is not None
        await people.identities.identify(credentials, PEER.key)
        who = partial(actor_of, credentials, PEER.key)
        shown(name, partial(credentials_of, asked), cast("Callable[[], Actor]", who), made.room)
    await store.close()
    passwords.close()


if __name__ == "__main__":
    uvloop.run(main())
