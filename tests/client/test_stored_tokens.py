"""Tokens are stored for the person who signs in alone, and found by the server that they are for."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from parlour.client.stored_tokens import FILE, StoredToken, StoredTokens, TokensUnusable, server_key
from tests.support.keyring_file import FileKeyring
from tests.support.terminal import clean_environment

SECRET = "parlour_and-the-rest-of-it"  # noqa: S105


def stored(name: str = "ada") -> StoredToken:
    return StoredToken("t_1", name, name.title(), "2027-02-28T06:41:23.123Z", SECRET)


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture
def tokens(tmp_path: Path) -> StoredTokens:
    return StoredTokens(tmp_path / "config" / "parlour")


def test_a_token_is_found_by_its_server_and_by_no_other(tokens: StoredTokens) -> None:
    assert tokens.get("https://chat.example") is None
    assert tokens.put("https://chat.example:443", stored()) == str(tokens.path)
    tokens.put("https://chat.example/team", stored("bob"))
    assert tokens.get("https://chat.example") == stored()
    assert tokens.get("https://chat.example/team") == stored("bob")
    for other in (
        "http://chat.example",
        "https://chat.example:8443",
        "https://chat.example/other",
        "https://evil.example",
    ):
        assert tokens.get(other) is None
    tokens.forget("https://chat.example")
    assert list(tokens.all()) == ["https://chat.example/team"]
    tokens.forget("https://chat.example")


def test_an_address_is_the_same_with_the_port_of_its_scheme_and_its_host_stays() -> None:
    for server in ("http://[::80]", "https://chat.example.org/team", "http://localhost:443"):
        assert server_key(server) == server
    assert server_key("http://[::80]:80") == "http://[::80]"
    assert server_key("https://chat.example.org:443/team") == "https://chat.example.org/team"


def test_a_server_of_this_machine_is_found_by_its_other_names_at_the_same_port(tokens: StoredTokens) -> None:
    local = "http://localhost:8080"
    assert tokens.home(local) == local
    tokens.put("http://127.0.0.1:8080", stored())
    tokens.put("http://localhost", stored())
    assert tokens.home(local) == tokens.home("http://[::1]:8080") == "http://127.0.0.1:8080"
    assert tokens.home("http://127.0.0.1:80") == "http://localhost"
    for other in (
        "http://localhost:8081",
        "https://localhost:8080",
        "http://localhost:8080/team",
        "http://127.0.0.2:8080",
        "http://localhost.example:8080",
        "http://chat.example:8080",
    ):
        assert tokens.home(other) == other
    tokens.put("http://[::1]:8080", stored("bob"))
    assert tokens.home("http://[::1]:8080") == "http://[::1]:8080"
    assert tokens.home(local) == local, "which of the two is not known"


def test_only_its_owner_can_read_the_file(tokens: StoredTokens) -> None:
    before = os.umask(0)
    try:
        tokens.put("https://chat.example", stored())
    finally:
        os.umask(before)
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.directory.stat().st_mode) == 0o700
    assert os.listdir(tokens.directory) == [FILE]
    assert SECRET not in repr(tokens.get("https://chat.example"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_is_refused(tokens: StoredTokens, mode: int) -> None:
    tokens.put("https://chat.example", stored())
    tokens.path.chmod(mode)
    for use in (tokens.all, tokens.check, lambda: tokens.put("https://other.example", stored())):
        with pytest.raises(TokensUnusable, match="Others can read"):
            use()


def test_a_directory_that_others_can_write_is_refused(tokens: StoredTokens) -> None:
    tokens.put("https://chat.example", stored())
    tokens.directory.chmod(0o777)
    with pytest.raises(TokensUnusable, match="Others can write"):
        tokens.check()


def test_what_is_no_file_of_ours_is_refused_and_left_alone(tokens: StoredTokens, tmp_path: Path) -> None:
    tokens.check()
    elsewhere = tmp_path / "elsewhere"
    for make in (
        lambda: tokens.path.write_text("{"),
        lambda: tokens.path.write_text('{"https://chat.example":{"token":1}}'),
        lambda: tokens.path.symlink_to(elsewhere),
        lambda: os.mkfifo(tokens.path, 0o600),
        lambda: tokens.path.mkdir(0o700),
    ):
        make()
        if tokens.path.is_file():
            tokens.path.chmod(0o600)
        with pytest.raises(TokensUnusable):
            tokens.put("https://chat.example", stored())
        assert os.listdir(tokens.directory) == [FILE]
        tokens.path.rmdir() if tokens.path.is_dir() else tokens.path.unlink()
    assert not elsewhere.exists()


def test_a_directory_that_cannot_be_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "parlour").write_text("a file")
    tokens = StoredTokens(tmp_path / "parlour")
    assert tokens.all() == {}
    with pytest.raises(TokensUnusable, match="cannot be used"):
        tokens.check()


def test_the_directory_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert StoredTokens().path == tmp_path / "parlour" / FILE
    monkeypatch.setenv("XDG_CONFIG_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/home/ada")
    assert StoredTokens().path == Path("/home/ada/.config/parlour") / FILE


_MANY = """\
import sys
from collections.abc import Iterator
from pathlib import Path
from parlour.client.stored_tokens import StoredToken, StoredTokens
for number in range(20):
    StoredTokens(Path(sys.argv[1])).put(f"https://{sys.argv[2]}{number}.example", StoredToken("t", "a", "A", "", "x"))
"""


def test_those_who_sign_in_at_the_same_time_lose_nothing(tokens: StoredTokens) -> None:
    command = [sys.executable, "-c", _MANY, str(tokens.directory)]
    running = [subprocess.Popen([*command, name], env=clean_environment()) for name in ("a", "b", "c")]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(tokens.all()) == 60


# --- the keyring ---


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A keyring, and the file in which it keeps what it is given."""
    file = tmp_path / "keyring.json"
    monkeypatch.setenv("PARLOUR_TESTS_KEYRING", str(file))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    yield file
    keyring.set_keyring(before)


def test_where_there_is_a_keyring_the_token_is_in_it_alone(kept: Path, tokens: StoredTokens) -> None:
    assert "keyring" in tokens.put("https://chat.example", stored())
    assert SECRET not in tokens.path.read_text()
    assert json.loads(kept.read_text()) == {"parlour": {"https://chat.example": SECRET}}
    assert tokens.get("https://chat.example:443") == stored()
    tokens.forget("https://chat.example")
    assert json.loads(kept.read_text()) == {"parlour": {}}
    assert tokens.get("https://chat.example") is None


def test_a_keyring_that_fails_is_told_of_and_a_new_token_goes_into_the_file(kept: Path, tokens: StoredTokens) -> None:
    tokens.put("https://chat.example", stored())
    kept.write_text("locked")
    with pytest.raises(TokensUnusable, match="keyring, but it cannot be read"):
        tokens.get("https://chat.example")
    assert tokens.put("https://chat.example", stored("bob")) == str(tokens.path)
    assert tokens.get("https://chat.example") == stored("bob")
    kept.write_text("{}")
    tokens.put("https://chat.example", stored())
    kept.write_text("{}")
    with pytest.raises(TokensUnusable, match="not there any more: sign in again"):
        tokens.get("https://chat.example")
