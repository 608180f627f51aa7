"""The statements on links by which guests come into rooms."""

from __future__ import annotations

from msgspec import Struct

from parlour.chat.statements import Statement, no_row
from parlour.core.guest_links import Newcomers


class GuestLink(Struct, frozen=True):
    """A link by which at most `people` guests come into rooms.

    `maker` is the account that made it, None for the operator; `names` has the names of the rooms, with spaces between
    them. `newcomers` and `wait_minutes` say who comes in at once. Times are in milliseconds since 1970.
    """

    id: str
    code: str
    maker: str | None
    names: str
    people: int
    newcomers: Newcomers
    wait_minutes: int
    made_ms: int
    expires_ms: int

    @property
    def rooms(self) -> tuple[str, ...]:
        """The names of the rooms that it opens."""
        return tuple(self.names.split())


_COLUMNS = "id, code, maker, rooms, people, newcomers, wait_minutes, made_ms, expires_ms"

ADD_GUEST_LINK = Statement(no_row, f"INSERT INTO guest_links ({_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
GUEST_LINK = Statement(GuestLink, f"SELECT {_COLUMNS} FROM guest_links WHERE code = ?1 AND expires_ms > ?2")
GUEST_LINK_BY_ID = Statement(GuestLink, f"SELECT {_COLUMNS} FROM guest_links WHERE id = ?1")
ADD_ROOM_OF_LINK = Statement(no_row, "INSERT INTO guest_link_rooms (room, link) VALUES (?1, ?2)")
END_ROOMS_OF_LINK = Statement(no_row, "DELETE FROM guest_link_rooms WHERE link = ?1")
GUEST_LINKS_INTO = Statement(
    GuestLink,
    f"SELECT {_COLUMNS} FROM guest_links WHERE id IN (SELECT link FROM guest_link_rooms WHERE room = ?1)"
    " AND expires_ms > ?2 ORDER BY made_ms DESC, id",
)
"""Those into a room that work, the newest first."""
GUEST_LINKS_BY = Statement(GuestLink, f"SELECT {_COLUMNS} FROM guest_links WHERE maker = ?1 ORDER BY id")
GUEST_LINKS_UNTIL = Statement(
    GuestLink, f"SELECT {_COLUMNS} FROM guest_links WHERE expires_ms <= ?1 ORDER BY expires_ms, id LIMIT ?2"
)
CHANGE_GUEST_LINK = Statement(
    no_row,
    "UPDATE guest_links SET people = ?2, newcomers = ?3, wait_minutes = ?4, expires_ms = ?5 WHERE id = ?1",
)
END_GUEST_LINK = Statement(no_row, "DELETE FROM guest_links WHERE id = ?1")
