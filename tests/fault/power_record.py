"""Records what a server has the disk do and what it tells its clients, in the order in which the system saw it.

The real server runs under strace from its first instruction to its last: every call that writes, shortens, syncs, makes
or removes a file, and every byte that leaves through a socket. Nothing of the server takes part in it.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Self

from tests.support.server import ROOT, START_S, STOP_S

_CHANGES = "write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile"
_SYNCS = "fsync,fdatasync,sync_file_range"
_NAMES = "openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlink"
_ANSWERS = "sendto,sendmsg,sendmmsg"
_STRACE = ["strace", "-f", "-qq", "-y", "-e", "signal=none", "-s", "4194304"]

DATA = "new/and/deep"
"""Where a recorded server makes its directory, and two above it."""

PLAIN = "from parlour.cli.main import main; main()"
"""What the server's interpreter runs."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes of a file, from `offset`. Paths of operations are relative to the root of the record, "" is the root."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file has this size now."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync has returned. It covers the operations before `since`, where it began; a failed one covers nothing."""

    path: str
    since: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """A name for a new file or directory; nothing happens if it is there."""

    path: str
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """A name goes."""

    path: str


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told that events are there, by acknowledgements or by showing them.

    Each is room, seq, and the JSON if what was told contains it (else empty).
    """

    events: tuple[tuple[str, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """The server accepts connections: from here on its epoch is known to clients."""


Operation = Write | Truncate | Sync | Create | Remove | Told | Listening


@dataclass(frozen=True)
class Record:
    """`files` is what was there and durable at the beginning (None: a directory); then came `operations`."""

    files: dict[str, bytes | None]
    operations: list[Operation]


class RecordedServer:
    """`parlour serve` with its data in `root / DATA`, recorded over as many lives as it gets.

    `code` is what its interpreter runs, and `fault` an injection of strace, for servers that are broken on purpose. As
    a context manager it kills what is still alive.
    """

    def __init__(self, root: Path, *, code: str = PLAIN) -> None:
        self.root = root
        self.data = root / DATA
        self.port = 0
        self._code = code
        self._files = snapshot(root)
        self._traces: list[Path] = []
        self._process: subprocess.Popen[str] | None = None
        self.log_file = root.with_name(f"{root.name}.log")

    def start(self, *options: str, fault: str = "") -> None:
        """Begin a life. Raises AssertionError with the log if it does not listen."""
        line = self.begin(*options, fault=fault)
        assert line.startswith("Listening on "), f"the server did not start\n{self.log_file.read_text()}"
        self.port = int(line.rsplit(":", 1)[1])

    def begin(self, *options: str, fault: str = "") -> str:
        """Begin a life that may end before it listens: gives the line that says where, or nothing."""
        trace = self.root.with_name(f"{self.root.name}.trace-{len(self._traces)}")
        self._traces.append(trace)
        calls = ",".join((_CHANGES, _SYNCS, _NAMES, _ANSWERS))
        inject = ["-e", f"inject={fault}"] if fault else ["--seccomp-bpf"]  # faster; but no signals can be injected
        command = [*_STRACE, "-o", str(trace), "-e", f"trace={calls}", *inject, sys.executable, "-c", self._code]
        command += ["serve", "--port", "0", "--rate-limits", "off", "--data", str(self.data), *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PARLOUR_")}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment | {"PYTHONPATH": f"{ROOT}/src"}
            )
        output = self._process.stdout
        assert output is not None
        return output.readline() if select.select([output], [], [], START_S)[0] else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
            for child in children.split():
                os.kill(int(child), signal.SIGKILL)
            self.wait()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End its life with a signal, gracefully or not, and give the exit code."""
        os.kill(int((self.data / "lock").read_text()), how)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended, and give the exit code (negative: the signal)."""
        assert self._process is not None, "the server is not running"
        process, self._process = self._process, None
        code = process.wait(STOP_S)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def record(self) -> Record:
        """All lives so far as one record."""
        parser = _Parser(self.root)
        for trace in self._traces:
            parser.read(trace)
        return Record(self._files, parser.operations())


def snapshot(root: Path) -> dict[str, bytes | None]:
    """Everything below a directory: the content of files, None for directories."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))
    }


_CALL = re.compile(rb"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)([^=]*)", re.DOTALL)
_BEGUN = re.compile(rb"(\d+) +(\w+)\((.*) <unfinished \.\.\.>", re.DOTALL)
_ENDED = re.compile(rb"(\d+) +<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_TEXT = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\.\.\.)?')
_HANDLE = re.compile(rb"\d+<([^>]*)>")
_EVENT = re.compile(
    rb'\{"room":"([^"]*)","seq":(\d+),"type":"\w+","at":"[^"]*","by":\{[^}]*\}'
    rb'(?:,"text":"[^"\\]*(?:\\.[^"\\]*)*")?(?:,"key":"[^"]*")?\}'
)
_LOCATION = re.compile(rb"HTTP/1\.1 201 .*?\r\nLocation: /([^/\r]+)/(\d+)\r\n", re.DOTALL | re.IGNORECASE)
_ACK = re.compile(rb'\{"type":"ack","key":(?:null|"[^"]*"),"room":"([^"]*)","seq":(\d+)')


class _Parser:
    """Makes operations of what strace wrote. A slot per call, at its beginning; a sync has its slot at its end."""

    def __init__(self, root: Path) -> None:
        self.slots: list[Operation | None] = []
        self._root = str(root.resolve())
        self._begun: dict[bytes, tuple[int, bytes]] = {}
        self._streams: dict[str, bytes] = {}

    def operations(self) -> list[Operation]:
        """What all lives have done."""
        places = list(accumulate((slot is not None for slot in self.slots), initial=0))  # of slots without empty ones
        found = [slot for slot in self.slots if slot is not None]
        return [replace(op, since=places[op.since]) if isinstance(op, Sync) else op for op in found]

    def read(self, trace: Path) -> None:
        """Take one life."""
        self._streams.clear()
        for line in trace.read_bytes().split(b"\n"):
            if found := _ENDED.fullmatch(line):
                at, begin = self._begun.pop(found[1])
                self._take(at, begin + found[2])
            elif found := _BEGUN.fullmatch(line):
                self._begun[found[1]] = (self._slot(), line.removesuffix(b" <unfinished ...>"))
            elif line:
                self._take(self._slot(), line)
        for at, begin in self._begun.values():  # calls amid which it was killed: the system has carried them out
            self._take(at, begin + b") = ?")
        self._begun.clear()

    def _slot(self) -> int:
        self.slots.append(None)
        return len(self.slots) - 1

    def _take(self, at: int, line: bytes) -> None:
        call = _CALL.fullmatch(line)
        if call is None:
            return  # the end of a thread
        name, arguments, result = call[2].decode(), call[3], call[4]
        if name in _SYNCS:
            if result != b"?" and (path := self._inside(_handle(arguments))) is not None:
                self.slots.append(Sync(path, at, failed=result != b"0"))
            return
        if result.startswith(b"-"):
            return
        if name.startswith(("write", "send")) and not self._is_file(arguments):
            self._output(at, arguments, result)
        elif name in _NAMES:
            self.slots[at] = self._name(name, arguments)
        elif (path := self._inside(_handle(arguments))) is not None:
            self.slots[at] = _change(name, path, arguments, result)

    def _is_file(self, arguments: bytes) -> bool:
        return self._inside(_handle(arguments)) is not None

    def _inside(self, path: str) -> str | None:
        """The path relative to the root; None if it is elsewhere, or a file that has no name any more."""
        if path == self._root:
            return ""
        is_inside = path.startswith(f"{self._root}/") and not path.endswith(" (deleted)")
        return path[len(self._root) + 1 :] if is_inside else None

    def _name(self, name: str, arguments: bytes) -> Operation | None:
        found = _texts(arguments)
        paths = [path for text in found if (path := self._inside(text.decode(errors="replace"))) is not None]
        if not paths or (name == "openat" and b"O_CREAT" not in arguments):
            return None
        if name in ("mkdir", "openat") and b"O_TRUNC" not in arguments:
            return Create(paths[0], is_directory=name == "mkdir")
        if name in ("unlink", "rmdir"):
            return Remove(paths[0])
        raise NotImplementedError(f"{name}({arguments!r}) is not part of the model")

    def _output(self, at: int, arguments: bytes, result: bytes) -> None:
        place = _handle(arguments)
        data = b"".join(_texts(arguments))[: int(result) if result != b"?" else 0]
        if data.startswith(b"Listening on "):
            self.slots[at] = Listening()
        if not place.startswith("socket:"):
            return
        data = self._streams.pop(place, b"") + data
        told, end = [], 0
        for match in _EVENT.finditer(data):
            told.append((match[1].decode(), int(match[2]), match[0]))
            end = match.end()
        for match in (*_LOCATION.finditer(data), *_ACK.finditer(data)):
            told.append((match[1].decode(), int(match[2]), b""))
            end = max(end, match.end())
        self._streams[place] = data[end:]  # it may end amid an event
        if told:
            self.slots[at] = Told(tuple(told))


def _change(name: str, path: str, arguments: bytes, result: bytes) -> Operation:
    if name == "pwrite64":
        (data,) = _texts(arguments)
        done = len(data) if result == b"?" else int(result)
        return Write(path, int(arguments.rsplit(b", ", 1)[1]), data[:done])
    if name == "ftruncate":
        return Truncate(path, int(arguments.rsplit(b", ", 1)[1]))
    raise NotImplementedError(f"{name} of {path} is not part of the model")


def _handle(arguments: bytes) -> str:
    match = _HANDLE.match(arguments)
    return match[1].decode() if match else ""


def _texts(arguments: bytes) -> list[bytes]:
    found = []
    for text, cut in _TEXT.findall(arguments):
        assert not cut, "strace has cut a text short"
        found.append(codecs.escape_decode(text)[0])
    return found
