"""The keyring of a desktop, through the library `keyring`, if that is installed and knows one: tokens are kept in it.

It is imported when it is needed first: that takes a tenth of a second, and most machines have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "parlour"
"""Under which name entries are found in the keyring; the address of the server is what it calls the user."""


class KeyringFailed(Exception):
    """The keyring does not do what it is asked; `str()` says why, and holds no secret."""


class Keyring:
    """One that people use: of GNOME, KDE, macOS, Windows. Its methods raise KeyringFailed."""

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def __str__(self) -> str:
        return f"the keyring ({self._backend.name})"

    def get(self, server: str) -> str | None:
        """The token that is kept for a server."""
        try:
            return self._backend.get_password(SERVICE, server)
        except Exception as error:  # of whichever library the keyring is behind
            raise KeyringFailed(f"it cannot be read: {_reason(error)}") from error

    def set(self, server: str, token: str) -> None:
        """Keep a token, in place of the one before."""
        try:
            self._backend.set_password(SERVICE, server, token)
        except Exception as error:
            raise KeyringFailed(f"nothing can be kept in it: {_reason(error)}") from error

    def forget(self, server: str) -> None:
        """Keep no token for a server."""
        try:
            if self._backend.get_password(SERVICE, server) is not None:
                self._backend.delete_password(SERVICE, server)
        except Exception as error:
            raise KeyringFailed(f"nothing can be taken out of it: {_reason(error)}") from error


def find_keyring() -> Keyring | None:
    """The keyring of this machine; None if there is none, or the library is not installed."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        backend = keyring.get_keyring()
        is_good = float(backend.priority) >= 1  # as `keyring.core.recommended`: one that keeps secrets, and works here
    except Exception:
        return None
    return Keyring(backend) if is_good else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
