"""The parts of a sign-in with a provider; the libraries that it takes are loaded only where one is configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class ProviderFailed(Exception):
    """A provider cannot be asked, or what it says does not count. The text says why, for the log."""


class Started(NamedTuple):
    """A sign-in that has begun here, kept by the browser: what has to come back, and the proof key (RFC 7636)."""

    state: str
    nonce: str
    verifier: str


class IdToken(NamedTuple):
    """Who has signed in: `subject` is theirs alone at the issuer, for ever. `auth_time` is when they were last asked
    who they are, in seconds since 1970; None if the provider does not say.
    """

    subject: str
    auth_time: int | None
    claims: Mapping[str, Any]


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """The e-mail address that the provider says it has verified; None for any other."""
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified") is True else None
