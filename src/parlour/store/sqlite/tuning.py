"""How the embedded store is tuned: what it keeps at hand, and how long it waits, so that tests can make it small."""

from __future__ import annotations

from dataclasses import dataclass

from parlour.store.commit_queue import BATCH_DRAFTS


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
    checkpoint_pages: int = 2000
    """Pages of the WAL after which it is moved into the database between two batches. 8 MB: often enough for a small
    WAL, seldom enough to fold many commits of a hot page into one write. It also stays below 4062 frames, so that the
    WAL-index keeps its first 32 KiB and no commit has to grow a file but the WAL."""
    batch_drafts: int = BATCH_DRAFTS
    """Drafts in one transaction at most."""
    drop_commits_every: int = 512
    """So often the rows of the log of commits are dropped that no follower needs any more; the newest stays."""


DEFAULT = SqliteTuning()
