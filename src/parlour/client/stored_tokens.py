"""The tokens of the servers that a person has signed in to from this machine: in one file, or in the keyring.

A token is found by the address of its server, so it is sent nowhere else.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from urllib.parse import SplitResult, urlsplit

import msgspec

from parlour.client.keyrings import KeyringFailed, find_keyring

FILE = "sign-ins.json"
MAX_BYTES = 1024 * 1024

_PORTS = {"http": 80, "https": 443}


class TokensUnusable(ValueError):
    """What is stored cannot be used, or nothing can be stored; `str()` is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token, and what is known of it: the name of its account, how that is shown, and when it ends.

    `token` is None where it is in the keyring.
    """

    id: str
    name: str
    display: str
    expires: str
    token: str | None = field(repr=False)


class StoredTokens:
    """The file in a directory, by default that of the person who runs this program. Raises TokensUnusable.

    Without a file nobody is signed in. It is made with mode 0600, in a directory with 0700, and replaced as a whole.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = _directory(os.environ) if directory is None else directory
        self.path = self.directory / FILE

    def all(self) -> dict[str, StoredToken]:
        """The stored tokens, by the address of the server; the keyring is not asked."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise TokensUnusable(f"{self.path} cannot be read: {_reason(error)}.") from error
        try:
            self._check_owner(os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return msgspec.json.decode(file.read(MAX_BYTES), type=dict[str, StoredToken])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TokensUnusable(f"{self.path} cannot be read: remove it, and sign in again.") from error
        finally:
            os.close(descriptor)

    def get(self, server: str) -> StoredToken | None:
        """The token of a server, from the keyring if it is there; None if nobody has signed in to it from here."""
        stored = self.all().get(server_key(server))
        if stored is None or stored.token is not None:
            return stored
        keyring = find_keyring()
        trouble = "there is none now"
        if keyring is not None:
            try:
                token = keyring.get(server_key(server))
            except KeyringFailed as error:
                trouble = str(error)
            else:
                if token is not None:
                    return StoredToken(stored.id, stored.name, stored.display, stored.expires, token)
                trouble = "it is not there any more"
        raise TokensUnusable(f"The token for {server} is in the keyring, but {trouble}: sign in again.")

    def home(self, server: str) -> str:
        """The address that a server has where a token is stored for it; `server` where none is, or where several are.

        That of the server itself, or one by another name of this machine. The token is for that address: it is to be
        sent there, because another program may listen at the same port of another one.
        """
        stored, key = self.all(), server_key(server)
        same = [each for each in stored if _by_any_loopback(each) == _by_any_loopback(key)]
        return same[0] if key not in stored and len(same) == 1 else key

    def check(self) -> None:
        """See whether something can be stored."""
        with self._changing():
            pass

    def put(self, server: str, token: StoredToken) -> str:
        """Store the token of a server, in place of the one before. Returns where it is, for a person."""
        assert token.token is not None  # else there is nothing to store
        key, where = server_key(server), str(self.path)
        keyring = find_keyring()
        if keyring is not None:
            with suppress(KeyringFailed):  # locked, or of another session: the file does as well
                keyring.set(key, token.token)
                token, where = StoredToken(token.id, token.name, token.display, token.expires, None), str(keyring)
        with self._changing() as stored:
            stored[key] = token
        return where

    def forget(self, server: str) -> None:
        """Store nothing for a server."""
        key = server_key(server)
        with self._changing() as stored:
            found = stored.pop(key, None)
            if found is not None and found.token is None and (keyring := find_keyring()) is not None:
                with suppress(KeyringFailed):  # it has ended anyway
                    keyring.forget(key)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, StoredToken]]:
        """What is stored, to be changed; written when the block is left, while no other process writes."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise TokensUnusable(f"{self.directory} cannot be used: {_reason(error)}.") from error
        try:
            state = os.fstat(lock)
            if state.st_uid != os.geteuid():
                raise TokensUnusable(f"{self.directory} is of another user, so nothing is stored there.")
            if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise TokensUnusable(f"Others can write in {self.directory}: chmod 700 it.")
            self._wait_for(lock)
            stored = self.all()
            before = dict(stored)
            yield stored
            if stored != before:
                self._write(stored, lock)
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        """Wait until no other process writes."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:  # of a file system that has no locks
            raise TokensUnusable(f"{self.directory} cannot be locked: {_reason(error)}.") from error

    def _write(self, stored: Mapping[str, StoredToken], directory: int) -> None:
        text = json.dumps({server: asdict(token) for server, token in stored.items()}, indent=1) + "\n"
        temporary = f".{FILE}.{token_hex(8)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, FILE, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise TokensUnusable(f"{self.path} cannot be written: {_reason(error)}.") from error

    def _check_owner(self, state: os.stat_result) -> None:
        if not stat.S_ISREG(state.st_mode):
            raise TokensUnusable(f"{self.path} is no file.")
        if state.st_uid != os.geteuid():
            raise TokensUnusable(f"{self.path} is of another user, so it is not used.")
        if stat.S_IMODE(state.st_mode) & 0o077:
            raise TokensUnusable(
                f"Others can read {self.path}, so it is not used: end its tokens on the page of your account, remove "
                "it, and sign in again."
            )


def server_key(server: str) -> str:
    """The address of a server in one spelling: without the port that its scheme has anyway."""
    parts = urlsplit(server)
    if parts.port is None or parts.port != _PORTS.get(parts.scheme):
        return server
    return parts._replace(netloc=parts.netloc.removesuffix(f":{parts.port}")).geturl()


_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def _by_any_loopback(server: str) -> SplitResult:
    """An address in which it does not matter by which of its names this machine is called; its port does."""
    parts = urlsplit(server)
    if parts.hostname not in _LOOPBACK_NAMES:
        return parts
    return parts._replace(netloc=f"localhost:{parts.port or _PORTS[parts.scheme]}")


def _directory(environment: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/parlour`, which is an absolute path, else `~/.config/parlour` (XDG Base Directory 0.8)."""
    given = environment.get("XDG_CONFIG_HOME", "")
    if given.startswith("/"):
        return Path(given) / "parlour"
    try:
        return Path.home() / ".config" / "parlour"
    except RuntimeError as error:
        raise TokensUnusable("There is no home directory: set XDG_CONFIG_HOME, or PARLOUR_TOKEN.") from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
