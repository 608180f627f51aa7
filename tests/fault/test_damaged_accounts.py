"""A server that cannot read who has an account says so and does not start: nobody is let in instead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from parlour.store.sqlite.check import check
from tests.people.server import Town
from tests.support.records import as_image
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

PAGE = 4096
CANNOT_START = 3


def _zero(database: Path) -> None:
    connection = apsw.Connection(str(database))
    first = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'accounts'").get
    connection.close()
    with database.open("r+b") as file:
        file.seek((first - 1) * PAGE)
        file.write(bytes(PAGE))


def _no_text(database: Path) -> None:
    connection = apsw.Connection(str(database))
    connection.execute("UPDATE accounts SET display = CAST(x'ff' AS TEXT)")
    connection.close()


def _another_column(database: Path) -> None:
    data = database.read_bytes()
    database.write_bytes(data.replace(b"display TEXT NOT NULL", b"displax TEXT NOT NULL"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a server with people, which has stopped."""
    with ServerProcess(tmp_path_factory.mktemp("made") / "data") as server:
        Town(server).close()
    return server.data


@pytest.mark.parametrize("damage", [_zero, _no_text, _another_column])
def test_a_server_whose_accounts_cannot_be_read_does_not_start_and_names_the_file(
    tmp_path: Path, made: Path, damage: Callable[[Path], None]
) -> None:
    data = as_image(made, tmp_path / "data")
    damage(data / "parlour.db")
    assert not check(data).is_ok
    command = [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == CANNOT_START
    assert f"The accounts in {data}/parlour.db cannot be read" in done.stderr
    assert "uncaught" not in done.stderr
