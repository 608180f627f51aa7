"""A flood from a C program, which offers more than Python could, and the judge of the millions of fates it notes."""

from __future__ import annotations

import asyncio
import subprocess
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from tests.fault.client import decode_item
from tests.fault.crowd import percentile

HERE = Path(__file__).parent
WARNINGS = ("-std=gnu17", "-Wall", "-Wextra", "-Werror")

UNKNOWN, ACKNOWLEDGED, OVERLOADED, RATE_LIMITED, WRONG = range(5)
"""What became of a message; WRONG is a refusal that does not say that nothing is stored, or when to come back."""

_RECORD = 8
_COUNT = 8


class Flow(NamedTuple):
    """Who sends: connections that post one after the other, WebSockets with so many under way, messages per second in
    all (0: as many as they may have under way)."""

    posters: int
    websockets: int
    window: int
    rate: float = 0.0


class Line(NamedTuple):
    """The messages of one connection: `outcomes[i]`, `seqs[i]` and `took_ms[i]` belong to message i."""

    outcomes: bytes
    seqs: array[int]
    took_ms: array[int]


class Fates:
    """What became of a flood. `tag` begins its keys; messages per second that were `wanted`, and that were `answered`
    and `accepted` while it lasted: what waits in the sockets at its end is answered too, and counts in `count` only."""

    def __init__(self, tag: str, flow: Flow, seconds: float, said: str, records: bytes) -> None:
        self.tag = tag
        self.flow = flow
        self.wanted, self.answered, self.accepted = [int(number) / seconds for number in said.split()]
        self.lines = list(_lines(records))

    def count(self, outcome: int) -> int:
        """How many messages ended so."""
        return sum(line.outcomes.count(outcome) for line in self.lines)

    def p99_ms(self, lines: list[Line]) -> float:
        """The 99th percentile of what the accepted took, counted from when they were given to the socket."""
        took: list[float] = []
        for line in lines:
            took += compress(line.took_ms, [outcome == ACKNOWLEDGED for outcome in line.outcomes])
        return percentile(took, 0.99) if took else 0.0

    def __str__(self) -> str:
        posters, sockets = self.lines[: self.flow.posters], self.lines[self.flow.posters :]
        return (
            f"wanted {self.wanted:.0f}/s, answered {self.answered:.0f}/s, accepted {self.accepted:.0f}/s, p99 of"
            f" posters {self.p99_ms(posters):.0f} ms, of WebSockets {self.p99_ms(sockets):.0f} ms;"
            f" {self.count(OVERLOADED)} overloaded, {self.count(RATE_LIMITED)} rate_limited"
        )


def _lines(records: bytes) -> Iterator[Line]:
    at = 0
    while at < len(records):
        size = _RECORD * int.from_bytes(records[at : at + _COUNT], "little")
        mine = records[at + _COUNT : at + _COUNT + size]
        seqs = array("I", memoryview(mine).cast("I")[::2].tolist())
        took_ms = array("H", memoryview(mine).cast("H")[2::4].tolist())
        yield Line(mine[6::_RECORD], seqs, took_ms)
        at += _COUNT + size


class Torrent:
    """Floods one room of a server with texts of `size` bytes. Built in `directory`."""

    def __init__(self, directory: Path, port: int, room: str, size: int) -> None:
        self._directory = directory
        self._program = directory / "torrent"
        self._aim = (str(port), room)
        self._size = size
        subprocess.run(["gcc", "-O2", *WARNINGS, "-o", self._program, HERE / "torrent.c"], check=True)

    async def flood(self, tag: str, flow: Flow, seconds: float) -> Fates:
        """Send for so long, and wait for all answers. Raises AssertionError with what the program says if it fails."""
        records = self._directory / f"{tag}.records"
        who = (str(flow.posters), str(flow.websockets), str(flow.window), str(flow.rate))
        process = await asyncio.create_subprocess_exec(
            self._program, *self._aim, tag, *who, str(seconds), str(self._size), records,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            said, error = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, error.decode()
        return Fates(tag, flow, seconds, said.decode(), await asyncio.to_thread(records.read_bytes))


class Ledger:
    """Holds the log of a flooded room against what its senders were told, as the invariants I1 to I5 do for few.

    `faults` says what is wrong, at most some of it.
    """

    def __init__(self, floods: list[Fates], size: int) -> None:
        self._floods = {fates.tag: fates for fates in floods}
        self._text = "x" * size
        self._seen = {fates.tag: [bytearray(len(line.outcomes)) for line in fates.lines] for fates in floods}
        self._head = 0
        self._wrong: Counter[str] = Counter()

    def read(self, event: bytes) -> None:
        """The next event of the log."""
        item = decode_item(event)
        self._head += 1
        if item.seq != self._head:
            self._wrong["I4: the log has a hole or a repeat"] += 1
            self._head = item.seq
        key = item.key or "-00000-0"
        fates, number, message = self._floods.get(key[0]), int(key[1:6]), int(key[7:])
        if fates is None or message >= len(fates.lines[number].outcomes) or item.text != self._text:
            self._wrong["I4: the log has what nobody sent"] += 1
            return
        line, seen = fates.lines[number], self._seen[key[0]][number]
        if seen[message]:
            self._wrong["I3: a key is stored twice"] += 1
        seen[message] = 1
        if line.outcomes[message] not in (ACKNOWLEDGED, UNKNOWN):
            self._wrong["I2: what was refused is stored"] += 1
        elif line.outcomes[message] == ACKNOWLEDGED and line.seqs[message] != item.seq:
            self._wrong["I5: an acknowledgement names another place"] += 1

    def faults(self) -> dict[str, int]:
        """What is wrong, and how often; to be asked when the whole log has been read."""
        for tag, fates in self._floods.items():
            for line, seen in zip(fates.lines, self._seen[tag], strict=True):
                stored = sum(compress(seen, [outcome == ACKNOWLEDGED for outcome in line.outcomes]))
                self._wrong["I1: what was acknowledged is not stored"] += line.outcomes.count(ACKNOWLEDGED) - stored
                self._wrong["a message without an answer"] += line.outcomes.count(UNKNOWN)
                self._wrong["a refusal that does not say all it should"] += line.outcomes.count(WRONG)
        return {what: count for what, count in self._wrong.items() if count}


def slow_disk(directory: Path, sync_ms: int) -> list[str]:
    """A command in front of a server's that makes each of its syncs take so much longer."""
    library = directory / "slow_disk.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O", *WARNINGS, "-o", library, HERE / "slow_disk.c"], check=True)
    return ["env", f"LD_PRELOAD={library}", f"SLOW_DISK_MS={sync_ms}"]
