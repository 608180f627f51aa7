"""The statements on who has written last in a room with slow mode."""

from __future__ import annotations

from parlour.chat.statements import Statement, no_row

WRITTEN_LAST = Statement(int, "SELECT at_ms FROM slow_posts WHERE room = ?1 AND who = ?2")
SET_WRITTEN = Statement(
    no_row,
    "INSERT INTO slow_posts (room, who, at_ms) VALUES (?1, ?2, ?3)"
    " ON CONFLICT(room, who) DO UPDATE SET at_ms = excluded.at_ms",
)
FORGET_WRITTEN = Statement(no_row, "DELETE FROM slow_posts WHERE room = ?1 AND at_ms < ?2")
"""Those of a room that were written before a time: they hold nobody up any more."""
