"""The statements on messages that somebody has reported, and on the notes of who looks at them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from parlour.chat.statements import Statement, no_row

ReportState = Literal["open", "closed"]


class Report(NamedTuple):
    """Somebody says that the message `seq` of `room` is against the rules, and why.

    What the message says is nowhere here: it is read from the log, and is gone with it. `made_by` is the id of an
    author, `name` that of a guest (empty for accounts).
    """

    id: str
    room: str
    seq: int
    reason: str
    made_by: str
    name: str
    made_ms: int
    state: ReportState


class Note(NamedTuple):
    """A moderator's note about a report."""

    id: str
    report: str
    made_by: str
    made_ms: int
    text: str


class OpenReport(NamedTuple):
    """An open report, and the room that it is from."""

    id: str
    room: str


class ReportsOfRoom(NamedTuple):
    """How many reports are from a room."""

    room: str
    reports: int


_COLUMNS = "id, room, seq, reason, made_by, name, made_ms, state"

REPORTS = Statement(Report, f"SELECT {_COLUMNS} FROM reports WHERE state = ?1 ORDER BY made_ms DESC, id LIMIT ?2")
REPORT = Statement(Report, f"SELECT {_COLUMNS} FROM reports WHERE id = ?1")
OWN_OPEN_REPORTS = Statement(
    Report,
    f"SELECT {_COLUMNS} FROM reports WHERE made_by = ?1 AND state = 'open'",
)
OPEN_REPORTS = Statement(OpenReport, "SELECT id, room FROM reports WHERE state = 'open'")
COUNT_BY_ROOM = Statement(ReportsOfRoom, "SELECT room, COUNT(*) FROM reports WHERE state = ?1 GROUP BY room")
COUNT_OPEN = Statement(int, "SELECT COUNT(*) FROM reports WHERE state = 'open'")
ADD_REPORT = Statement(
    no_row,
    f"INSERT INTO reports ({_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
)
SET_REPORT_STATE = Statement(no_row, "UPDATE reports SET state = ?2, closed_ms = ?3 WHERE id = ?1")
"""With when it was closed, in milliseconds since 1970; 0 for one that is open."""
OLD_REPORT = Statement(str, "SELECT id FROM reports WHERE state = 'closed' AND closed_ms BETWEEN 1 AND ?1 LIMIT 1")
DROP_OLD_REPORTS = Statement(
    str,
    "DELETE FROM reports WHERE id IN"
    " (SELECT id FROM reports WHERE state = 'closed' AND closed_ms BETWEEN 1 AND ?1 LIMIT ?2) RETURNING id",
)
DROP_NOTES = Statement(no_row, "DELETE FROM report_notes WHERE report = ?1")
NOTES_OF = Statement(
    Note, "SELECT id, report, made_by, made_ms, text FROM report_notes WHERE report = ?1 ORDER BY made_ms, id"
)
ADD_NOTE = Statement(
    no_row, "INSERT INTO report_notes (id, report, made_by, made_ms, text) VALUES (?1, ?2, ?3, ?4, ?5)"
)
