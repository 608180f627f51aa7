"""How the embedded store is tuned: what it keeps at hand, and how long it waits, so that tests can make it small."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SqliteTuning:
    """The numbers that fit every machine; nobody has to set them."""

    lock_wait_ms: int = 5000
    """Only a foreign process can hold a lock against us, and it is waited for so long."""
    idle_s: float = 1.0
    """After this long without a batch the WAL is moved into the database, so that a start has little to recover."""
    rooms_cached: int = 4096
    """Heads of rooms kept at hand by the writer; a room that is not costs two more steps, once."""
    rooms_listed: int = 1024
    """Rooms with the newest events that are kept for lists: a few more than any list shows."""
    drop_commits_every: int = 512
    """So often the rows of the log of commits are dropped that no follower needs any more; the newest stays."""


DEFAULT = SqliteTuning()
