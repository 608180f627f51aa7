"""The processes that hash passwords: of the lowest priority, replaced when they are killed, gone with the server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from parlour.chat.hash_child import LOWEST_PRIORITY, HashingProcesses
from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.support.server import ServerProcess
from tests.support.timeout import wait_until

CHEAP = (1, 8, 1)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for child in (task / "children").read_text().split()
    ]


def test_a_process_that_was_killed_is_replaced() -> None:
    before = children(os.getpid())
    processes = HashingProcesses(CHEAP)
    stored = processes.hash(PASSWORD)
    (child,) = set(children(os.getpid())) - set(before)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, child) == min(own + LOWEST_PRIORITY, 19)
    assert PASSWORD.encode() not in Path(f"/proc/{child}/cmdline").read_bytes()
    os.kill(child, signal.SIGKILL)
    assert processes.is_right(stored, PASSWORD)
    assert not processes.is_right(stored, "another one")
    assert not processes.is_right("no hash", PASSWORD)
    processes.close()
    assert children(os.getpid()) == before


def test_they_are_there_from_the_first_password_on_and_end_with_the_server(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", fresh=True)
    with server:
        assert children(server.pid) == []
        town = Town(server)
        hashing = children(server.pid)
        assert hashing
        town.close()
        server.kill()
        wait_until(lambda: not any(is_running(child) for child in hashing))
        server.start()


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
