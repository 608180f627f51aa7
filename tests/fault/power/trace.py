"""Makes operations of what strace wrote about the life of a server."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from tests.fault.power.operations import Bind, Create, Listening, Operation, Remove, Rename, Sync, Told, Truncate, Write

_CHANGES = "write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile"
_SYNCS = "fsync,fdatasync,sync_file_range"
_NAMES = "openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlink"
_SOCKETS = "bind"
_ANSWERS = "sendto,sendmsg,sendmmsg"

CALLS = ",".join((_CHANGES, _SYNCS, _NAMES, _SOCKETS, _ANSWERS))
"""What strace has to trace."""

_CALL = re.compile(rb"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)([^=]*)", re.DOTALL)
_BEGUN = re.compile(rb"(\d+) +(\w+)\((.*) <unfinished \.\.\.>", re.DOTALL)
_ENDED = re.compile(rb"(\d+) +<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_TEXT = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\.\.\.)?')
_SOCKET_NAME = re.compile(rb'sun_path="([^"]*)"')
_THROUGH_A_HANDLE = re.compile(r"/proc/self/fd/(\d+)/")
_OPENED = re.compile(rb"<([^>]*)>")
_HANDLE = re.compile(rb"\d+<([^>]*)>")
_EVENT = re.compile(
    rb'\{"room":"([^"]*)","seq":(\d+),"type":"\w+","at":"[^"]*","by":\{[^}]*\}'
    rb'(?:,"text":"[^"\\]*(?:\\.[^"\\]*)*")?(?:,"key":"[^"]*")?\}'
)
_LOCATION = re.compile(rb"HTTP/1\.1 201 .*?\r\nLocation: /([^/\r]+)/(\d+)\r\n", re.DOTALL | re.IGNORECASE)
_ACK = re.compile(rb'\{"type":"ack","key":(?:null|"[^"]*"),"room":"([^"]*)","seq":(\d+)')


class Parser:
    """Makes operations of what strace wrote. A slot per call, at its beginning; a sync has its slot at its end."""

    def __init__(self, root: Path) -> None:
        self.slots: list[Operation | None] = []
        self._root = str(root.resolve())
        self._directories: dict[str, str] = {}
        """The path of each directory that was opened, by the number of its handle."""
        self._begun: dict[bytes, tuple[int, bytes]] = {}
        self._cut_short: list[int] = []
        """The slots of calls whose result nobody has seen."""
        self._streams: dict[str, bytes] = {}

    def operations(self) -> list[Operation]:
        """What all lives have done."""
        places = list(accumulate((slot is not None for slot in self.slots), initial=0))  # of slots without empty ones
        found = [slot for slot in self.slots if slot is not None]
        return [replace(op, since=places[op.since]) if isinstance(op, Sync) else op for op in found]

    def read(self, trace: Path, *, is_last: bool = False) -> None:
        """Take one life; the files are still as the last one has left them."""
        self._streams.clear()
        self._directories.clear()
        for line in trace.read_bytes().split(b"\n"):
            if found := _ENDED.fullmatch(line):
                at, begin = self._begun.pop(found[1])
                self._take(at, begin + found[2])
            elif found := _BEGUN.fullmatch(line):
                self._begun[found[1]] = (self._slot(), line.removesuffix(b" <unfinished ...>"))
            elif line:
                self._take(self._slot(), line)
        for at, begin in self._begun.values():
            self._take(at, begin + b") = ?")
        self._begun.clear()
        for at in self._cut_short:  # it was killed during these calls: the system has carried them out
            if is_last and isinstance(write := self.slots[at], Write) and not self._is_done(write):
                self.slots[at] = None  # strace was about to let it fail
        self._cut_short.clear()

    def _is_done(self, write: Write) -> bool:
        content = (Path(self._root) / write.path).read_bytes()
        return content[write.offset : write.offset + len(write.data)] == write.data

    def _slot(self) -> int:
        self.slots.append(None)
        return len(self.slots) - 1

    def _take(self, at: int, line: bytes) -> None:
        call = _CALL.fullmatch(line)
        if call is None:
            return  # the end of a thread
        name, arguments, result = call[2].decode(), call[3], call[4]
        if result == b"?":
            self._cut_short.append(at)
        if name in _SYNCS:
            if result != b"?" and (path := self._inside(_handle(arguments))) is not None:
                self.slots.append(Sync(path, at, failed=result != b"0"))
            return
        if result.startswith(b"-"):
            return
        if name == "openat" and b"O_DIRECTORY" in arguments and (opened := _OPENED.match(call[5])):
            self._directories[result.decode()] = opened[1].decode()
        if name == "bind":
            self.slots[at] = self._bind(arguments)
        elif name.startswith(("write", "send")) and not self._is_file(arguments):
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
        if name == "rename" and len(paths) == 2:
            return Rename(*paths)
        raise NotImplementedError(f"{name}({arguments!r}) is not part of the model")

    def _bind(self, arguments: bytes) -> Operation | None:
        found = _SOCKET_NAME.search(arguments)
        if found is None:
            return None  # it listens at a port
        path = found[1].decode()
        if through := _THROUGH_A_HANDLE.match(path):  # a path that is too long for an address
            path = f"{self._directories[through[1]]}/{path[through.end() :]}"
        inside = self._inside(path)
        return None if inside is None else Bind(inside)

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
        self._streams[place] = data[end:]  # it may end inside an event
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
