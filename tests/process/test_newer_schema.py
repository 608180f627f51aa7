"""A newer version has brought the tables forward, as when nodes are updated one by one: what nodes of this one do."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.process.test_exit import check_refused, serve
from tests.process.test_signals import wait_for_log
from tests.support.postgres import program
from tests.support.processes import Processes
from tests.support.server import ServerProcess

NEWER = """
BEGIN;
ALTER TABLE events ADD COLUMN newer TEXT;
ALTER TABLE rooms ADD COLUMN newer INTEGER NOT NULL DEFAULT 7;
INSERT INTO migrations SELECT max(number) + 1, 'newer', '' FROM migrations;
COMMIT;
"""


def bring_forward(database: str) -> None:
    command = [program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", database]
    subprocess.run(command, input=NEWER, text=True, check=True)


def test_a_node_that_runs_goes_on_and_is_not_started_again(tmp_path: Path, database: str) -> None:
    server = ServerProcess(tmp_path / "one", "--store", database)
    with server, server.client() as http, server.operator() as operator:

        def talk(number: int) -> list[object]:
            room = {"title": f"room {number}"}
            return [
                http.post("/lobby", content=f"n{number}").status_code,
                http.post(f"/new{number}", content="first").status_code,
                http.get(f"/lobby?format=json&since={number - 1}").json()["head_seq"],
                operator.patch("/api/v1/rooms/lobby", json=room).json()["title"],
            ]

        assert talk(1) == [201, 201, 1, "room 1"]
        bring_forward(database)
        assert talk(3) == [201, 201, 3, "room 3"]
    check_refused(serve("--port", "0", "--data", tmp_path / "two", "--store", database), "use a newer Parlour")


def test_of_several_nodes_those_that_run_go_on(tmp_path: Path, database: str) -> None:
    with Processes(tmp_path / "data", database) as server:
        bring_forward(database)
        os.kill(server.nodes()[1], signal.SIGKILL)
        wait_for_log(server, 'node_ended node=1 reason=".*use a newer Parlour')
        with server.client() as http:
            assert http.post("/lobby", content="of the other one").status_code == 201
