"""The statements on the settings of the server that somebody has set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from parlour.chat.statements import Statement, no_row
from parlour.core.payloads import ServerChanged
from parlour.core.policy import ServerAccess


class SettingRow(NamedTuple):
    """The value of a setting, set by the event `seq` of the server's log."""

    name: str
    value: str
    seq: int


SETTINGS = Statement(SettingRow, "SELECT name, value, seq FROM server_settings ORDER BY name")
SETTING = Statement(SettingRow, "SELECT name, value, seq FROM server_settings WHERE name = ?1")
SET_SETTING = Statement(
    no_row,
    "INSERT INTO server_settings (name, value, seq) VALUES (?1, ?2, ?3)"
    " ON CONFLICT(name) DO UPDATE SET value = excluded.value, seq = excluded.seq",
)


def server_access(rows: Sequence[SettingRow]) -> ServerAccess:
    """The access of the server, read from the rows."""
    access = ServerAccess()
    for row in rows:
        access = access.after(row.seq, ServerChanged(row.name, row.value))
    return access
