"""The sign-in providers that the owner of a server has named: what is said of each, and what may be wrong in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_PROVIDERS = 20

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)


class Provider(NamedTuple):
    """An OpenID provider: `id` stands in addresses of ours, `name` is what people call it.

    `issuer` is its identifier (OpenID Connect Discovery 1.0 §2), without which nothing of it counts. With
    `client_secret` None it knows us by the proof key alone. `makes_accounts`: whoever comes from there and has no
    account here may make one.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str | None
    makes_accounts: bool


def provider_of(row: Mapping[str, object], client_secret: str | None) -> Provider:
    """A provider from what a file says of it. Raises ValueError with what is wrong."""
    known = {"id", "name", "issuer", "client_id", "client_secret_file", "makes_accounts"}
    if unknown := sorted(row.keys() - known):
        raise ValueError(f"there is no {unknown[0]}; there are {', '.join(sorted(known))}")
    texts = {}
    for name in ("id", "name", "issuer", "client_id"):
        value = row.get(name)
        if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 1000:
            raise ValueError(f"{name} is a text in one line")
        texts[name] = value.strip()
    if not _ID.fullmatch(texts["id"]):
        raise ValueError("id has small letters, digits and -, as it stands in an address")
    if len(texts["name"]) > 40:
        raise ValueError("name has at most 40 characters")
    makes_accounts = row.get("makes_accounts", False)
    if not isinstance(makes_accounts, bool):
        raise ValueError("makes_accounts is true or false")
    issuer = texts["issuer"]
    if not is_safe_address(issuer) or urlsplit(issuer).query or "#" in issuer or "?" in issuer:
        raise ValueError("issuer is an address that begins with https://, or with http:// for this machine")
    return Provider(texts["id"], texts["name"], issuer, texts["client_id"], client_secret, makes_accounts)


def is_safe_address(address: str) -> bool:
    """Whether what is said there is encrypted on its way, or stays on this machine."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or not address.isascii() or not address.isprintable() or " " in address:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
