"""Judges what a server makes of the disk that a power cut has left: opens images and compares them with what was told.

An image is opened as any start opens it, by the production store. Its rooms must be the beginning of the rooms of the
whole history: no shorter than what anybody had been told of before the cut, and the same to the byte.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from parlour.core.errors import Refusal
from parlour.core.event import Appended, Author, Draft
from parlour.core.payloads import Message
from parlour.schema.events import decode_event
from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from parlour.store.sqlite.store import SqliteStore
from tests.fault.power.disk import Disk
from tests.fault.power.images import FATES, Kept, digest, image
from tests.fault.power.operations import Image, Listening, Record, Socket, Sync, Told, Write
from tests.fault.power.server import DATA, snapshot
from tests.support.records import adopt
from tests.support.stores import CountedIds, HandClock, append, draft

LOG = "-wal"
INDEX = "-shm"
"""SQLite's WAL-index lives in shared memory; a cut leaves of its file what it was at any time since it was
synced, or rubbish."""

RETRIES = 3
"""Keys that are tried again in each room of an image."""

Place = tuple[str, int]
"""Room and seq."""


@dataclass
class Found:
    """What an image turned out to be. `problems` need no history to be seen as such."""

    epoch: str = ""
    first: dict[str, int] = field(default_factory=dict)
    events: dict[Place, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Cut(NamedTuple):
    """A moment of a record, the disk then, and what had been told: `told` has the JSON where it was shown.

    `indexed` is what had been told when the WAL-index was synced last.
    """

    moment: int
    disk: Disk
    told: dict[Place, bytes]
    is_listening: bool
    indexed: frozenset[Place]


@dataclass
class Verdict:
    """What a walk over a record came to. `opened` counts the images that differ, `told` the events."""

    syncs: int = 0
    cuts: int = 0
    images: int = 0
    opened: int = 0
    told: int = 0
    violations: list[str] = field(default_factory=list)


class Judge:
    """Compares images with one history, of whose end `whole` is what was found. Opens them below `scratch`.

    `indexes` are what the file of the WAL-index was after these events had been acknowledged.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.whole = Found()
        self.indexes: list[tuple[frozenset[Place], bytes]] = []
        self._known: dict[bytes, Found] = {}
        self._events: dict[bytes, bytes] = {}  # each once: thousands of images have the same

    async def learn(self, last: Image, earlier: Found | None = None) -> None:
        """Take the end of the history as what there is to find; `earlier` has what retention has dropped since."""
        self.whole = await self.open(last)
        assert self.whole.problems == [], self.whole.problems
        if earlier is not None:
            self.whole.events = earlier.events | self.whole.events

    async def open(self, found: Image, index: bytes = b"") -> Found:
        """Start on an image, read everything, try keys again, go on writing, end, and check."""
        is_empty = not any(found[path] for path in found if path.endswith(LOG))  # then a WAL-index of before is a trap
        mark = digest(found | {INDEX: index} if is_empty else found)
        if mark not in self._known:
            opened = await _open(write(found, self.scratch / "image", index) / DATA)
            opened.events = {place: self._events.setdefault(event, event) for place, event in opened.events.items()}
            self._known[mark] = opened
        return self._known[mark]

    def index(self, cut: Cut, random: Random) -> bytes:
        """What a cut may leave of the WAL-index."""
        rubbish = [b"", bytes(32768), random.randbytes(32768), random.randbytes(1000)]
        earlier = [index for acked, index in self.indexes if acked <= cut.told.keys() and not acked <= cut.indexed]
        return random.choice(earlier if earlier and random.random() < 0.5 else rubbish)

    @property
    def opened(self) -> int:
        """How many different images were opened."""
        return len(self._known)

    def violations(self, cut: Cut, found: Found) -> Iterator[str]:
        """What is wrong with an image that was cut out of the history here."""
        yield from found.problems
        if (cut.is_listening or cut.told) and found.epoch != self.whole.epoch:
            yield f"the epoch is {found.epoch} instead of {self.whole.epoch}"
        for place, told in cut.told.items():
            is_dropped = place[1] < self.whole.first.get(place[0], 1)
            if place not in found.events and not (is_dropped and place[1] < found.first.get(place[0], 1)):
                yield f"{place} was told and is not there"
            elif told and found.events.get(place, told) != told:
                yield f"{place} is not what was told"
        for room, first in found.first.items():
            if first > self.whole.first.get(room, 1):
                yield f"{room} begins at {first}"
        for place, event in found.events.items():
            if self.whole.events.get(place) != event:
                yield f"{place} is not what was stored"


async def walk(
    record: Record,
    judge: Judge,
    random: Random,
    fates: int,
    *,
    told: dict[Place, bytes] | None = None,
    start: int = 0,
    until: str = "\0",
) -> Verdict:
    """Cut a record at every sync and every answer and in between, and judge so many fates of each cut, in turns.

    `told` is what had been told before the record began. `start` is the moment of the first cut, and `until` is a
    violation after which there is no other.
    """
    verdict = Verdict(syncs=sum(isinstance(operation, Sync) for operation in record.operations))
    opened = judge.opened
    chosen = random.randrange(len(FATES))
    for cut in cuts(record, random, told or {}):
        if cut.moment < start:
            continue
        verdict.cuts += 1
        for _ in range(fates):
            fate = FATES[chosen % len(FATES)](cut.disk, random)
            chosen += 1
            found = image(cut.disk, fate)
            verdict.images += 1
            for violation in judge.violations(cut, await judge.open(found, judge.index(cut, random))):
                verdict.violations.append(f"cut {cut.moment}, {type(fate).__name__}: {violation}")
        if any(until in violation for violation in verdict.violations):
            break
    verdict.opened = judge.opened - opened
    verdict.told = len(cut.told)
    return verdict


def cuts(record: Record, random: Random, before: dict[Place, bytes]) -> Iterator[Cut]:
    """The moments before a sync takes effect, after something was told, and some between the writes in between."""
    disk, told, is_listening = Disk(record), dict(before), bool(before)
    begun, indexed = 0, frozenset[Place]()
    for moment, operation in enumerate(record.operations):
        is_between = isinstance(operation, Write) and random.randrange(moment - begun + 1) == 0
        if isinstance(operation, Sync) or is_between:
            yield Cut(moment, disk, told, is_listening, indexed)
            begun = moment
        disk.apply(operation)
        if isinstance(operation, Sync) and operation.path.endswith(INDEX) and not operation.failed:
            indexed = frozenset(told)
        if isinstance(operation, Listening):
            is_listening = True
        elif isinstance(operation, Told):
            for room, seq, event in operation.events:
                told[room, seq] = event or told.get((room, seq), b"")
        if isinstance(operation, Listening | Told):
            yield Cut(moment + 1, disk, told, is_listening, indexed)
    yield Cut(len(record.operations), disk, told, is_listening, indexed)


def replay(record: Record, root: Path) -> Image:
    """The image at the end of a record; it must be what its directory has, or the record is not to be trusted."""
    disk = Disk(record)
    for operation in record.operations:
        disk.apply(operation)
    last = image(disk, Kept(disk, Random(0)))
    found = snapshot(root)
    differing = {path for path in last.keys() | found.keys() if last.get(path, b"?") != found.get(path, b"?")}
    differing = {path for path in differing if not path.endswith(INDEX)}
    assert not differing, f"the record of {differing} is not what happened"
    return last


def write(found: Image, root: Path, index: bytes = b"") -> Path:
    """Put an image into a directory, instead of what is there."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for path in sorted(found):
        content = found[path]
        if content is None:
            (root / path).mkdir(mode=0o700)
        elif isinstance(content, Socket):
            os.mknod(root / path, stat.S_IFSOCK | 0o600)  # as one is left of whose server nothing lives
        else:
            (root / path).touch(mode=0o600)  # as the server made it: a start complains of one that others may read
            (root / path).write_bytes(index if path.endswith(INDEX) else content)
    adopt(root / DATA)
    return root


class _Complaints(logging.Handler):
    def __init__(self, problems: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        self._problems.append(f"logged: {record.getMessage()}")


async def _open(directory: Path) -> Found:
    found = Found()
    complaints = _Complaints(found.problems)
    logger = logging.getLogger("parlour.store")
    logger.addHandler(complaints)
    try:
        store = await SqliteStore.open(
            directory,
            clock=HandClock(time.time_ns() // 1_000_000),
            ids=CountedIds(),
            on_fatal=lambda error: found.problems.append(str(error)),
        )
        try:
            await _read(store, found)
            await _go_on(store, found)
        finally:
            await store.close()
        found.problems += map(str, check(directory).problems)
    except (StoreError, Refusal) as error:
        found.problems.append(f"{type(error).__name__}: {error}")
    finally:
        logger.removeHandler(complaints)
    return found


async def _read(store: SqliteStore, found: Found) -> None:
    found.epoch = store.epoch
    for room, log, _ in await store.rooms(1000):
        found.first[room] = log.first_seq
        seq = log.first_seq - 1
        while events := await store.after(room, seq, 1000):
            for event in events:
                if event.seq != seq + 1:
                    found.problems.append(f"{room} goes from {seq} to {event.seq}")
                seq = event.seq
                found.events[room, seq] = event.json
        if seq != log.head_seq:
            found.problems.append(f"{room} ends at {seq}, and should at {log.head_seq}")


async def _go_on(store: SqliteStore, found: Found) -> None:
    """Keys still answer, and rooms can be written to."""
    heads = dict(sorted(found.events))
    keyed: dict[str, list[tuple[Draft, Appended]]] = {}
    for (room, seq), event in sorted(found.events.items()):
        if b'"key":' in event and (sent := _draft(event)).key:
            keyed.setdefault(room, []).append((sent, Appended(seq, event, True)))
    retries = [pair for pairs in keyed.values() for pair in (*pairs[:: len(pairs) // RETRIES + 1], pairs[-1])]
    news = [draft("after the cut", room) for room in (*heads, "a-new-room")]
    got = await asyncio.gather(*(append(store, sent) for sent in (*(sent for sent, _ in retries), *news)))
    for (_, expected), answer in zip(retries, got, strict=False):
        if answer != expected:
            found.problems.append(f"a retry gets {answer} instead of {expected}")
    for sent, answer in zip(news, got[len(retries) :], strict=True):
        if answer.seq != heads.get(sent.room, 0) + 1 or answer.replay:
            found.problems.append(f"the next of {sent.room} is {answer.seq}")


def _draft(event: bytes) -> Draft:
    found = decode_event(event)
    return Draft(found.room, Author(found.by.id, found.by.name, found.by.kind), Message(found.text or ""), found.key)
