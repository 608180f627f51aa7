"""One data directory, one server: a second one is refused in plain words, and the first does not notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support import raw
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

CANNOT_START = 3


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert b" 201 " in say(server, "before")
        second = subprocess.run(
            [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(server.data)],
            env={"PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert second.returncode == CANNOT_START
        assert second.stdout == ""
        (line,) = second.stderr.splitlines()
        assert str(server.data) in line
        assert f"in use by process {server.pid}" in line
        assert "--data" in line
        assert b" 201 " in say(server, "after")
        server.kill()
        server.start()  # what a kill leaves behind does not hold the directory
        page = raw.body(raw.exchange(server.port, raw.head("GET", "/lobby?format=json", "Connection: close")))
        assert [event["text"] for event in json.loads(page)["events"]] == ["before", "after"]


def say(server: ServerProcess, text: str) -> bytes:
    return raw.exchange(server.port, raw.post("/lobby", text.encode(), "Connection: close"))
