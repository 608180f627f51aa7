"""Cursors: the one resume position that every transport understands (docs/protocol.md#cursor)."""

from __future__ import annotations

import re
from typing import NamedTuple

from parlour.core.errors import Refusal

MAX_SEQ = 2**36 - 1
"""The largest sequence number of a room; the store keeps room number and seq in one 63-bit integer."""

_CURSOR = re.compile(r"(?:([0-9a-z]{1,16})\.)?(0|[1-9][0-9]{0,10})", re.ASCII)


class Cursor(NamedTuple):
    """A position: everything up to and including `seq` has been seen. `epoch` None means the current one."""

    epoch: str | None
    seq: int

    def __str__(self) -> str:
        return str(self.seq) if self.epoch is None else f"{self.epoch}.{self.seq}"


def parse_cursor(text: str, field: str = "since") -> Cursor:
    """Read `k3f9.42` or `42`. Raises Refusal("bad_cursor")."""
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[2]) > MAX_SEQ:
        raise Refusal(
            "bad_cursor", "A cursor is a number, or an epoch, a dot and a number, such as k3f9.42.", field=field
        )
    return Cursor(match[1], int(match[2]))
