"""The statements on blocks: whose messages an account does not take."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class Block(NamedTuple):
    """The account `blocker` takes no messages of the account `blocked`; both are ids, the time is since 1970."""

    blocker: str
    blocked: str
    made_ms: int


_COLUMNS = "blocker, blocked, made_ms"

ALL_BLOCKS = Statement(Block, f"SELECT {_COLUMNS} FROM blocks ORDER BY blocker, blocked")
BLOCKS_BY = Statement(Block, f"SELECT {_COLUMNS} FROM blocks WHERE blocker = ?1 ORDER BY made_ms DESC, blocked")
BLOCKS_BETWEEN = Statement(Block, f"SELECT {_COLUMNS} FROM blocks WHERE blocker IN (?1, ?2) AND blocked IN (?3, ?4)")
"""Those by one of the first two of one of the others."""
ADD_BLOCK = Statement(
    str,
    "INSERT INTO blocks (blocker, blocked, made_ms) VALUES (?1, ?2, ?3)"
    " ON CONFLICT(blocker, blocked) DO NOTHING RETURNING blocked",
)
END_BLOCK = Statement(str, "DELETE FROM blocks WHERE blocker = ?1 AND blocked = ?2 RETURNING blocked")
DROP_BLOCKS_OF = Statement(no_row, "DELETE FROM blocks WHERE blocker = ?1 OR blocked = ?1")
