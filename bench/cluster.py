"""Several nodes of Parlour on one PostgreSQL, started in a folder and stopped again: what one process is elsewhere.

PostgreSQL keeps its defaults, so that it syncs before it answers. It may use every core, as on a machine of its own,
unless told otherwise; the nodes share one, unless each is given its own.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USER = "nobody"
"""Who runs PostgreSQL where this runs as root, which it refuses to."""

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 15.0
LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Plan:
    """What a cluster is made of, and where it runs: `cores` of the nodes, of PostgreSQL with what carries news."""

    nodes: int
    relay: Callable[[Path], tuple[list[str], str]] | None = None  # a folder to the command and the address; else NOTIFY
    node_cores: frozenset[int] = frozenset({0})
    database_cores: frozenset[int] = field(default_factory=lambda: frozenset(range(os.cpu_count() or 1)))


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that answers: the ports of its nodes, and the processes of its parts by name."""

    ports: tuple[int, ...]
    families: dict[str, tuple[int, ...]]


@contextlib.contextmanager
def running(
    plan: Plan, folder: Path, programs: Path, serve: Callable[[Path], list[str]], environment: dict[str, str]
) -> Iterator[Cluster]:
    """Run the cluster in `folder` until the block ends.

    `programs` is the directory with those of PostgreSQL. `serve` makes the command of a node from its folder, and gets
    `--store` appended. Raises RuntimeError with a part's own words when it does not start.
    """
    with contextlib.ExitStack() as stack:
        database, address = stack.enter_context(_postgres(folder, programs, plan.database_cores))
        families = {"postgresql": (database,)}
        arguments = ["--store", address]
        if plan.relay is not None:
            command, relay = plan.relay(folder)
            started = stack.enter_context(_process(command, folder / "relay.log", plan.database_cores))
            _wait(lambda: "Server is ready" in _text(folder / "relay.log"), started, folder / "relay.log")
            families["relay"] = (started.pid,)
            arguments += ["--relay", relay]
        nodes, ports = [], []
        for number in range(plan.nodes):
            home = folder / f"node{number}"
            home.mkdir()
            log = home / "output.log"
            node = _process([*serve(home), *arguments], log, plan.node_cores, environment)
            nodes.append(stack.enter_context(node))
            _wait(lambda log=log: _port(log), nodes[-1], log)  # type: ignore[misc]
            ports.append(_port(log))
        yield Cluster(tuple(ports), {"node": tuple(node.pid for node in nodes), **families})


@contextlib.contextmanager
def _postgres(folder: Path, programs: Path, cores: frozenset[int]) -> Iterator[tuple[int, str]]:
    """Run a new PostgreSQL; gives the id of its first process, whose children are all others, and its address."""
    home = folder / "pg"
    home.mkdir()
    as_user: dict[str, Any] = {"user": USER, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    if as_user:
        os.chown(home, pwd.getpwnam(USER).pw_uid, -1)
        folder.chmod(0o711)
        programs = _open_to_all(programs, folder)
    data, log = home / "data", folder / "postgresql.log"
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **as_user)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={home}"]
    with _process([str(programs / "postgres"), "-D", str(data), *options], log, cores, **as_user) as process:
        _wait(lambda: "ready to accept connections" in _text(log), process, log)
        yield process.pid, f"postgresql://postgres@/postgres?host={home}"


def _open_to_all(programs: Path, folder: Path) -> Path:
    """Where the programs are for USER: a copy in `folder` if they are in a place for root alone."""
    if all(each.stat().st_mode & 0o001 for each in (programs, *programs.parents)):
        return programs
    package = programs.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):  # they look for their libraries beside themselves
        shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / programs.relative_to(package.parent)


@contextlib.contextmanager
def _process(
    command: Sequence[str],
    log: Path,
    cores: frozenset[int],
    environment: dict[str, str] | None = None,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on some cores; SIGINT ends it, and PostgreSQL without waiting for its clients."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: _prepare(cores),
            **options,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _prepare(cores: frozenset[int]) -> None:
    os.sched_setaffinity(0, cores)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _wait(is_there: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a part of the cluster did not start:\n{_text(log)}")
        time.sleep(LOOK_S)


def _port(log: Path) -> int:
    found = re.search(r"Listening on http://127\.0\.0\.1:(\d+)", _text(log))
    return int(found.group(1)) if found else 0


def _text(log: Path) -> str:
    return log.read_text() if log.exists() else ""
