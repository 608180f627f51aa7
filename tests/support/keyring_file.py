"""A keyring for the library `keyring` that keeps what it is given in a file, in place of that of a desktop."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeyring(KeyringBackend):
    """As good as that of a desktop. It is locked when the file holds the word `locked`."""

    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(service, {}).get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        kept = self._read()
        kept.setdefault(service, {})[username] = password
        self._file.write_text(json.dumps(kept))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        if kept.get(service, {}).pop(username, None) is None:
            raise PasswordDeleteError(username)
        self._file.write_text(json.dumps(kept))

    @property
    def _file(self) -> Path:
        return Path(os.environ["PARLOUR_TESTS_KEYRING"])

    def _read(self) -> dict[str, dict[str, str]]:
        text = self._file.read_text() if self._file.exists() else "{}"
        if text == "locked":
            raise KeyringLocked("the keyring is locked")
        found: dict[str, dict[str, str]] = json.loads(text)
        return found
