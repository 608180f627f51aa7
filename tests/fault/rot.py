"""Bit rot: data directories with known events, ways to damage one of their files, and what a server makes of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import apsw

from parlour.config import Settings
from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from tests.support import raw
from tests.support.inprocess import InProcess
from tests.support.records import as_image
from tests.support.server import ServerProcess

DATABASE = "parlour.db"
WAL = "parlour.db-wal"
PAGE = 4096
ROOMS = ("red", "green", "blue")
ANOTHER = "yellow"
NAME = "Ann"
EVENTS = 40
"""Of each room, in each of the two halves."""

PLACE = re.compile(rb'\{"room":"[^"]+","seq":([0-9]+),')

REPEATS = 5
"""Sends of each room that are repeated: their keys have to be found."""


def _flip(data: bytearray, random: Random) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _zero(data: bytearray, random: Random) -> None:
    start = random.randrange(len(data) // PAGE) * PAGE
    data[start : start + PAGE] = bytes(len(data[start : start + PAGE]))


def _truncate(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) // PAGE) * PAGE :]


KINDS: dict[str, Callable[[bytearray, Random], None]] = {"bit": _flip, "zeroed": _zero, "cut": _truncate}
"""One flipped bit; 4 KiB of zeros; the file ends at a multiple of 4 KiB."""


@dataclass(frozen=True)
class Original:
    """A directory as a server left it, and what it holds: the bytes of the events of each room, by seq."""

    name: str
    path: Path
    epoch: str
    events: dict[str, dict[int, bytes]]

    def files(self) -> list[str]:
        """What can be damaged."""
        return [name for name in (DATABASE, WAL) if _size(self.path / name)]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def originals(directory: Path) -> list[Original]:
    """As it is after a clean end; a moment after the last event before a kill; and after the checkpoint before a kill.

    A kill is a copy of what a server has that stands still: it finds the same files.
    """
    server = ServerProcess(directory / "running")
    with server:
        _fill(server.port, 0)
        known = _read(server.port)
    made = [Original("clean", as_image(server.data, directory / "clean"), *known)]
    with server:
        with _no_checkpoint(server.data):
            _fill(server.port, 1)
            known = _read(server.port)
            made.append(_copy(server, directory / "killed", known))
        size = (server.data / DATABASE).stat().st_size
        raw.exchange(server.port, raw.post(f"/{ANOTHER}", b"it is idle after this", "Connection: close"))
        while _size(server.data / DATABASE) == size or _size(server.data / WAL):  # until the checkpoint has ended
            time.sleep(0.01)
        made.append(_copy(server, directory / "killed-late", known))
    return made


@contextmanager
def _no_checkpoint(data: Path) -> Iterator[None]:
    """Keep what comes now in the write-ahead log: somebody reads what the database was before."""
    reader = apsw.Connection(str(data / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    reader.pragma("schema_version")
    try:
        yield
    finally:
        reader.close()


def _copy(server: ServerProcess, to: Path, known: tuple[str, dict[str, dict[int, bytes]]]) -> Original:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        return Original(to.name, as_image(server.data, to), *known)
    finally:
        os.kill(server.pid, signal.SIGCONT)


def _fill(port: int, half: int) -> None:
    random = Random(half)
    with raw.connected(port) as sock:
        for number in range(EVENTS):
            for room in ROOMS:
                text = f"{number} {'x' * random.choice((0, 40, 400, 4000))}"
                sock.sendall(_put(room, f"key-{half}-{number:04}", text))
                answer = raw.read_until(sock, lambda data: data.endswith(b"}\n"))
                assert raw.status(answer) == 201, answer


def _put(room: str, key: str, text: str, *fields: str) -> bytes:
    head = (f"Content-Length: {len(text)}", "Content-Type: text/plain", "Accept: application/json", *fields)
    return raw.head("PUT", f"/{room}/{key}?name={NAME}", *head) + text.encode()


def _read(port: int) -> tuple[str, dict[str, dict[int, bytes]]]:
    """The epoch and all events."""
    _, page = _get(port, f"/{ROOMS[0]}?format=json")
    events = {room: walk(port, room) for room in ROOMS}
    assert all(len(found.events) % EVENTS == 0 and not found.named for found in events.values())
    return page["epoch"], {room: found.events for room, found in events.items()}


@dataclass
class Walk:
    """What pages give of a room: events by seq, and the seqs that are refused by name (None: the whole room is)."""

    events: dict[int, bytes] = field(default_factory=dict)
    named: set[int] | None = field(default_factory=set)

    def owns_up_to(self, seq: int) -> bool:
        """Whether it says that this event cannot be had."""
        return self.named is None or seq in self.named


def _get(port: int, target: str) -> tuple[int, Any]:
    answer = raw.exchange(port, raw.head("GET", target, "Accept: application/json", "Connection: close"))
    return raw.status(answer), json.loads(raw.body(answer))


def walk(port: int, room: str) -> Walk:
    """Read a room from its beginning, and go on behind what is refused."""
    walk, seq = Walk(), 0
    while True:
        answer = raw.exchange(
            port, raw.head("GET", f"/{room}?format=ndjson&limit=1000&since={seq}", "Connection: close")
        )
        if raw.status(answer) == 200:
            page = raw.body(answer).splitlines()
            for line in page:
                place = PLACE.match(line)
                seq = max(seq + 1, int(place[1])) if place else seq + 1  # what is altered may not say it
                walk.events[seq] = line
            if not page:
                return walk
            continue
        _, problem = _get(port, f"/{room}?format=json&limit=1000&since={seq}")
        if walk.named is None or "last_seq" not in problem:
            walk.named = None
            return walk
        walk.named.update(range(problem["seq"], problem["last_seq"] + 1))
        seq = problem["last_seq"]


class Found(NamedTuple):
    """What one damage led to.

    `refused` is the message of a start that did not come to be. Of the events: `altered` were served and are not what
    was stored, `hidden` are neither served nor said to be damaged, `named` are said to be damaged. `doubled` are
    repeats of a stored key that stored again. `renamed` are rooms of the list that nobody made.
    """

    original: str
    file: str
    kind: str
    refused: str
    altered: int
    hidden: int
    named: int
    doubled: int
    renamed: int
    check: str

    @property
    def outcome(self) -> str:
        """One word for it."""
        if self.refused:
            return "refused"
        if self.altered or self.hidden or self.doubled or self.renamed:
            return "unnoticed"
        return "isolated" if self.named else "harmless"


class Refused(Exception):
    """The server does not start; says what it said."""


Serve = Callable[[Path], AbstractContextManager[int]]
"""Serves a data directory; gives the port. Raises Refused."""


@contextmanager
def in_process(data: Path) -> Iterator[int]:
    """The whole server in a thread of this process: a start takes some milliseconds."""
    try:
        server = InProcess(settings=Settings(port=0, data=data, rate_limits=False)).__enter__()
    except StoreError as error:
        raise Refused(str(error)) from error
    try:
        yield server.port
    finally:
        server.errors.clear()  # that it would end when a write met the damage
        server.__exit__(None, None, None)


@contextmanager
def as_process(data: Path) -> Iterator[int]:
    """A server as a process."""
    server = ServerProcess(data)
    server.log_file.unlink(missing_ok=True)
    try:
        server.start()
    except AssertionError as error:
        raise Refused(server.log.splitlines()[-1]) from error  # events it found damaged may come before
    try:
        yield server.port
    finally:
        server.stop()


def trial(original: Original, file: str, kind: str, random: Random, scratch: Path, serve: Serve) -> Found:
    """Damage a copy of a directory, look at it with `parlour check`, serve it, and read all that it gives."""
    shutil.rmtree(scratch, ignore_errors=True)
    as_image(original.path, scratch)
    data = bytearray((scratch / file).read_bytes())
    KINDS[kind](data, random)
    (scratch / file).write_bytes(data)
    checked = _check(scratch)
    try:
        with serve(scratch) as port:
            seen = _look(original, port, random)
    except Refused as error:
        return Found(original.name, file, kind, str(error), 0, 0, 0, 0, 0, checked)
    return Found(original.name, file, kind, "", *seen, checked)


def _check(directory: Path) -> str:
    try:
        return "; ".join(map(str, check(directory).problems[:3]))
    except StoreError as error:
        return str(error)


def _look(original: Original, port: int, random: Random) -> tuple[int, int, int, int, int]:
    """The five numbers of `Found`."""
    altered = hidden = named = doubled = 0
    for room, stored in original.events.items():
        pages = walk(port, room)
        altered += sum(stored.get(seq) != event for seq, event in pages.events.items())
        lost = stored.keys() - pages.events.keys()
        owned = sum(pages.owns_up_to(seq) for seq in lost)
        named += owned
        hidden += len(lost) - owned
        if altered:
            continue  # that is enough, and a stream of it may be no JSON
        streamed, gaps = _stream(original, port, room, random)
        altered += sum(event not in stored.values() for event in streamed)
        hidden += gaps
    renamed = sum(room not in (*ROOMS, ANOTHER) for room in rooms_listed(port))
    for room, stored in original.events.items():
        for event in random.sample(list(stored.values()), REPEATS):
            doubled += is_stored_again(port, room, event)
    return altered, hidden, named, doubled, renamed


def is_stored_again(port: int, room: str, event: bytes) -> bool:
    """Whether the repeat of a send makes another event."""
    sent = json.loads(event)
    try:
        answer = raw.exchange(port, _put(room, sent["key"], sent["text"], "Connection: close"))
    except OSError:
        return False  # the server has ended: it may not write to what is damaged
    return b" 201 " in answer[:16] and b"idempotent-replay" not in answer.lower()


def rooms_listed(port: int) -> list[str]:
    """The names of all rooms; none if there is no list to be had."""
    status, listed = _get(port, "/api/v1/rooms?limit=1000")
    return [room["room"] for room in listed["rooms"]] if status == 200 else []


def _stream(original: Original, port: int, room: str, random: Random) -> tuple[list[bytes], int]:
    """The events of a stream up to its head, and how many gaps it has without a reset."""
    transport = random.choice(raw.TRANSPORTS)
    with raw.connected(port) as sock:
        sock.sendall(raw.ask(transport, room, 0, original.epoch))
        is_at_head = raw.is_caught_up(transport)
        stream = raw.read_until(sock, lambda data: data[9:10] in (b"4", b"5") or is_at_head(data))
    if raw.status(stream) not in (101, 200):
        return [], 0
    last: int | None = 0
    events, gaps = [], 0
    for item in transport.items(stream.partition(b"\r\n\r\n")[2]):
        parsed = json.loads(item)
        if parsed["type"] == "reset":
            last = None
        elif "seq" in parsed:
            gaps += last is not None and parsed["seq"] != last + 1
            last = parsed["seq"]
            events.append(item)
    return events, gaps
