"""What PostgreSQL's own tools bring back: the same messages under another epoch, for the last ones may be missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.postgres import PostgresProcess, program
from tests.support.server import ServerProcess
from tests.support.timeout import wait_until

KEYED = {"Idempotency-Key": "key-00000001"}


@pytest.fixture
def original() -> Iterator[PostgresProcess]:
    postgres = PostgresProcess().start()
    try:
        yield postgres
    finally:
        postgres.remove()


@contextmanager
def base_backup(original: PostgresProcess, *settings: str, signal: str = "") -> Iterator[PostgresProcess]:
    """A cluster made from a backup of the files, in recovery if the file that asks for that is named; not started."""
    made = PostgresProcess(*settings, copy_of=original)
    if signal:
        flag = made.data / signal
        flag.touch()
        os.chown(flag, made.data.stat().st_uid, -1)
    try:
        yield made
    finally:
        made.remove()


def post(server: ServerProcess, text: str, headers: dict[str, str] | None = None) -> str:
    """Send a message; gives its address."""
    with server.client() as http:
        return http.post("/lobby", content=text, headers=headers).headers["location"]


def say_before(data: Path, url: str) -> str:
    """A message that is in the backup; gives the epoch."""
    with ServerProcess(data, "--store", url) as server:
        assert post(server, "before", KEYED) == "/lobby/1"
        return epoch_of(server)


def say_after(data: Path, url: str) -> None:
    """A message that is not."""
    with ServerProcess(data, "--store", url) as server:
        assert post(server, "after") == "/lobby/2"


def epoch_of(server: ServerProcess) -> str:
    with server.client() as http:
        return str(http.get("/lobby?format=json").json()["epoch"])


def check_new_epoch(data: Path, url: str, epoch: str) -> None:
    """Who knew the message that is gone starts again, and reads another one under its number."""
    with ServerProcess(data, "--store", url) as server, server.client() as http:
        assert post(server, "before", KEYED) == "/lobby/1", "the key finds its message"
        assert post(server, "instead") == "/lobby/2"
        gone = http.get(f"/lobby?format=json&since={epoch}.2")
        assert (gone.status_code, gone.json()["reason"]) == (410, "epoch_changed")
        assert [event["text"] for event in http.get("/lobby?format=json&since=0").json()["events"]] == [
            "before",
            "instead",
        ]
    assert "new_epoch" in server.log


def test_a_dump_in_another_cluster(original: PostgresProcess, empty_database: str, tmp_path: Path) -> None:
    epoch = say_before(tmp_path / "one", original.url())
    dump = subprocess.run([program("pg_dump"), original.url()], capture_output=True, check=True).stdout
    say_after(tmp_path / "one", original.url())
    subprocess.run([program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", empty_database], input=dump, check=True)
    check_new_epoch(tmp_path / "two", empty_database, epoch)


@pytest.mark.long
def test_a_base_backup_that_is_recovered(original: PostgresProcess, tmp_path: Path) -> None:
    epoch = say_before(tmp_path / "one", original.url())
    with base_backup(original, "restore_command=false", signal="recovery.signal") as restored:
        say_after(tmp_path / "one", original.url())
        restored.start()
        wait_until(lambda: restored.sql("SELECT pg_is_in_recovery()") == "f")
        check_new_epoch(tmp_path / "two", restored.url(), epoch)


@pytest.mark.long
def test_a_replica_that_takes_over(original: PostgresProcess, tmp_path: Path) -> None:
    epoch = say_before(tmp_path / "one", original.url())
    source = f"primary_conninfo=host={original.directory} user=postgres"
    with base_backup(original, source, signal="standby.signal") as replica:
        original.kill()
        replica.start()
        replica.sql("SELECT pg_promote()")
        check_new_epoch(tmp_path / "two", replica.url(), epoch)


@pytest.mark.long
def test_a_base_backup_that_is_only_started_needs_to_be_told(original: PostgresProcess, tmp_path: Path) -> None:
    """Nothing in it differs from the original after a crash: docs/postgresql.md says how to tell."""
    epoch = say_before(tmp_path / "one", original.url())
    with base_backup(original) as restored:
        say_after(tmp_path / "one", original.url())
        restored.start()
        with ServerProcess(tmp_path / "two", "--store", restored.url()) as server:
            assert epoch_of(server) == epoch
        restored.sql("DELETE FROM meta WHERE name = 'place'")
        check_new_epoch(tmp_path / "two", restored.url(), epoch)
