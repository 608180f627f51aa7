"""The kinds of values a setting can have: how each is read from text, and how it is described to a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from socket import inet_aton
from typing import NamedTuple
from urllib.parse import urlsplit

from parlour.core.base_path import base_path
from parlour.core.mail_server_address import parse_mail_server, without_mail_password
from parlour.core.relay_address import parse_relay_address, without_secret
from parlour.core.store_address import is_store_address, unknown_key, without_password


class Kind(NamedTuple):
    """One kind of value. `parse` takes stripped text and raises ValueError; the error's text, if any, is the reason."""

    name: str
    """For `--help` and the documentation: `number`, `on|off`, `FILE`."""
    expected: str
    """Completes the sentence "expected …" in an error message."""
    parse: Callable[[str], object]
    is_list: bool = False
    hide: Callable[[str], str] | None = None
    """Makes of a text, which may be no value at all, what may be shown: for kinds that can have a password in them."""


def integer(low: int, high: int) -> Kind:
    """A whole number from `low` to `high`, ASCII digits only."""
    return Kind("number", f"a whole number from {low} to {high}", _number(r"-?[0-9]{1,15}", int, low, high))


def number(low: float, high: float) -> Kind:
    """A decimal number from `low` to `high`, without sign or exponent."""
    parse = _number(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", float, low, high)
    return Kind("number", f"a number from {low:g} to {high:g}", parse)


def _number(pattern: str, read: Callable[[str], float], low: float, high: float) -> Callable[[str], object]:
    def parse(value: str) -> float:
        if not re.fullmatch(pattern, value, re.ASCII) or not low <= read(value) <= high:
            raise ValueError
        return read(value)

    return parse


def choice(*words: str) -> Kind:
    """One of some words."""
    return Kind("|".join(words), "one of " + ", ".join(words), lambda value: words[words.index(value)])


switch = Kind("on|off", "on or off", lambda value: bool(("off", "on").index(value)))


def _parse_path(value: str) -> Path:
    if not value or "\0" in value:
        raise ValueError
    return Path(value).expanduser()


def parse_store(value: str) -> str:
    """Where messages are kept: `sqlite`, `memory`, or the address of a PostgreSQL database."""
    if value in ("sqlite", "memory") or is_store_address(value):
        return value
    key = unknown_key(value)
    raise ValueError(f"there is no ?{key}=" if key else "")


store_kind = Kind(
    "sqlite|memory|URL", "sqlite, memory or postgresql://USER@HOST/DATABASE", parse_store, hide=without_password
)


def parse_relay(value: str) -> str:
    """Read which relay tells the nodes of each other: `notify`, or the addresses of NATS servers."""
    if value != "notify":
        parse_relay_address(value)
    return value


relay_kind = Kind("notify|URL", "notify, nats://HOST or tls://HOST", parse_relay, hide=without_secret)


def parse_mail(value: str) -> str:
    """The address of a mail server."""
    parse_mail_server(value)
    return value


mail_kind = Kind("URL", "smtp://USER:PASSWORD@HOST:PORT or smtps://…", parse_mail, hide=without_mail_password)


def parse_mail_from(value: str) -> str:
    """Read the sender of mail: `Example Chat <chat@example.org>`, or the address alone."""
    from email.errors import HeaderParseError  # here: other commands start faster without
    from email.headerregistry import Address
    from email.utils import parseaddr

    if not value.isprintable():
        raise ValueError
    name, address = parseaddr(value)
    if not address or len(value) > 320:
        raise ValueError
    try:
        Address(name, addr_spec=address)
    except (ValueError, HeaderParseError) as error:
        raise ValueError from error
    return value


mail_from_kind = Kind("ADDRESS", "an e-mail address such as chat@example.org", parse_mail_from)


def _parse_field_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,63}", value, re.ASCII) or value.lower() in _OWN_FIELDS:
        raise ValueError
    return value


_OWN_FIELDS = frozenset(
    ("host", "cookie", "authorization", "origin", "referer", "accept", "connection", "content-length", "content-type")
)
"""Fields that mean something else."""

field_name = Kind("FIELD", "the name of a header field such as X-Remote-User", _parse_field_name)


def path(what: str) -> Kind:
    """A file system path; `what` (FILE, DIR, PATH) is how `--help` names it. A leading `~` is the home directory."""
    return Kind(what, "a path", _parse_path)


def items(name: str, expected: str, parse_item: Callable[[str], str]) -> Kind:
    """A list of texts: on the command line repeated or separated by commas, in a file an array too."""

    def parse(value: str) -> tuple[str, ...]:
        parts = [part.strip() for part in value.split(",")]
        return tuple(parse_item(part) for part in parts if part)

    return Kind(name, expected, parse, is_list=True)


_DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_origin(value: str) -> str:
    """A web origin in the one spelling browsers send (RFC 6454 §6.2): `https://chat.example.org`, `http://[::1]:8080`."""
    parts = urlsplit(value)
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host or not host.isascii() or set(host) & set("*_ "):
        raise ValueError
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError
    shown = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{shown}"
    return f"{parts.scheme}://{shown}:{parts.port}"


def parse_public_url(value: str) -> str:
    """Where people reach the server: an origin, and perhaps the path below which it is. No slash at its end."""
    parts = urlsplit(value)
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise ValueError
    return parse_origin(f"{parts.scheme}://{parts.netloc}") + base_path(parts.path)


public_url = Kind("URL", "an address such as https://example.org/chat", parse_public_url)


_HOST = re.compile(r"[0-9A-Za-z_.:%-]{1,253}", re.ASCII)


def parse_host(value: str) -> str:
    """A host name or address to listen on; an IPv6 address may be in brackets."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not _HOST.fullmatch(bare):
        raise ValueError
    try:
        if ":" in bare:
            IPv6Address(bare)
        elif bare.rpartition(".")[2].isdigit():  # no name ends in a number (WHATWG URL §3.5)
            inet_aton(bare)
    except (OSError, ValueError):
        raise ValueError from None
    return bare
