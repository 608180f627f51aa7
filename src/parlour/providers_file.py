"""Reads the file of sign-in providers (`--sign-in-providers`), and the secrets in the files that it names."""

from __future__ import annotations

import tomllib
from pathlib import Path

from parlour.core.providers import MAX_PROVIDERS, Provider, provider_of


class ProvidersError(Exception):
    """Something in the file is wrong; the text says what and where, and no secret."""


def read_providers(file: Path) -> tuple[Provider, ...]:
    """The providers, in the order in which people are shown them. Raises ProvidersError.

    A secret is in a file of its own, named relative to this one, so that this one may be read by others.
    """
    try:
        with file.open("rb") as stream:
            found = tomllib.load(stream)
    except OSError as error:
        raise ProvidersError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProvidersError(f"{file} is not TOML: {error}") from error
    rows = found.pop("provider", [])
    if found or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProvidersError(f"{file} has tables [[provider]] and nothing else")
    if not 1 <= len(rows) <= MAX_PROVIDERS:
        raise ProvidersError(f"{file} names 1 to {MAX_PROVIDERS} providers")
    providers = []
    for number, row in enumerate(rows, 1):
        try:
            providers.append(provider_of(row, _secret(file, row.get("client_secret_file"))))
        except ValueError as error:
            raise ProvidersError(f"provider {number} in {file}: {error}") from error
    for what in ("id", "issuer"):
        if len({getattr(each, what) for each in providers}) < len(providers):
            raise ProvidersError(f"two providers in {file} have the same {what}")
    return tuple(providers)


def _secret(file: Path, name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or not name:
        raise ValueError("client_secret_file is the name of a file")
    place = file.parent / Path(name).expanduser()
    try:
        secret = place.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"cannot read {place}: {why}") from error
    if not secret or not secret.isprintable():
        raise ValueError(f"{place} has one secret in one line")
    return secret
