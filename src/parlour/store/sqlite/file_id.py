"""Says which file an open file is: a copy is another one, also where it got the number of the file that it replaces."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import sys
from contextlib import suppress
from typing import NamedTuple
from zlib import crc32

_GET_GENERATION = 0x80087601
"""FS_IOC_GETVERSION of Linux on 64-bit machines (ioctl_iflags(2))."""

_AT_EMPTY_PATH, _BIRTH = 0x1000, 0x800
_STATX_BYTES, _TOLD, _BIRTH_TIME = 256, slice(0, 4), slice(80, 92)
"""Of statx(2): flags, STATX_BTIME, and where they are in its answer, the same on every machine."""


class FileId(NamedTuple):
    """A file as its file system knows it: a copy has another one.

    Many file systems use a number again. So `generation` tells two files apart: that of the inode (ext4, xfs, btrfs);
    where none is told, a checksum of the time when the file was made (tmpfs, overlays, APFS); 0 where neither is told:
    there a file counts as the same while its number is, because a restart must not reset every reader.
    """

    inode: int
    generation: int

    @classmethod
    def of(cls, handle: int) -> FileId:
        """The id of an open file."""
        return cls(os.fstat(handle).st_ino, _generation(handle) or _birth(handle))


def _generation(handle: int) -> int:
    generation = bytearray(8)
    with suppress(OSError):
        fcntl.ioctl(handle, _GET_GENERATION, generation)
    return int.from_bytes(generation[:4], "little")


if sys.platform == "linux":
    _libc = ctypes.CDLL(None)

    def _birth(handle: int) -> int:
        found = bytearray(_STATX_BYTES)
        with suppress(AttributeError):  # a C library from before 2018
            _libc.statx(handle, b"", _AT_EMPTY_PATH, _BIRTH, (ctypes.c_char * _STATX_BYTES).from_buffer(found))
        is_told = int.from_bytes(found[_TOLD], sys.byteorder) & _BIRTH
        return crc32(found[_BIRTH_TIME]) if is_told else 0

else:

    def _birth(handle: int) -> int:
        born = getattr(os.fstat(handle), "st_birthtime", 0.0)
        return crc32(struct.pack("=d", born)) if born else 0
