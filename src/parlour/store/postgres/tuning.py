"""How the store on PostgreSQL is tuned: what it keeps at hand and how long it waits; tests can make it small."""

from __future__ import annotations

from dataclasses import dataclass

from parlour.core.durations import HOUR_MS


@dataclass(frozen=True, slots=True)
class PostgresTuning:
    """The numbers that fit every machine; nobody has to set them."""

    batch_s: float = 20.0
    """A batch that takes longer is given up, with its connection: the database or the line to it stands still."""
    read_s: float = 10.0
    """A read that takes longer is given up too."""
    rooms_cached: int = 4096
    """Ends of rooms kept at hand; one that is not costs a query."""
    rooms_listed: int = 1024
    """Rooms with the newest events that are kept for lists: a few more than any list shows."""
    look_s: float = 1.0
    """How often the log of commits is read without being told, and the leadership of a piece of work is asked for."""
    commits_kept_ms: int = HOUR_MS
    """A row of the log of commits is kept for so long at least, for nodes that have not heard of it."""
    drop_every_s: float = 60.0
    """How often older ones are dropped."""


DEFAULT = PostgresTuning()
