"""What a durable message costs in the SQLite store, and what gathering brings; prints two tables.

    python bench/micro/store_append.py [directory]

The first table appends batches of one size, one after the other: CPU of all threads and wall time per message.
The second has senders that each wait for their answer, then for a round trip through another process, then send again:
messages a second, how many meet in a batch, and the median time of an answer, with gathering and without. `fan-out` is
the time that the listener takes for each batch. The directory (default: a temporary one) says which disk is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import platform
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import apsw
import uvloop

from parlour.chat.ports import Commit
from parlour.core.event import Author, Draft
from parlour.core.payloads import Message
from parlour.store import gather
from parlour.store.sqlite.store import SqliteStore

AUTHOR = Author("u_7QkZk1pRkV", "alice", "member")
TEXT = "The quick brown fox jumps over the lazy dog, and then it says so."
SECONDS = 1.5
ECHO = """
import selectors, socket, sys
chooser = selectors.DefaultSelector()
for handle in sys.argv[1:]:
    chooser.register(socket.socket(fileno=int(handle)), selectors.EVENT_READ)
while True:
    for key, _ in chooser.select():
        key.fileobj.send(key.fileobj.recv(100))
"""


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class RandomIds:
    def token(self) -> str:
        return secrets.token_urlsafe(16)

    def secret(self) -> str:
        return secrets.token_urlsafe(32)

    def fraction(self) -> float:
        return 0.5


def fail(error: BaseException) -> None:
    raise SystemExit(f"the disk failed: {error}")


async def open_store(directory: Path) -> SqliteStore:
    return await SqliteStore.open(directory, clock=SystemClock(), ids=RandomIds(), on_fatal=fail)


async def cost(store: SqliteStore, size: int, keyed: bool) -> tuple[float, float]:
    """CPU and wall µs per message in batches of `size`."""
    rounds = max(60, min(1000, 20_000 // size))
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(rounds):
        keys = [f"{next(COUNT):08}" for _ in range(size)] if keyed else [None] * size
        left, all_stored = size, asyncio.get_running_loop().create_future()

        def stored(_answer: object) -> None:
            nonlocal left
            left -= 1
            if not left:
                all_stored.set_result(None)  # noqa: B023 - the round ends before the next begins

        for key in keys:
            store.append(Draft("lobby", AUTHOR, Message(TEXT), key), stored)
        await all_stored
    millions = rounds * size / 1e6
    return (time.process_time() - cpu) / millions, (time.perf_counter() - wall) / millions


COUNT = itertools.count()


class Sender:
    """One closed loop: append, answer, a byte there and back, append."""

    def __init__(self, store: SqliteStore, line: socket.socket) -> None:
        self.times: list[float] = []
        self._store = store
        self._line = line
        self._begun = 0.0
        asyncio.get_running_loop().add_reader(line, self._send)
        line.send(b".")

    def _send(self) -> None:
        self._line.recv(100)
        self._begun = time.perf_counter()
        self._store.append(Draft("lobby", AUTHOR, Message(TEXT)), self._answered)

    def _answered(self, _: object) -> None:
        self.times.append(time.perf_counter() - self._begun)
        self._line.send(b".")

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._line)


async def closed_loops(store: SqliteStore, senders: int, fan_out_s: float) -> str:
    batches = 0

    def fan_out(_: Sequence[Commit]) -> None:
        nonlocal batches
        batches += 1
        until = time.perf_counter() + fan_out_s
        while time.perf_counter() < until:
            pass

    store.on_commit(fan_out)
    pairs = [socket.socketpair() for _ in range(senders)]
    handles = [theirs.fileno() for _, theirs in pairs]
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", ECHO, *map(str, handles), pass_fds=handles)
    everyone = [Sender(store, ours) for ours, _ in pairs]
    await asyncio.sleep(SECONDS)
    for sender in everyone:
        sender.stop()
    await store.close()
    child.terminate()
    await child.wait()
    for end in itertools.chain(*pairs):
        end.close()
    times = [moment for sender in everyone for moment in sender.times]
    return f"{len(times) / SECONDS:10.0f}  {len(times) / batches:8.1f}  {median(times) * 1e3:9.2f}"


async def main(directory: Path) -> None:
    print(f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, {platform.platform()}")
    store = await open_store(directory / "cost")
    print("\nbatch  key  CPU µs/message  wall µs/message")
    for keyed in (False, True):
        for size in (1, 16, 64, 256):
            cpu, wall = min([await cost(store, size, keyed) for _ in range(3)])
            print(f"{size:5}  {'yes' if keyed else 'no':3}  {cpu:14.1f}  {wall:15.1f}")
    await store.close()

    longest = gather.MAX_WAIT_S
    print("\nsenders  fan-out ms  gather  messages/s  in batch  answer ms")
    for senders, fan_out_ms in itertools.product((1, 2, 4, 16, 64), (0.0, 0.4)):
        for is_on in (False, True):
            gather.MAX_WAIT_S = longest if is_on else 0.0
            store = await open_store(directory / f"{senders}-{fan_out_ms}-{is_on}")
            result = await closed_loops(store, senders, fan_out_ms / 1e3)
            print(f"{senders:7}  {fan_out_ms:10.1f}  {'yes' if is_on else 'no':6}  {result}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(main(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            uvloop.run(main(Path(temporary)))
