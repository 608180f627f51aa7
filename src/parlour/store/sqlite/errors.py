"""Why a data directory cannot be opened, and what an error of SQLite says about the batch it struck."""

from __future__ import annotations

import errno
from enum import Enum

import apsw

from parlour.store.errors import StoreError


class DirectoryInUse(StoreError):
    """Another process holds the data directory; `pid` is 0 if it could not be read."""

    def __init__(self, directory: str, pid: int) -> None:
        self.pid = pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{directory} is in use by {who}: stop it first, or choose another directory with --data.")


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Verdict(Enum):
    """The meaning of an error for a batch, and whether the writer may go on."""

    FULL = "nothing stored, no space on the disk; later batches are tried"
    BUSY = "nothing stored, another program held a lock for too long; later batches are tried"
    UNKNOWN = "the events may come back after a restart: nothing may be written any more"


def judge(error: apsw.Error, system_errno: int) -> Verdict:
    """Judge an error of a transaction that changed the log.

    SQLite writes all frames of a transaction to the WAL, then syncs, then updates the WAL-index. A failed write leaves
    no valid commit frame, so the transaction cannot come back. After a failed sync it can (a later one may still reach
    the disk), after a failure in the WAL-index too: these are unknown, like everything that is not listed here.
    """
    if isinstance(error, apsw.FullError):
        return Verdict.FULL
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE and system_errno in _NO_SPACE:
        return Verdict.FULL
    if isinstance(error, apsw.BusyError):
        return Verdict.BUSY
    return Verdict.UNKNOWN
