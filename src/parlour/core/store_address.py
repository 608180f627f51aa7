"""The address of a PostgreSQL database, which may have a password in it."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?#\[\]\s]*)(?P<password>:[^@/?#\[\]\s]*)?@)?"
    r"(?P<place>(?:[^:@/?#\[\]\s,]*|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?(?:,[^:@/?#\[\]\s,]+(?::[0-9]{1,5})?)*)"
    r"(?P<database>/[^@/?#\[\]\s]*)?(?:\?(?P<query>[^@#\[\]\s]*))?"
)
"""`postgresql://USER:PASSWORD@HOST:PORT/DATABASE?KEY=VALUE&…` (RFC 3986 §3): other characters are written as %XX."""

_KEYS = frozenset(
    {"host", "port", "user", "dbname", "database", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl"}
)
_SECRET = "password"  # noqa: S105 (the name of a key)


def is_store_address(store: str) -> bool:
    """Whether a text is such an address, with keys that are known."""
    match = _ADDRESS.fullmatch(store)
    if match is None:
        return False
    query = match["query"] or ""
    return all(part.partition("=")[0] in {*_KEYS, _SECRET} and "=" in part for part in query.split("&") if part)


def unknown_key(store: str) -> str | None:
    """The first word before a `=` in the query of an address that nobody knows; None if there is none."""
    match = _ADDRESS.fullmatch(store)
    keys = [part.partition("=")[0] for part in (match["query"] or "").split("&") if "=" in part] if match else []
    return next((key for key in keys if key not in _KEYS and key != _SECRET), None)


def without_password(store: str) -> str:
    """The value of `--store` for people and logs; of a text that is no address only that it is one of a kind."""
    if "://" not in store and "=" not in store and "@" not in store:
        return store
    match = _ADDRESS.fullmatch(store)
    if match is None or not is_store_address(store):
        return "an address that cannot be read"
    user = "" if match["user"] is None else f"{match['user']}@"
    query = "&".join(part for part in (match["query"] or "").split("&") if not part.startswith(f"{_SECRET}="))
    scheme = store.partition("://")[0]
    return f"{scheme}://{user}{match['place']}{match['database'] or ''}{query and '?'}{query}"


def has_password(store: str) -> bool:
    """Whether an address has a password in it, which does not belong on a command line."""
    return is_store_address(store) and without_password(store) != store
