"""A server whose standard input, output or error is closed, full or gone serves all the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.terminal import clean_environment, parlour_command
from tests.support.timeout import TIMEOUT_S, wait_until

REDIRECTIONS = {
    "stdin closed": "<&-",
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "both outputs closed": ">&- 2>&-",
    "stdout full": ">/dev/full",
    "both outputs full": ">/dev/full 2>/dev/full",
}


def under(redirection: str, *arguments: str) -> list[str]:
    """A command line that runs `parlour` with these redirections of a shell."""
    return ["sh", "-c", f'exec "$@" {redirection}', "sh", *parlour_command(*arguments)]


@contextmanager
def running(command: list[str], path: Path, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is up as soon as its Unix socket is; it must end with 0."""
    process = subprocess.Popen(command, env=clean_environment(), stdout=stdout, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: path.exists() or process.poll() is not None)
        assert path.exists(), process.communicate()
        yield process
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        _, errors = process.communicate()
    assert b"Traceback" not in errors
    assert b"Exception" not in errors


def serve(path: Path) -> list[str]:
    return ["serve", "--host", "none", "--unix-socket", str(path), "--data", str(path.with_name("data"))]


def check_serves(path: Path) -> None:
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost", timeout=TIMEOUT_S
    ) as http:
        assert http.post("/lobby", content="hello").status_code == 201
        assert "hello" in http.get("/lobby").text


@pytest.mark.parametrize("redirection", REDIRECTIONS.values(), ids=REDIRECTIONS)
def test_it_serves_and_ends_well(redirection: str, tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    with running(under(redirection, *serve(path)), path) as process:
        check_serves(path)
        for number in range(3):
            held = os.readlink(f"/proc/{process.pid}/fd/{number}")
            assert "parlour.db" not in held
            assert not held.startswith(("socket:", "anon_inode:")), "a socket of its own took the place of a closed one"


def test_it_serves_when_the_reader_of_its_banner_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    reader, writer = os.pipe()
    os.close(reader)
    with running(parlour_command(*serve(path)), path, stdout=writer):
        os.close(writer)
        check_serves(path)
