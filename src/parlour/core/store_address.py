"""The address of a database, which may have a password in it."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def without_password(store: str) -> str:
    """What `--store` is set to, for people and logs."""
    if "://" not in store:
        return store
    parts = urlsplit(store)
    user, at, place = parts.netloc.rpartition("@")
    query = "&".join(each for each in parts.query.split("&") if not each.startswith(("password=", "sslpassword=")))
    return urlunsplit((parts.scheme, f"{user.partition(':')[0]}{at}{place}", parts.path, query, ""))
