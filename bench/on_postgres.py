"""Parlour on a PostgreSQL of its own, as one process for the generator: starts both in a folder, and stops both.

    python bench/on_postgres.py FOLDER PROGRAMS COMMAND…

PROGRAMS is the directory with PostgreSQL's programs, COMMAND starts Parlour and gets `--store` appended. PostgreSQL
keeps its defaults, so that it syncs before it answers; it may use every core, as on a machine of its own. FOLDER is
removed at the end.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

USER = "nobody"
"""Who runs PostgreSQL where this runs as root, which it refuses to."""


def main(folder: Path, programs: Path, command: list[str]) -> int:
    """Run until Parlour ends. Returns its exit code."""
    home = folder / "pg"
    home.mkdir()
    as_user: dict[str, Any] = {"user": USER, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    if as_user:
        os.chown(home, pwd.getpwnam(USER).pw_uid, -1)
        folder.chmod(0o711)
    data = home / "data"

    def run(name: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / name), *arguments], check=True, stdout=subprocess.DEVNULL, **as_user, preexec_fn=_any_core
        )

    run("initdb", "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust")
    options = f"-c listen_addresses= -c unix_socket_directories={home}"
    run("pg_ctl", "-D", str(data), "-w", "-s", "-l", str(home / "log"), "-o", options, "start")
    try:
        store = f"postgresql://postgres@/postgres?host={home}"
        with subprocess.Popen([*command, "--store", store]) as parlour:
            signal.signal(signal.SIGTERM, lambda *_: parlour.terminate())
            return parlour.wait()
    finally:
        with suppress(subprocess.CalledProcessError):
            run("pg_ctl", "-D", str(data), "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _any_core() -> None:
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
