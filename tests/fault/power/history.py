"""Lives of a recorded server that several tests look at, and what they have in common."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.fault.deaths import EXIT_STORAGE_FAILED
from tests.fault.power.crowd import Crowd, until_checkpoint
from tests.fault.power.judge import Found, Judge, Verdict, replay
from tests.fault.power.operations import Record, Told
from tests.fault.power.server import PLAIN, RecordedServer
from tests.support.memory import directory_in_memory

_log = logging.getLogger("parlour.power")


class History:
    """A recorded server, and a judge that knows at the end what there is to be found. Made by `recorded`."""

    def __init__(self, server: RecordedServer, judge: Judge) -> None:
        self.server = server
        self.judge = judge

    async def end(self, crowd: Crowd, earlier: Found | None = None) -> Record:
        """The record, which must be what happened: to the files, and to the crowd."""
        record = self.server.record()
        self.judge.indexes = crowd.indexes
        await self.judge.learn(replay(record, self.server.root), earlier)
        told = {
            event[:2] for operation in record.operations if isinstance(operation, Told) for event in operation.events
        }
        assert crowd.acked <= told, "somebody was told what is not in the record"
        return record


@contextmanager
def recorded(root: Path, code: str = PLAIN) -> Iterator[History]:
    """A server below `root`, not started, with what is there as its past; killed in the end if it lives.

    Images are opened in memory, for the speed: their own syncs prove nothing.
    """
    root.mkdir(exist_ok=True)
    with directory_in_memory() as scratch, RecordedServer(root, code=code) as server:
        yield History(server, Judge(Path(scratch) / "image"))


def first_life(server: RecordedServer, crowd: Crowd, rounds: int = 2) -> None:
    """A server from its first start to a kill, with a checkpoint after which the log begins again."""
    server.start()
    crowd.talk(rounds)
    until_checkpoint(server.data)
    crowd.talk(rounds)
    server.end(signal.SIGKILL)


def next_life(server: RecordedServer, crowd: Crowd, rounds: int = 2, how: signal.Signals = signal.SIGTERM) -> None:
    """A server that begins with what the one before has left."""
    server.start()
    crowd.talk(rounds)
    server.end(how)


def passed(verdict: Verdict) -> Verdict:
    """A verdict without violations; its figures are logged."""
    _log.info("%s", verdict)
    assert verdict.violations == [], "\n".join(verdict.violations[:20])
    return verdict


BATCH = "fdatasync:error=EIO:when=30"
CHECKPOINT = "fdatasync:error=EIO:when=34"
"""Syncs that fail. They are counted by thread: no other thread than the writer's comes so far."""


async def a_failed_sync(history: History, which: str = BATCH) -> Record:
    """A server that meets one, of the log after 29 syncs or of the database after 30 messages, and the next server."""
    crowd = Crowd(history.server, Random(5))
    history.server.start(fault=which)
    if which == BATCH:
        crowd.talk_until_it_fails()
    else:
        crowd.talk_alone(30)
    assert history.server.wait() == EXIT_STORAGE_FAILED
    next_life(history.server, crowd, how=signal.SIGKILL)
    return await history.end(crowd)
