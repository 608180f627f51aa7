"""The statements on the passes of guests who came by a link."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row
from parlour.core.guest_links import EndedPass, GuestPass, PassState


class PassRow(NamedTuple):
    """A pass as it is stored. `address` is a keyed hash; times in milliseconds since 1970, `removed_ms` 0 for none.

    `was_in` is 1 for somebody who was ever let in, else 0. `browser` is a digest of that by which the browser was known
    before (`GuestMarks.own`), empty for none.
    """

    id: str
    link: str
    name: str
    state: PassState
    address: str
    made_ms: int
    removed_ms: int
    was_in: int
    browser: str

    @property
    def guest(self) -> GuestPass:
        """The pass itself."""
        return GuestPass(self.id, self.link, self.name, self.state, was_in=bool(self.was_in))


class FoundPass(NamedTuple):
    """A pass that somebody asks with, and until when its link lasts."""

    id: str
    link: str
    name: str
    state: PassState
    was_in: int
    browser: str
    expires_ms: int
    names: str
    """The names of the rooms that the link opens, with spaces between them."""

    @property
    def guest(self) -> GuestPass:
        """The pass itself."""
        return GuestPass(self.id, self.link, self.name, self.state, tuple(self.names.split()), bool(self.was_in))


class EndedRow(NamedTuple):
    """The remains of a pass whose link has ended: the names of its rooms, with spaces between them, and the end."""

    names: str
    ended_ms: int

    @property
    def ended(self) -> EndedPass:
        """The pass itself."""
        return EndedPass(tuple(self.names.split()), self.ended_ms)


_COLUMNS = "id, link, name, state, address, made_ms, removed_ms, was_in, browser"

ADD_PASS = Statement(no_row, f"INSERT INTO passes (hash, {_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9)")
FIND_PASS = Statement(
    FoundPass,
    "SELECT p.id, p.link, p.name, p.state, p.was_in, p.browser, l.expires_ms, l.rooms FROM passes AS p"
    " JOIN guest_links AS l ON l.id = p.link WHERE p.hash = ?1",
)
PASS_BY_ID = Statement(PassRow, f"SELECT {_COLUMNS} FROM passes WHERE id = ?1")
PASSES_OF = Statement(PassRow, f"SELECT {_COLUMNS} FROM passes WHERE link = ?1 ORDER BY made_ms, id")
COUNT_PASSES = Statement(int, "SELECT COUNT(*) FROM passes WHERE link = ?1 AND state <> 'removed'")
COUNT_WAITING_INTO = Statement(
    int,
    "SELECT COUNT(*) FROM passes WHERE state = 'waiting' AND link IN (SELECT id FROM guest_links WHERE expires_ms > ?2"
    " AND id IN (SELECT link FROM guest_link_rooms WHERE room = ?1))",
)
"""Those who wait at the links into a room that work."""
WAITING_NAMES = Statement(str, "SELECT name FROM passes WHERE link = ?1 AND state = 'waiting' AND id <> ?2")
PASSES_FROM = Statement(
    PassRow,
    f"SELECT {_COLUMNS} FROM passes WHERE link IN (SELECT link FROM guest_link_rooms WHERE room IN"
    " (SELECT room FROM guest_link_rooms WHERE link = ?1)) AND address = ?2 ORDER BY removed_ms DESC, id",
)
"""Those from an address, by a link or by others into one of its rooms; who was removed last comes first."""
LET_PASS_IN = Statement(no_row, "UPDATE passes SET state = 'in', removed_ms = 0, was_in = 1 WHERE id = ?1")
REMOVE_PASS = Statement(no_row, "UPDATE passes SET state = 'removed', removed_ms = ?2 WHERE id = ?1")
SET_PASS_NAME = Statement(no_row, "UPDATE passes SET name = ?2 WHERE id = ?1")
END_PASS = Statement(no_row, "DELETE FROM passes WHERE id = ?1")
END_PASSES_OF = Statement(no_row, "DELETE FROM passes WHERE link = ?1")

FIND_ENDED_PASS = Statement(EndedRow, "SELECT rooms, ended_ms FROM ended_passes WHERE hash = ?1")
KEEP_ENDED_PASSES = Statement(
    no_row,
    "INSERT INTO ended_passes (hash, rooms, ended_ms)"
    " SELECT p.hash, l.rooms, ?2 FROM passes AS p JOIN guest_links AS l ON l.id = p.link"
    " WHERE p.link = ?1 AND p.was_in = 1",
)
"""Remember of the passes of a link, which are all there still, that the link ended: of those who were ever let in."""
DROP_ENDED_BEYOND = Statement(
    no_row,
    "DELETE FROM ended_passes WHERE ended_ms <="
    " (SELECT ended_ms FROM ended_passes ORDER BY ended_ms DESC LIMIT 1 OFFSET ?1)",
)
"""Forget the oldest beyond so many, with all that ended at the same time as the newest of these."""
OLD_ENDED_PASS = Statement(str, "SELECT hash FROM ended_passes WHERE ended_ms <= ?1 LIMIT 1")
DROP_ENDED_PASSES = Statement(
    no_row,
    "DELETE FROM ended_passes WHERE hash IN (SELECT hash FROM ended_passes WHERE ended_ms <= ?1 LIMIT ?2)",
)
