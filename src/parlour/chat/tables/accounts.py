"""The statements on accounts."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row
from parlour.core.accounts import Account

_COLUMNS = "id, name, display, kind, role, owner, state, status, time_zone, language, hue, factors, hidden"


class FormerName(NamedTuple):
    """A name that the account `account` (its id) has had, and what it is confusable with: nobody else gets it."""

    name: str
    skeleton: str
    account: str


def _text(value: str | None) -> str | None:
    return value


ALL_ACCOUNTS = Statement(Account, f"SELECT {_COLUMNS} FROM accounts ORDER BY id")
ACCOUNT = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE id = ?1")
WHO_HAS_HAD = Statement(
    str,
    "SELECT id FROM accounts WHERE skeleton = ?1 OR look = ?1"
    " UNION SELECT account FROM former_names WHERE skeleton = ?1",
)
"""The accounts that are called or shown like this, or were called so."""

PASSWORD_OF = Statement(_text, "SELECT password FROM accounts WHERE id = ?1")

ADD_ACCOUNT = Statement(
    no_row,
    "INSERT INTO accounts (id, name, skeleton, display, look, kind, role, owner, password, state, made_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'active', ?10)",
)
SET_PASSWORD = Statement(no_row, "UPDATE accounts SET password = ?2 WHERE id = ?1")
REPLACE_PASSWORD = Statement(str, "UPDATE accounts SET password = ?3 WHERE id = ?1 AND password = ?2 RETURNING id")
"""Another hash of the same password, if it has not been changed."""
SET_ROLE = Statement(no_row, "UPDATE accounts SET role = ?2 WHERE id = ?1")
SET_STATE = Statement(no_row, "UPDATE accounts SET state = ?2 WHERE id = ?1")
SET_PROFILE = Statement(
    no_row,
    "UPDATE accounts SET display = ?2, look = ?3, status = ?4, time_zone = ?5, language = ?6, hue = ?7,"
    " hidden = ?8 WHERE id = ?1",
)
SET_NAME = Statement(no_row, "UPDATE accounts SET name = ?2, skeleton = ?3 WHERE id = ?1")
BOTS_OF = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE owner = ?1 AND state = 'active' ORDER BY id")
ALL_BOTS_OF = Statement(str, "SELECT id FROM accounts WHERE owner = ?1 ORDER BY id")
OWNERS = Statement(Account, f"SELECT {_COLUMNS} FROM accounts WHERE role = 'owner' AND state = 'active'")

FORMER_NAMES = Statement(FormerName, "SELECT name, skeleton, account FROM former_names ORDER BY name")
FORMER_NAMES_OF = Statement(str, "SELECT name FROM former_names WHERE account = ?1 ORDER BY name")
ADD_FORMER_NAME = Statement(no_row, "INSERT INTO former_names (name, skeleton, account) VALUES (?1, ?2, ?3)")
DROP_FORMER_NAME = Statement(no_row, "DELETE FROM former_names WHERE name = ?1 AND account = ?2")
DROP_FORMER_NAMES = Statement(no_row, "DELETE FROM former_names WHERE account = ?1")
BOTS_NOT_DELETED = Statement(
    Account, f"SELECT {_COLUMNS} FROM accounts WHERE owner = ?1 AND state <> 'deleted' ORDER BY id"
)
CLEAR_ACCOUNT = Statement(
    no_row,
    "UPDATE accounts SET name = ?2, skeleton = ?2, display = ?3, look = ?2, role = 'member', password = NULL,"
    " state = 'deleted', status = '', time_zone = '', language = '', hue = NULL, factors = 0,"
    " hidden = 0 WHERE id = ?1",
)
