"""The statements on accounts."""

from __future__ import annotations

from parlour.chat.statements import Statement, no_row
from parlour.core.accounts import Account

_COLUMNS = "id, name, display, kind, role, owner, state"


def _text(value: str | None) -> str | None:
    return value


ALL_ACCOUNTS = Statement(Account, f"SELECT {_COLUMNS} FROM accounts ORDER BY id")
ACCOUNT = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE id = ?1")
ACCOUNT_NAMED = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE name = ?1")
ACCOUNT_LIKE = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE skeleton = ?1")
PASSWORD_OF = Statement(_text, "SELECT password FROM accounts WHERE id = ?1")

ADD_ACCOUNT = Statement(
    no_row,
    "INSERT INTO accounts (id, name, skeleton, display, kind, role, owner, password, state, made_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'active', ?9)",
)
SET_PASSWORD = Statement(no_row, "UPDATE accounts SET password = ?2 WHERE id = ?1")
SET_ROLE = Statement(no_row, "UPDATE accounts SET role = ?2 WHERE id = ?1")
SET_STATE = Statement(no_row, "UPDATE accounts SET state = ?2 WHERE id = ?1")
SET_DISPLAY = Statement(no_row, "UPDATE accounts SET display = ?2 WHERE id = ?1")
SET_NAME = Statement(no_row, "UPDATE accounts SET name = ?2, skeleton = ?3 WHERE id = ?1")
BOTS_OF = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE owner = ?1 AND state = 'active' ORDER BY id")
OWNERS = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE role = 'owner' AND state = 'active'")
