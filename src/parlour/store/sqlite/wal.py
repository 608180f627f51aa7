"""Tells a write-ahead log that is damaged from one that was cut short by an unclean end: SQLite reads both up to there.

After the first frame that does not verify (sqlite.org/fileformat2.html §4) SQLite sees the end of the log, and what
comes behind it is gone without a word. But only the last transaction can be cut short: all before it were synced. So
the log is damaged if two transactions or more lie behind its end, or if the WAL-index, which SQLite writes after the
sync and which survives a kill, knows of more frames. If there is no frame at all, the WAL-index alone can tell.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from parlour.store.sqlite.files import WAL, WAL_INDEX
from parlour.store.sqlite.wal_index import START_BYTES, header_of

_MAGIC = b"\x37\x7f\x06"
_HEADER_BYTES = 32
_SECTOR = 512  # what a disk writes as a whole
_FRAME = struct.Struct(">II8s8x")  # page; pages of the database, if this frame commits; salts


class _Frame(NamedTuple):
    page: int
    is_commit: bool
    salts: bytes


class WriteAheadLog:
    """The log of a database as the last process left it. Make it before SQLite opens the database.

    SQLite forgets what the WAL-index said. And to close any descriptor of a database drops the locks that SQLite holds
    on it in this process (fcntl(2)).
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(WAL)
        self._index_path = database.with_name(WAL_INDEX)
        self._index_start = _start(self._index_path, START_BYTES)
        self._header = _start(self._path, _HEADER_BYTES)
        is_whole = _is_whole(self._header)
        page_size = int.from_bytes(self._header[8:12]) if is_whole else _page_size(database)
        self._frames = _frames(self._path, page_size)
        self._salts = self._header[16:24]
        if not is_whole:  # the first frame is always one of the newest
            self._salts = next((frame.salts for frame in self._frames if any(frame.salts)), self._salts)
        self._is_spent = not is_whole and self._is_in(database, page_size)
        is_still = self._index_start == _start(self._index_path, START_BYTES)  # what a running server has changes
        self._index_header = header_of(self._index_start if is_still else b"")

    def loss(self) -> str:
        """What it does not hold any more, in a sentence; empty if nothing is known to be lost.

        From its first transaction on a log has a frame. We empty it only when the WAL-index on the disk says that the
        database has everything (`WalIndex.empty_log`), and SQLite removes the WAL-index before the log. So if a log has
        no frame, and the WAL-index beside it speaks of some that the database has not, something else has emptied it.
        """
        has_frame = bool(self._frames) and any(self._frames[0].salts)
        if has_frame or self._index_header.frames <= self._index_header.backfilled:
            return ""
        lost = self._index_header.frames - self._index_header.backfilled
        return f"{self._path} holds nothing, but {self._index_path} knows of {lost} frames that were only there"

    def damage(self, connection: apsw.Connection) -> str:
        """What is wrong with it, in a sentence; empty if nothing is known to be. Raises apsw.Error.

        Changes neither the log nor the database. Beside a running server all is well.
        """
        if len(self._header) < _HEADER_BYTES:
            return ""
        connection.pragma("schema_version")  # to read at all is to open the log
        valid, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        if valid < 0 or self._header != _start(self._path, _HEADER_BYTES):
            return ""  # it is not in use, or a running server has begun it anew
        if self._is_spent:
            return ""  # its header was torn when it was begun anew, or it is of no use any more
        behind = sum(frame.is_commit and frame.salts == self._salts for frame in self._frames[valid:])
        if behind < 2 and (self._index_header.salts != self._salts or self._index_header.frames <= valid):
            return ""
        return f"{self._path} is damaged at frame {valid + 1}: stored messages behind it cannot be read"

    def _is_in(self, database: Path, page_size: int) -> bool:
        """Whether the database has all that was committed to the log with the newest salts."""
        newest: dict[int, int] = {}
        committed: dict[int, int] = {}
        for index, frame in enumerate(self._frames):
            if frame.salts == self._salts:
                newest[frame.page] = index
                if frame.is_commit:
                    committed.update(newest)
        if not committed:
            return True
        with self._path.open("rb") as log, database.open("rb") as file:
            for page, index in committed.items():
                if not page:
                    return False  # there is none of that number
                log.seek(_HEADER_BYTES + index * (_FRAME.size + page_size) + _FRAME.size)
                file.seek((page - 1) * page_size)
                if log.read(page_size) != file.read(page_size):
                    return False
        return True

    def restore_wal_index(self) -> None:
        """Put back what SQLite has forgotten, so that the next look finds the same."""
        with self._index_path.open("r+b") as file:
            file.write(self._index_start)


def _frames(log: Path, page_size: int) -> list[_Frame]:
    frames = []
    with suppress(FileNotFoundError), log.open("rb", buffering=0) as file:  # a running server may just have ended
        file.seek(_HEADER_BYTES)
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            page, pages, salts = _FRAME.unpack(head)
            is_split = file.tell() % _SECTOR == _FRAME.size - 8  # then `pages` may be old where the salts are new
            frames.append(_Frame(page, pages != 0 and not is_split, salts))
            file.seek(page_size, os.SEEK_CUR)
    return frames


def _page_size(database: Path) -> int:
    """As the database has it, in bytes (sqlite.org/fileformat2.html §1.3.2): a log whose header is torn cannot say."""
    size = int.from_bytes(_start(database, 18)[16:])
    return 65536 if size == 1 else size


def _start(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        return b""


def _is_whole(header: bytes) -> bool:
    """Whether the checksum of a log's header is right; the lowest bit of the magic number is its byte order (§4.4)."""
    if len(header) < _HEADER_BYTES:
        return False
    first = second = 0
    for one, two in struct.iter_unpack(">II" if header[3] & 1 else "<II", header[:24]):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return header.startswith(_MAGIC) and struct.pack(">II", first, second) == header[24:]
