"""Clients that come as npm packages: installed beside their lock, when they are first asked for."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

NPM = Path(__file__).with_name("npm")


def install() -> None:
    """Have npm install what its lock says, once for each lock; whoever else wants that now waits."""
    stamp = NPM / "node_modules" / "stamp"
    with (NPM / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = lock.read()
        if not stamp.is_file() or stamp.read_bytes() != wanted:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=NPM, check=True)
            stamp.write_bytes(wanted)
