"""The statements on accounts that are being deleted."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row
from parlour.core.accounts import KeptMessages


class Deletion(NamedTuple):
    """An account that was deleted and may still be named in events after `position` (see `transactions.Erase`).

    `messages` is what becomes of its messages; `is_changed` says whether the room there has named it.
    """

    account: str
    messages: KeptMessages
    position: int
    is_changed: int


DELETIONS = Statement(
    Deletion, "SELECT account, messages, position, is_changed FROM deletions ORDER BY position DESC, account"
)
ADD_DELETION = Statement(
    no_row, "INSERT INTO deletions (account, messages, position, is_changed) VALUES (?1, ?2, 0, 0)"
)
MOVE_DELETION = Statement(no_row, "UPDATE deletions SET position = ?2, is_changed = ?3 WHERE account = ?1")
END_DELETION = Statement(no_row, "DELETE FROM deletions WHERE account = ?1")
