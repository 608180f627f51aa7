"""A run of the simulated world: a seed gives the weather, the faults and every moment; its history is judged.

`simulate(seed)` runs a server that meets its faults under a crowd of clients, ends the faults, and asks `tests/checker`
for its verdict. The same seed gives the same history, to the last bit.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from asyncio import Future, Task
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

import apsw
import msgspec

from parlour import app
from parlour.app import App
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.process import EXIT_CANNOT_START
from parlour.store.errors import StoreError
from parlour.store.sqlite.tuning import SqliteTuning
from tests.checker.history import CaughtUp, Entry, History, Opened, Reading, Received, Reset, Send
from tests.checker.invariants import violations
from tests.fault.client import Shared
from tests.fault.lossy_hub import lossy
from tests.fault.readers import WAIT_S
from tests.simulation.clients import Crowd, read_all
from tests.simulation.disk import Disk
from tests.simulation.loop import SimulatedLoop, World
from tests.simulation.machine import TUNING, Machine, Replaced
from tests.simulation.network import Network, Weather
from tests.simulation.owner import CLOSED, Owner, sends_of, wrong_about
from tests.support.memory import directory_in_memory

ACKS = 30
ROOMS = ("red", "green", "blue")

RECOVERY_S = 200.0
"""Without faults everything comes to rest within this time: longer than any deadline of the server."""

SIZES: dict[str, tuple[int, ...]] = {
    "ring_events": (5, 50, 1000),
    "page_events": (3, 20, 500),
    "idle_channels": (2, 1000),
}
STORE: dict[str, tuple[int, ...]] = {"checkpoint_pages": (5, 50, 2000), "batch_drafts": (2, 256)}
LIMITS: dict[str, tuple[int, ...]] = {"in_flight_bytes": (1500, Limits().in_flight_bytes)}
"""Limits that a short run would never reach: each seed has some of them smaller."""

AFTER_A_FAILED_SYNC_S = (1e-4, 1e-3, 5e-3, 2e-2)

HEALED_S = 15.0
"""What a lossy hub has lost is made good within this time, as long as the server is not paused."""

FAULTS = ("kill", "power", "drain", "full", "sync fails", "slow disk", "pause", "clock", "cut all", "age")


@dataclass
class Plan:
    """What a seed has in store. `acks` is how many acknowledgements a run is long."""

    seed: int
    acks: int
    faults: list[str] = field(default_factory=list)
    weather: Weather = field(default_factory=Weather)
    is_hub_lossy: bool = False
    has_owner: bool = False
    http: int = 3
    websocket: int = 1
    sizes: dict[str, int] = field(default_factory=dict)
    store: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: int, acks: int) -> Plan:
        random = Random(f"plan {seed}")
        weather = Weather(random.choice((0.0, 0.1, 0.5)), random.choice((0.0, 0.0, 0.1)), random.random() < 0.7)
        faults = [random.choice(FAULTS) for _ in range(random.randint(1, 2 + acks // 40))]
        if "age" in faults:  # retention believes the clock of a start, and what it drops takes its keys along
            faults = [fault for fault in faults if fault != "clock"]
        is_lossy, http, websocket = random.random() < 0.2, random.randint(1, 4), random.randint(0, 2)
        sizes = {name: random.choice(values) for name, values in SIZES.items()}
        store = {name: random.choice(values) for name, values in STORE.items()}
        limits = {name: random.choice(values) for name, values in LIMITS.items()}
        return cls(seed, acks, faults, weather, is_lossy, False, http, websocket, sizes, store, limits)


@dataclass
class Result:
    """What came of a run. `wrong` is empty if the contract was kept; `digest` stands for the whole history."""

    plan: Plan
    history: History
    wrong: list[str]
    digest: str
    trace: list[str]
    figures: Counter[str]
    seconds: float

    def tell(self) -> str:
        """All of it in the order of time, what clients saw included, for a person."""
        sends = [f"{send.done_at:13.6f}  {_told(send)}" for send in self.history.sends]
        seen = [f"{record.at:13.6f}  {_seen(record)}" for record in self.history.readings]
        return "\n".join([str(self.plan), *sorted([*self.trace, *sends, *seen]), *self.wrong])


def simulate(
    seed: int,
    acks: int = ACKS,
    *,
    bug: Replaced = (),
    faults: Sequence[str] = (),
    has_owner: bool = False,
    traced: bool = False,
) -> Result:
    """Run a seed to its end. `bug` replaces parts of the server, `faults` those of the seed.

    `has_owner`: somebody closes rooms to guests and opens them again all the while.
    """
    plan = Plan.of(seed, acks)
    plan.faults = list(faults) or plan.faults
    plan.has_owner = has_owner
    return Run(plan, bug, traced).run()


def _told(send: Send) -> str:
    again = ", as a repeat" if send.replay else ""
    answer = f"{send.seq} of {send.room}{again}" if send.outcome == "ack" else f"{send.outcome} ({send.code})"
    return f"{send.conn}: {send.key}, sent at {send.sent_at:.6f}: {answer}"


def _seen(record: Reading) -> str:
    match record:
        case Opened(conn=conn, room=room, since=since):
            return f"{conn}: asks for {room} after {since}"
        case Received(conn=conn, room=room, seq=seq, key=key):
            return f"{conn}: {seq} of {room} is {key}"
        case CaughtUp(conn=conn, room=room, head=head):
            return f"{conn}: has {room} up to {head}"
        case Reset(conn=conn, room=room, reason=reason):
            return f"{conn}: {room} starts again: {reason}"


class Run:
    def __init__(self, plan: Plan, bug: Replaced, traced: bool) -> None:
        self.plan = plan
        self.bug = bug
        self.trace: list[str] = []
        self.world = World(plan.seed, self.trace.append if traced else None)
        self.network = Network(self.world, replace(plan.weather))
        self.loop = SimulatedLoop(self.world, self.network, "outside")
        self.wrong: list[str] = []
        self.figures: Counter[str] = Counter()
        self.paused_s = 0.0
        self.history = History()
        self._log: dict[tuple[str, int], Entry] = {}
        self.owner: Owner | None = None
        self.machine: Machine
        self.disk: Disk
        self._living: Task[None]
        self._listens: Future[App]

    def run(self) -> Result:
        complaints = _Complaints(self)
        logger = logging.getLogger("parlour")
        with directory_in_memory() as root:
            self.disk = Disk(self.world, Path(root))
            self.machine = Machine(
                self.world,
                self.network,
                self.disk,
                (*self.bug, *self._lossy_hub()),
                tuning=replace(TUNING, **self.plan.sizes),
                sqlite_tuning=SqliteTuning(**self.plan.store),
                limits=Limits(**self.plan.limits),
            )
            logger.addHandler(complaints)
            level, propagate = logger.level, logger.propagate
            logger.setLevel(logging.ERROR)
            logger.propagate = False
            try:
                with self.machine.booted():
                    self.world.run(self.loop.create_task(self._story()))
            finally:
                logger.setLevel(level)
                logger.propagate = propagate
                logger.removeHandler(complaints)
                self.loop.die()
        self.wrong += self.machine.errors + self.loop.errors
        self._judge()
        return self._result()

    def _lossy_hub(self) -> Replaced:
        return [(app, "Hub", lossy(self.world.random))] if self.plan.is_hub_lossy else []

    # --- the story ---

    async def _story(self) -> None:
        self._listens = self.loop.create_future()
        self._living = self.loop.create_task(self._keep_alive())
        running = await self._listens
        shared = Shared(80, running.context.store.epoch, ROOMS, self.history)
        shared.is_up.set()
        heads: dict[str, int] = {}
        crowd = Crowd(shared, self.plan.seed, self.plan.http, self.plan.websocket)
        if self.plan.has_owner:
            self.owner = Owner(self.world, self.machine, ROOMS, self.plan.seed)
        closing = None if self.owner is None else self.loop.create_task(self.owner.run())
        try:
            await self._trouble(crowd)
            self._end_faults()
            async with asyncio.timeout(RECOVERY_S):
                if closing is not None and self.owner is not None:
                    closing.cancel()
                    await self.owner.open_all()
                await crowd.fall_silent()
                if self.plan.is_hub_lossy:
                    await asyncio.sleep(HEALED_S + 2 * WAIT_S)  # every long-poll asks once more after it
                for entry in await read_all(shared):
                    heads[entry.room] = entry.seq
                    self._log.setdefault((entry.room, entry.seq), entry)
                await crowd.rest(heads)
        except TimeoutError:
            self.wrong.append(f"it does not come to rest: {crowd.stragglers(heads)}")
        self.machine.kill()
        self._remember()
        self.history.log = [self._log[place] for place in sorted(self._log)]
        self.wrong += [f"a client died of {error!r}" for error in crowd.died()]
        if closing is not None and closing.done() and not closing.cancelled():
            self.wrong.append(f"the owner died of {closing.exception()!r}")
        self.figures["acks"] += crowd.acks

    async def _keep_alive(self) -> None:
        """What a service manager does."""
        while True:
            faults = self._disk_faults()
            try:
                code = await self.machine.live(self._listens)
            except Exception as error:
                self.world.trace(f"the server cannot start: {error!r}")
                # apsw.Error: unlike SQLite, apsw raises what a VFS in Python met when a connection was closed.
                if not isinstance(error, StoreError | apsw.Error) or self._disk_faults() == faults:
                    self.wrong.append(f"the server does not start: {error!r}")
                code = EXIT_CANNOT_START
            self.figures[f"exit {code}"] += 1
            self._listens = self.loop.create_future()
            await asyncio.sleep(self.world.random.uniform(0.01, 1.0))

    def _disk_faults(self) -> int:
        """How often the disk has failed or been full: a server may not start for that."""
        return self.disk.did["failed sync"] + self.disk.did["full"]

    async def _trouble(self, crowd: Crowd) -> None:
        """One fault after the other while the crowd talks."""
        share = self.plan.acks // (len(self.plan.faults) + 1)
        for number, fault in enumerate(self.plan.faults, 1):
            await self._until(lambda: crowd.acks >= number * share)  # noqa: B023
            await asyncio.sleep(self.world.random.expovariate(20.0))
            self.figures[fault] += 1
            self.world.trace(f"fault: {fault}")
            await self._strike(fault, crowd)
        await self._until(lambda: crowd.acks >= self.plan.acks)

    async def _until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0.05)
        self.wrong.append("nothing is acknowledged for minutes")

    async def _strike(self, fault: str, crowd: Crowd) -> None:
        random, machine, disk = self.world.random, self.machine, self.disk
        if fault in ("kill", "power"):
            machine.kill(power=fault == "power")
        elif fault == "drain":
            machine.drain()
        elif fault == "sync fails":
            self._fail_a_sync()
        elif fault == "age":
            await self._age(crowd)
        elif fault == "full":
            disk.is_full = True
            await asyncio.sleep(random.uniform(0.0, 3.0))
            disk.is_full = False
        elif fault == "slow disk":
            disk.is_slow = True
            await asyncio.sleep(random.uniform(0.0, 5.0))
            disk.is_slow = False
        elif fault == "pause":
            seconds = random.choice((0.1, 3.0, 70.0))
            self.paused_s += seconds
            machine.pause(seconds)
        elif fault == "clock":
            machine.system.jumped_ms += random.choice((-1, 1)) * random.choice((1_000, 3_600_000, 31_536_000_000))
        elif fault == "cut all":
            self.network.cut_all()

    def _fail_a_sync(self) -> None:
        """Have the next one fail; perhaps the process dies before it can do anything about it."""
        random, machine = self.world.random, self.machine

        def kill() -> None:
            if random.random() < 0.7:
                self.loop.call_later(
                    random.choice(AFTER_A_FAILED_SYNC_S), partial(machine.kill, power=random.random() < 0.5)
                )

        self.disk.on_failed_sync = kill

    async def _age(self, crowd: Crowd) -> None:
        """A week later: everybody knows what became of what they sent, and retention drops it. Its keys go with it."""
        await crowd.fall_silent()
        await self._until(lambda: self.machine.app is not None)
        ends = len(self.machine.exits)
        self.machine.drain()
        await self._until(lambda: len(self.machine.exits) > ends)
        self._remember()
        self.machine.retention_days = 7
        self.machine.system.jumped_ms += 8 * DAY_MS
        crowd.talk_again()

    def _end_faults(self) -> None:
        self.world.trace("no more faults")
        self.disk.is_full = self.disk.is_slow = False
        self.disk.on_failed_sync = None
        self.network.weather.cuts = self.network.weather.stalls = 0.0
        self.network.weather.slow = False

    def _remember(self) -> None:
        """Keep what the disk has, as SQLite without the server reads it."""
        try:
            log = self.disk.log()
        except apsw.Error as error:
            self.wrong.append(f"the database cannot be read: {error!r}")
            return
        for entry in log:
            known = self._log.setdefault((entry.room, entry.seq), entry)
            if known != entry:
                self.wrong.append(f"the disk has {entry}, and somebody was shown {known}")

    # --- the verdict ---

    def _judge(self) -> None:
        healed_s = HEALED_S + self.paused_s if self.plan.is_hub_lossy else 0.0
        if self.owner is not None:
            self.history.sends += sends_of(self.history.log)
            self.wrong += wrong_about(self.owner.asked, self.history.log, self.history.readings)
            self.figures["closings"] += sum(entry.text == CLOSED for entry in self.history.log)
            self.figures["shut out"] += sum(send.code == "login_required" for send in self.history.sends)
        self.wrong += map(str, violations(self.history, healed_s))

    def _result(self) -> Result:
        records = (*self.history.sends, *self.history.readings, *self.history.log)
        digest = hashlib.blake2b(digest_size=16)
        for record in records:
            digest.update(msgspec.json.encode([type(record).__name__, *record]))
        figures = self.figures + self.disk.did
        figures.update(sends=len(self.history.sends), shown=len(self.history.readings), events=len(self.history.log))
        figures.update(happened=self.world.happened, cuts=self.network.cuts)
        return Result(self.plan, self.history, self.wrong, digest.hexdigest(), self.trace, figures, self.world.now)


class _Complaints(logging.Handler):
    """Errors of the program that are no answer to a fault: exceptions that nobody expected."""

    def __init__(self, run: Run) -> None:
        super().__init__(logging.ERROR)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        if self._run.machine.is_alive:
            self._run.world.trace(f"logged: {record.getMessage()}")
            error = record.exc_info[1] if record.exc_info else None
            if error is not None and not isinstance(error, Refusal):
                self._run.wrong.append(f"logged: {record.getMessage()}: {error!r}")
