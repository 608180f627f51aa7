"""The people of the simulated server: they come into rooms and go, are signed out and disabled, and talk all the while.

`People` makes them and has some of them change rooms and accounts at any moment, over HTTP. What they were shown and
answered is written down; `tests/simulation/people_verdict.py` judges it.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import Future, Task
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any, NamedTuple, TypeVar

from parlour.app import App
from parlour.chat.ports import Commit
from parlour.core.accounts import Account, Role, Scope
from parlour.core.actor import OPERATOR, Actor
from parlour.core.errors import Refusal
from parlour.core.payloads import RoomRole, Settings
from tests.fault.client import LOST, Shared, answer
from tests.simulation.loop import World
from tests.simulation.machine import Machine
from tests.support import raw

T = TypeVar("T")

NAMES: dict[str, Role] = {"olga": "owner", "ada": "member", "bob": "member", "cyd": "member", "dan": "member"}
MANAGERS = ("olga", "ada", "bob")
"""Who changes rooms; whether they may is up to the rules."""

FIRST_MEMBERS: dict[str, RoomRole] = {"bob": "moderator", "cyd": "member"}

PAUSE_S = 0.05
ALONE = 0.2
"""The part of what people say that is for one other alone."""

SCOPES: frozenset[Scope] = frozenset({"admin"})


@dataclass(eq=False)
class SignIn:
    """What somebody asks with: the id of a session or token, and the fields of a request."""

    account: str
    id: str
    fields: tuple[str, ...]


class Said(NamedTuple):
    """A message and what it was answered with; status 0: nothing came back."""

    account: str
    sign_in: str
    room: str
    text: str
    sent_at: float
    status: int
    seq: int


class Shown(NamedTuple):
    """Somebody was shown an event, by a request or stream that was asked for at `opened_at`."""

    account: str
    sign_in: str
    way: str
    room: str
    seq: int
    opened_at: float
    at: float


@dataclass
class Notes:
    """What is written down of a run. `committed` has the time at which an event was announced."""

    said: list[Said] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    committed: dict[tuple[str, int], float] = field(default_factory=dict)
    did: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """One more of these."""
        self.did[what] = self.did.get(what, 0) + 1


class People:
    """Everybody, as tasks of the world outside. `rooms` are their rooms once `settle` is done."""

    def __init__(self, world: World, machine: Machine, shared: Shared, notes: Notes, seed: int) -> None:
        self.notes = notes
        self.rooms: tuple[str, ...] = ()
        self.world = world
        self.shared = shared
        self.sign_ins: dict[str, SignIn] = {}
        self._machine = machine
        self._random = Random(f"{seed} people")
        self._said = 0
        self._sizes = self._random.choice(((0, 10), (0, 3000), (4000, 7900)))

    async def settle(self) -> None:
        """Make accounts and rooms, on a server that runs."""

        async def make(app: App) -> tuple[str, ...]:
            for name, role in NAMES.items():
                new = Account(f"u_{name}", name, name, "member", role, None, "active")
                # Without a password: to hash one takes longer than all the rest.
                await app.context.store.run(app.context.people.accounts._add(OPERATOR, new, None))
            ada = Actor("member", "u_ada", "session", None, app.context.people.identities.accounts.get("u_ada"))
            rooms = app.context.rooms
            hidden = await rooms.create(ada, None, Settings("private", "Leads"))
            since = await rooms.create(ada, None, Settings("private", "Board", history="joined"))
            kitchen = await rooms.create(ada, "kitchen", Settings("members", "Kitchen"))
            for room, (name, role) in product((hidden.room, since.room), FIRST_MEMBERS.items()):
                account = app.context.people.identities.accounts.get(f"u_{name}")
                assert account is not None
                await app.context.members.add(ada, room, account, role)
            return hidden.room, since.room, kitchen.room

        made = await self._have(make)
        assert made is not None
        self.rooms = made
        for name in NAMES:
            await self.sign_in(name)

    def note(self, app: App) -> None:
        """Note when the events of this life of the server are announced."""
        committed, world = self.notes.committed, self.world

        def note(commits: Sequence[Commit]) -> None:
            for room, events in commits:
                for event in events:
                    committed.setdefault((room, event.seq), world.now)

        app.context.store.on_commit(note)

    async def sign_in(self, name: str) -> bool:
        """Give somebody a session or a token."""
        is_session = self._random.random() < 0.5

        async def begin(app: App) -> tuple[str, str]:
            people = app.context.people
            account = people.identities.accounts.get(f"u_{name}")
            assert account is not None
            if is_session:
                made = await people.sign_ins.begin(account, "Firefox")
            else:
                made = await people.sign_ins.make_token(OPERATOR, account, "cron", SCOPES, 90)
            return made.sign_in.id, made.secret

        made = await self._have(begin)
        if made is None:
            return False
        id_, secret = made
        field = f"Authorization: Bearer {secret}"
        if is_session:
            field = f"Cookie: parlour_session={secret}"
        self.sign_ins[name] = SignIn(f"u_{name}", id_, (field, "Sec-Fetch-Site: same-origin"))
        return True

    # --- what they do ---

    async def manage(self, name: str) -> None:
        """Change rooms, accounts and sign-ins until cancelled."""
        random = Random(f"{self._random.random()} {name}")
        acts: list[Callable[[str, Random], Coroutine[Any, Any, None]]] = [
            self._put_member, self._put_member, self._put_member, self._remove, self._remove, self._leave,
            self._invite, self._restrict, self._change, self._end_sign_in, self._set_state, self._block, self._block,
        ]  # fmt: skip
        while True:
            await asyncio.sleep(random.expovariate(1 / PAUSE_S))
            await random.choice(acts)(name, random)

    async def talk(self, name: str) -> None:
        """Say something, in any room or to somebody alone, until cancelled."""
        random = Random(f"{self._random.random()} talks {name}")
        while True:
            await asyncio.sleep(random.expovariate(1 / PAUSE_S))
            self._said += 1
            alone = [f"@{other}" for other in NAMES if other != name]
            room = random.choice(alone if random.random() < ALONE else self.rooms)
            text = f"{name} {self._said} " + "." * random.choice(self._sizes)
            sign_in, sent_at = self.sign_ins[name], self.world.now
            status, body = await self.ask(sign_in, "POST", f"/api/v1/rooms/{room}/messages", {"text": text})
            seq = json.loads(body)["seq"] if status == 201 else 0
            self.notes.said.append(Said(sign_in.account, sign_in.id, room, text, sent_at, status, seq))
            self.notes.count(f"said: {status}")
            if status == 401:
                await self._back(name)

    async def ask(self, sign_in: SignIn, method: str, target: str, body: object = None) -> tuple[int, bytes]:
        """Ask the server; status 0 if no answer comes."""
        head = raw.head(method, target, *sign_in.fields, "Accept: application/json")
        if body is not None:
            request = raw.post(target, json.dumps(body).encode(), *sign_in.fields, "Content-Type: application/json")
            head = request.replace(b"POST", method.encode(), 1)
        try:
            async with self.shared.connected() as (reader, writer):
                writer.write(head)
                if method == "DELETE" or (method == "PUT" and body is None):  # 204: without a body
                    got = await reader.readuntil(b"\r\n\r\n")
                    return int(got[9:12]), b""
                status, _, found = await answer(reader)
                return status, found
        except LOST:
            return 0, b""

    async def _do(self, name: str, what: str, method: str, target: str, body: object = None) -> bytes:
        status, found = await self.ask(self.sign_ins[name], method, target, body)
        self.notes.count(f"{what}: {status}")
        if status == 401:
            await self._back(name)
        return found if 200 <= status < 300 else b""

    async def _put_member(self, name: str, random: Random) -> None:
        whom, room = random.choice(list(NAMES)), random.choice(self.rooms)
        role = random.choice(("member", "member", "member", "moderator", "owner"))
        await self._do(name, "put", "PUT", f"/api/v1/rooms/{room}/members/{whom}", {"role": role})

    async def _remove(self, name: str, random: Random) -> None:
        whom, room = random.choice(list(NAMES)), random.choice(self.rooms)
        await self._do(name, "remove", "DELETE", f"/api/v1/rooms/{room}/members/{whom}")

    async def _leave(self, _: str, random: Random) -> None:
        whom, room = random.choice(list(NAMES)), random.choice(self.rooms)
        await self._do(whom, "leave", "DELETE", f"/api/v1/rooms/{room}/members/{whom}")

    async def _invite(self, name: str, random: Random) -> None:
        whom, room = random.choice(list(NAMES)), random.choice(self.rooms)
        made = await self._do(
            name, "invite", "POST", f"/api/v1/rooms/{room}/invitations", {"uses": random.choice((1, 5))}
        )
        if made:
            if random.random() < 0.3:
                await asyncio.sleep(random.expovariate(1 / PAUSE_S))
            secret = json.loads(made)["url"].rpartition("/")[2]
            await self._do(whom, "join", "POST", "/api/v1/join", {"invitation": secret})

    async def _restrict(self, name: str, random: Random) -> None:
        """Mute or ban somebody, and lift it a little later."""
        whom, room = random.choice(list(NAMES)), random.choice(self.rooms)
        path = f"/api/v1/rooms/{room}/restrictions"
        made = await self._do(name, "restrict", "POST", path, {"what": random.choice(("mute", "ban")), "name": whom})
        if made:
            await asyncio.sleep(random.expovariate(0.5 / PAUSE_S))
            await self._do(name, "lift", "DELETE", f"{path}/{whom}")

    async def _change(self, name: str, random: Random) -> None:
        room = random.choice(self.rooms)
        what, value = random.choice(
            (("title", f"Title {random.random()}"), ("read_only", True), ("read_only", False)) * 2
            + (("archived", True), ("archived", False), ("archived", False), ("history", "joined"), ("history", "all"))
        )
        await self._do(name, "change", "PATCH", f"/api/v1/rooms/{room}", {what: value})

    async def _end_sign_in(self, _: str, random: Random) -> None:
        name = random.choice(list(NAMES))
        await self._do(name, "end", "DELETE", f"/api/v1/sign-ins/{self.sign_ins[name].id}")
        await asyncio.sleep(random.expovariate(1 / PAUSE_S))
        await self._back(name)

    async def _set_state(self, _: str, random: Random) -> None:
        whom = random.choice([name for name in NAMES if name != "olga"])
        await self._do("olga", "disable", "PATCH", f"/api/v1/accounts/{whom}", {"state": "disabled"})
        await asyncio.sleep(random.expovariate(1 / PAUSE_S))
        await self._do("olga", "enable", "PATCH", f"/api/v1/accounts/{whom}", {"state": "active"})
        await self._back(whom)

    async def _block(self, name: str, random: Random) -> None:
        whom = random.choice([other for other in NAMES if other != name])
        await self._do(name, "block", random.choice(("PUT", "DELETE")), f"/api/v1/me/blocks/{whom}")

    async def _back(self, name: str) -> None:
        """Sign in again, if the account may."""
        await self.sign_in(name)

    async def all_back(self) -> None:
        """Have everybody be there again, at the end, whatever was still under way."""
        for name in NAMES:
            while not (await self._have(lambda app: _enable(app, f"u_{name}")) and await self.sign_in(name)):  # noqa: B023
                await asyncio.sleep(PAUSE_S)

    async def _have(self, work: Callable[[App], Coroutine[Any, Any, T]]) -> T | None:
        """Have the server do something; None if it refuses, or is not there, or ends before it has answered."""
        done: Future[T | None] = asyncio.get_running_loop().create_future()

        async def do(app: App) -> None:
            found: T | None = None
            with suppress(Refusal):
                found = await work(app)
            if not done.done():
                done.set_result(found)

        if not self._machine.on_server(do):
            return None
        waiting: set[Future[Any]] = {done, self._machine.ended}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return done.result() if done.done() else None

    async def in_memory(self) -> dict[str, Any] | None:
        """What the running server believes of rooms: their policies, and of each account its rooms."""

        async def look(app: App) -> dict[str, Any]:
            policies = app.context.policies
            return {"rooms": dict(policies.all()), **{f"u_{name}": policies.rooms_of(f"u_{name}") for name in NAMES}}

        return await self._have(look)


async def _enable(app: App, id_: str) -> bool:
    account = app.context.people.identities.accounts.get(id_)
    assert account is not None
    if account.state != "active":
        await app.context.people.accounts.set_active(OPERATOR, account, True)
    return True


def run(tasks: Sequence[Coroutine[Any, Any, None]]) -> list[Task[None]]:
    """Tasks of the running loop."""
    return [asyncio.get_running_loop().create_task(task) for task in tasks]
