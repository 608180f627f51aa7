"""The tables that are moved: all that there are. A table or column that a later migration makes is moved, too.

Most tables are the same on both engines. Rooms, events, the log of commits and the cursors in it are not quite: they
are moved in the form that is described here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from parlour.schema.json_line import encode
from parlour.store.errors import StoreError

Value: TypeAlias = int | str | bytes | None

Row: TypeAlias = tuple[Value, ...]


class Table(NamedTuple):
    """A table: its columns in the order of a row, and those by which rows are ordered and told apart."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> Row:
        """Where a row stands among the others."""
        return tuple(row[self.columns.index(name)] for name in self.key)


class Schema(NamedTuple):
    """A table as an engine has it: its columns, and those of its primary key."""

    columns: Iterable[str]
    key: tuple[str, ...]


OF_ENGINES = frozenset({"meta", "migrations", "gate"})
"""What an engine keeps for itself. What `meta` has of the data, its identity, is moved by itself."""

IDENTITY = frozenset({"epoch", "secret", "seed", "identity", "probe", "offset", "place"})
"""The names in `meta` that engines know: the identity, what SQLite writes to see whether there is space, and where a
PostgreSQL database lives and counts from."""

EVENTS = Table("events", ("id", "at_ms", "author", "key", "body", "checksum", "type", "ref"), ("id",))
MAX_ID = (1 << 63) - 1
"""No event has a greater id."""

BODY = EVENTS.columns.index("body")
"""The events of rooms: SQLite keeps the log of commits among them."""

ENDS = ("head", "at_ms")
"""Columns of `rooms` on PostgreSQL alone: the seq and time of the newest event, which SQLite finds in the events."""

COMMITS = Table("commits", ("number", "at_ms", "body"), ("number",))
"""The commits that a follower has yet to read, numbered 1, 2, 3 …: each engine counts positions in its own way. `body`
is what they have changed, as JSON: [[number of a room, first seq, last seq], …]."""

CURSORS = Table("cursors", ("follower", "number"), ("follower",))
"""Up to which of these commits each follower has read; 0 for none."""


def read_ranges(body: bytes) -> list[tuple[int, int, int]]:
    """The changes of a commit, from that column, or from a row of SQLite's log of commits."""
    return [(room, first, last) for room, first, last in json.loads(body)]


def ranges_text(ranges: Iterable[tuple[int, int, int]]) -> bytes:
    """The changes of a commit as the column `body` of `COMMITS` has them."""
    return encode(list(ranges))


def tables_of(schemas: Mapping[str, Schema], extra: Iterable[str] = ()) -> dict[str, Table]:
    """The tables to move, in order; `extra` are columns that `rooms` has to get.

    Raises StoreError for a table whose rows cannot be told apart.
    """
    own = {EVENTS.name, COMMITS.name, CURSORS.name}
    found = {}
    for name in sorted(set(schemas) - own - OF_ENGINES):
        columns, key = schemas[name]
        if not key:
            raise StoreError(f"The table {name} has no primary key: it cannot be moved.")
        found[name] = Table(name, tuple(sorted({*columns, *(extra if name == "rooms" else ())})), key)
    return {"rooms": found.pop("rooms"), EVENTS.name: EVENTS, **found, COMMITS.name: COMMITS, CURSORS.name: CURSORS}


def refuse_other_tables(source: Mapping[str, Table], target: Mapping[str, Table]) -> None:
    """Raise StoreError if something has no place on the other engine."""
    different = [name for name in sorted({*source, *target}) if source.get(name) != target.get(name)]
    if different:
        raise StoreError(f"The two engines have different tables in this version: {', '.join(different)}.")
