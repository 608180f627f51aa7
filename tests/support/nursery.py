"""A process that has imported the program and becomes it by a fork: a start then costs a fifth of the time.

Each process of the tests has one. What is started is a process like any other, with the arguments, the environment and
the standard descriptors that it is given; it waits for its threads and its last lines before it ends. Four things
differ from a start by exec: modules are there already; so are templates and what else the code alone decides; memory is
shared with others until it is written to; and passwords are hashed at next to no cost. Tests of these start the program
themselves, or with `fresh` (tests/support/server.py). Others change the program before it starts, so that it has short
time-outs, or a bug.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from parlour.api.operations import OPERATIONS
from parlour.chat.time_zones import time_zone_name
from parlour.cli.main import _COMMANDS
from parlour.core.impersonation import skeletons
from parlour.core.marks import limit_marks
from parlour.ui.page import TEMPLATE_NAMES, template

ROOT = Path(__file__).resolve().parents[2]

MODULES = ("parlour.process", *(f"parlour.cli.{name}" for name in _COMMANDS))

_NUMBER_BYTES = 8
_DESCRIPTORS = 4


class Forked:
    """A process that the nursery has become; the members are those of subprocess.Popen."""

    def __init__(self, pid: int, status: socket.socket, stdout: IO[str] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("parlour", timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                waiting = select.poll()  # also where thousands of descriptors are open
                waiting.register(self._status, select.POLLIN)
                if waiting.poll(None if timeout is None else timeout * 1000):
                    self.returncode = _read_number(self._status)
                    self._status.close()
            return self.returncode


class Nursery:
    """The parent's side. Its methods may be called by any thread."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        self._lock = threading.Lock()
        code = f"from tests.support.nursery import serve; serve({theirs.fileno()})"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
            )

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        stdout: IO[str] | None = None,
        changes: Sequence[str] = (),
    ) -> Forked:
        """Start `parlour` with these arguments; `descriptors` are its standard ones, `stdout` what reads the second.

        `changes` are functions that are called before, as `module:name`.
        """
        status, theirs = socket.socketpair()
        wish = {"arguments": [*arguments], "environment": {**environment}, "directory": os.getcwd()}
        wish["changes"] = [*changes]
        data = json.dumps(wish).encode()
        with self._lock:
            head = len(data).to_bytes(_NUMBER_BYTES, "big")
            socket.send_fds(self._line, [head], [*descriptors, theirs.fileno()])
            self._line.sendall(data)
        theirs.close()
        return Forked(_read_number(status), status, stdout)

    def close(self) -> None:
        """End it; what it has become goes on."""
        self._line.close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """The one of this process."""
    made = Nursery()
    atexit.register(made.close)
    return made


def _read_number(status: socket.socket) -> int:
    data = status.recv(_NUMBER_BYTES)
    assert len(data) == _NUMBER_BYTES, "the nursery is gone"
    return int.from_bytes(data, "big", signed=True)


def _write_number(status: int, number: int) -> None:
    os.write(status, number.to_bytes(_NUMBER_BYTES, "big", signed=True))


# --- in the nursery ---


def serve(line_descriptor: int) -> None:
    """Fork for every wish that comes, until the parent is gone."""
    for module in MODULES:
        import_module(module)
    import_module("parlour.chat.passwords").PARAMETERS = 1, 8, 1  # type: ignore[attr-defined]
    _derive()
    gc.collect()
    gc.freeze()  # or the collector would write to what is shared
    line = socket.socket(fileno=line_descriptor)
    while True:
        head, descriptors, _, _ = socket.recv_fds(line, _NUMBER_BYTES, _DESCRIPTORS)
        _forget_keepers()
        if not head:
            return
        wish = json.loads(line.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL))
        if os.fork() == 0:
            line.detach()
            _keep(wish, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _derive() -> None:
    """What a server makes of its own tables and templates when it needs it first: more than all else of a start."""
    for operation in OPERATIONS:
        assert operation.takes_ticket in (True, False)
    for name in TEMPLATE_NAMES:
        template(name)
    skeletons("\u043e")
    limit_marks("")
    time_zone_name("UTC")


def _forget_keepers() -> None:
    """Let those go that have ended; what they and their servers have cost counts as ours (getrusage(2))."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _keep(wish: dict[str, Any], descriptors: list[int]) -> None:
    """Become the program in one more fork, and tell the parent how it ends: its id stays taken until that is read."""
    status = descriptors[-1]
    pid = os.fork()
    if pid == 0:
        _become(wish, descriptors[:-1])
    _close_all_but(status)
    _write_number(status, pid)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    with suppress(OSError):  # the parent is gone
        _write_number(status, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        os.read(status, 1)
    os.waitpid(pid, 0)
    os._exit(0)


def _become(wish: dict[str, Any], standard: list[int]) -> None:
    """Run the command, and end."""
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
    _close_all_but()
    os.chdir(wish["directory"])
    os.environ.clear()
    os.environ.update(wish["environment"])
    time.tzset()
    sys.argv[:] = ["parlour", *wish["arguments"]]
    for change in wish["changes"]:
        module, _, name = change.partition(":")
        getattr(import_module(module), name)()
    try:
        import_module("parlour.cli.main").main()
    except SystemExit as end:
        # What Python does at its end (Py_FinalizeEx); but it would free all modules, and copy each page for that.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        os._exit(int(end.code or 0))


def _close_all_but(*kept: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number not in kept and (kept or number > 2):
            try:
                os.close(number)
            except OSError:  # the one by which the list was read
                continue
