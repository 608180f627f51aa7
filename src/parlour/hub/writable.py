"""The sink that `net` implements for the hub: bytes to one connection, and the same bytes to many."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

log = logging.getLogger("parlour.hub")


class Writable(Protocol):
    """The connection of a reader. Neither may change while the reader is live: its chunk keeps both from then on."""

    @property
    def descriptor(self) -> int:
        """Under which the kernel takes bytes for this connection alone, or -1 where `write` is the only way."""

    def write(self, data: bytes) -> None:
        """Take encoded bytes."""


Write = Callable[[bytes], Sequence[Writable]]
"""Writes the same bytes to many, once each; returns those that failed. One that fails does not affect the others."""

MakeWrite = Callable[[Sequence[Writable]], Write]
"""Makes one `Write` for many. It is used until the membership changes, and not after that."""


def one_by_one(sinks: Sequence[Writable]) -> Write:
    """The `Write` that works with every sink."""
    writers = tuple([sink.write for sink in sinks])

    def write(data: bytes) -> Sequence[Writable]:
        failed: list[Writable] = []
        for write in writers:
            try:
                write(data)
            except Exception:
                log.exception("write_failed")
                failed.append(sinks[writers.index(write)])
        return failed

    return write
