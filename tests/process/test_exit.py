"""How a server that cannot start says so: one clear line, an exit code of its own, and nothing left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S


def serve(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to end by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARLOUR_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "parlour", "serve", *map(str, arguments)],
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def check_refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 3, nothing on standard output, and one line that says why and what to do."""
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if " WARNING " not in line]
    assert line.startswith("parlour: ")
    assert all(part in line for part in parts), line


def test_a_taken_port_leaves_no_data_directory(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve("--port", str(port), "--data", tmp_path / "data")
    check_refused(done, f"Another program listens on 127.0.0.1:{port} already", "choose another port")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_certificate_is_named(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "one")
    cert.write_text("hello")
    data = tmp_path / "data"
    done = serve("--port", "0", "--data", data, "--tls-cert", cert, "--tls-key", key)
    check_refused(done, str(cert), "cannot be used")
    done = serve("--port", "0", "--data", data, "--tls-cert", tmp_path / "absent.pem", "--tls-key", key)
    check_refused(done, f"Cannot read {tmp_path / 'absent.pem'}: No such file")
    assert not data.exists()


def test_a_data_directory_in_use_names_its_holder_and_disturbs_nobody(server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    done = serve("--port", "0", "--data", server.data, "--unix-socket", path)
    check_refused(done, f"{server.data} is in use by process {server.pid}", "choose another directory with --data")
    assert not path.exists()
    answer = raw.exchange(server.port, raw.post("/lobby", b"still here", "Connection: close"))
    assert raw.status(answer) == 201
    server.kill()
    server.start()  # a dead holder holds nothing


def test_data_of_a_newer_version_is_left_as_it_is(server: ServerProcess) -> None:
    server.stop()
    database = server.data / "parlour.db"
    connection = apsw.Connection(str(database))
    connection.execute("INSERT INTO migrations VALUES (99, 'from the future', 'unknown')")
    connection.close()
    before = database.read_bytes()
    done = serve("--port", "0", "--data", server.data)
    check_refused(done, "schema 99", "use a newer Parlour")
    assert database.read_bytes() == before


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "parlour.db").write_bytes(b"a diary, not a database\n" * 1000)
    done = serve("--port", "0", "--data", data)
    check_refused(done, str(data))
    assert (data / "parlour.db").read_bytes() == b"a diary, not a database\n" * 1000


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    done = serve("--port", "0", "--data", tmp_path / "file")
    check_refused(done, f"{tmp_path / 'file'} cannot be used")
    done = serve("--port", "0", "--data", tmp_path / "file" / "data")
    check_refused(done, "cannot be used", "Not a directory")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--port", "99999"], "--port: expected a whole number from 0 to 65535"),
        (["--access", "some"], "--access: expected one of open, members"),
        (["--tls-cert", "a.pem"], "a certificate and its key are given together"),
        (["--no-such-thing"], "No such option"),
    ],
)
def test_a_wrong_setting_ends_with_2(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = serve(*arguments, "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_unix_socket_goes_away_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    with ServerProcess(tmp_path / "data", "--unix-socket", str(path)) as server:
        assert path.is_socket()
        assert server.stop() == 0
    assert not path.exists()
