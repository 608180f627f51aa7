"""Statements of a browser and its authenticator about a passkey, and where passkeys work (WebAuthn level 3)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from parlour.core.errors import Refusal

Purpose: TypeAlias = Literal["sign_in", "second_step", "confirm", "add"]
"""What a passkey is asked for: signing in without a password, as the second factor, once more, or to be set up."""


class Place(NamedTuple):
    """Where passkeys are used: the origin of the pages, and the name of its host, which a passkey is bound to."""

    origin: str
    rp: str


class Assertion(NamedTuple):
    """A signature of an authenticator (WebAuthn §5.2.2). `user` is the user handle, None where there is none."""

    credential: str
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user: bytes | None


class Attestation(NamedTuple):
    """A new passkey as the authenticator describes it (WebAuthn §5.2.1)."""

    credential: str
    client_data: bytes
    attestation: bytes


def place_of(origin: str) -> Place:
    """Where a server is that people reach at this origin.

    Raises Refusal("forbidden") for an address without a name: browsers have no passkeys there (WebAuthn §5.1.2).
    """
    host = urlsplit(origin).hostname or ""
    if not host or _is_number(host):
        raise Refusal("forbidden", "Passkeys need a name of the server, not a number: open it by its name (localhost).")
    return Place(origin, host)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
