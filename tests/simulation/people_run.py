"""A run of the simulated world with people: private rooms, members who come and go, faults of a seed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from random import Random

import apsw
import msgspec

from parlour.app import App
from parlour.core.payloads import MemberChanged, Restricted, Settings
from parlour.core.policy import NO_POLICY, Policy
from tests.fault.client import Shared
from tests.simulation.disk import Disk
from tests.simulation.listeners import listeners
from tests.simulation.machine import Replaced
from tests.simulation.network import Weather
from tests.simulation.people import MANAGERS, NAMES, Notes, People, run
from tests.simulation.people_verdict import Event, Verdict
from tests.simulation.simulation import RECOVERY_S, Plan, Result, Run
from tests.support.fold import events_of, wrong_about_tables

ACTS = 25
LISTEN_S, QUIET_S = 0.5, 5.0

FAULTS = ("kill", "kill", "power", "drain", "slow disk", "pause", "cut all")
ROLES = {f"u_{name}": role for name, role in NAMES.items()}


def simulate_people(seed: int, acts: int = ACTS, *, bug: Replaced = (), traced: bool = False) -> Result:
    """Run a seed to its end; `acts` is how many messages are judged. `bug` replaces parts of the server."""
    plan = Plan.of(seed, acts)
    random = Random(f"people {seed}")
    plan.faults = [random.choice(FAULTS) for _ in range(random.randrange(4))]
    plan.weather = Weather(random.choice((0.0, 0.0, 0.1)), random.choice((0.0, 0.0, 0.05)), random.random() < 0.8)
    plan.is_hub_lossy = False
    return PeopleRun(plan, bug, traced).run()


class PeopleRun(Run):
    """One world."""

    def __init__(self, plan: Plan, bug: Replaced, traced: bool) -> None:
        super().__init__(plan, bug, traced)
        self.notes = Notes()
        self.log: list[Event] = []
        self.people: People

    @property
    def acks(self) -> int:
        """How many messages have been judged: the faults are spread over them."""
        return sum(count for what, count in self.notes.did.items() if what in ("said: 201", "said: 403", "said: 404"))

    async def _story(self) -> None:
        self._listens = self.loop.create_future()
        self._living = self.loop.create_task(self._keep_alive())
        running = await self._listens
        shared = Shared(80, running.context.store.epoch, ())
        shared.is_up.set()
        self.people = people = People(self.world, self.machine, shared, self.notes, self.plan.seed)
        people.note(running)
        await people.settle()
        random = Random(f"{self.plan.seed} crowd of people")
        busy = run([*map(people.manage, MANAGERS), *map(people.talk, NAMES)])
        quiet = listeners(people, self.plan.seed, random.randint(4, 12))
        listening = run([each.run() for each in quiet])
        await self._trouble(self)  # type: ignore[arg-type]
        self._end_faults()
        for task in busy:
            task.cancel()
        try:
            async with asyncio.timeout(RECOVERY_S):
                await asyncio.gather(*busy, return_exceptions=True)
                await people.all_back()
                await asyncio.sleep(LISTEN_S)
                for task in listening:
                    task.cancel()
                await asyncio.sleep(QUIET_S)  # what was asked for last is done
                await self._look()
        except TimeoutError:
            self.wrong.append("it does not come to rest")
        for task in (*busy, *listening):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self.wrong.append(f"somebody died of {error!r}")
        self.machine.kill()
        self._remember()

    async def _look(self) -> None:
        """Compare what the server believes with the disk."""
        while (believed := await self.people.in_memory()) is None:
            await asyncio.sleep(0.05)
        policies: dict[str, Policy] = {}
        for event in _log_of(self.disk):
            if isinstance(event.payload, MemberChanged | Restricted | Settings):
                policies[event.room] = policies.get(event.room, NO_POLICY).after(event.seq, event.payload)
        if believed.pop("rooms") != policies:
            self.wrong.append("the rooms in memory are not the fold of their logs")
        for account, rooms in believed.items():
            if rooms != {room for room, policy in policies.items() if account in policy.members}:
                self.wrong.append(f"the rooms of {account} in memory are not those of the logs")

    async def _keep_alive(self) -> None:
        self.machine.when_started = lambda app: self._started(app)
        await super()._keep_alive()

    def _started(self, app: App) -> None:
        if hasattr(self, "people"):
            self.people.note(app)

    async def _strike(self, fault: str, crowd: object) -> None:
        await super()._strike(fault, crowd)  # type: ignore[arg-type]
        if fault in ("kill", "power"):
            self._remember()

    def _remember(self) -> None:
        """After a death: the tables that the disk has are the fold of the logs that it has."""
        try:
            with self.disk.copied() as connection:
                self.wrong += wrong_about_tables(connection)
            self.log = list(_log_of(self.disk))
        except apsw.Error as error:
            self.wrong.append(f"the database cannot be read: {error!r}")

    def _judge(self) -> None:
        self.wrong += sorted(Verdict(self.log, self.notes, ROLES).wrong())
        self.figures.update({"said": len(self.notes.said), "shown": len(self.notes.shown), **self.notes.did})

    def _result(self) -> Result:
        digest = hashlib.blake2b(digest_size=16)
        for record in (*self.notes.said, *self.notes.shown):
            digest.update(msgspec.json.encode(record))
        figures = self.figures + self.disk.did
        figures["events"] = len(self.log)
        return Result(self.plan, self.history, self.wrong, digest.hexdigest(), self.trace, figures, self.world.now)


def _log_of(disk: Disk) -> Iterator[Event]:
    with disk.copied() as connection:
        authors = {
            (body["room"], body["seq"]): body["by"]["id"]
            for (raw,) in connection.execute("SELECT body FROM events WHERE id >> 36")
            if (body := msgspec.json.decode(raw))
        }
        for room, seq, payload in events_of(connection):
            yield Event(room, seq, authors[room, seq], payload)
