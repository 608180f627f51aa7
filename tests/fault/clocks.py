"""A wall clock for a server that a test can set, let stand still, and shake; built from wall_clock.c and preloaded."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.support.server import ServerProcess

SOURCE = Path(__file__).with_name("wall_clock.c")
_FROZEN = 1


class WallClock:
    """The wall clock of the servers that are started with it; it begins with the real time."""

    def __init__(self, directory: Path) -> None:
        self._library = directory / "wall_clock.so"
        self._file = directory / "wall_clock"
        warnings = ("-Wall", "-Wextra", "-Werror")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O", *warnings, "-o", self._library, SOURCE], check=True)
        self._file.write_bytes(bytes(8))
        with self._file.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 8)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._page.close()

    def start(self, server: ServerProcess) -> ServerProcess:
        """Start a server with this clock."""
        mine = {"LD_PRELOAD": str(self._library), "WALL_CLOCK": str(self._file)}
        os.environ.update(mine)
        server.fresh = True  # the library is loaded by an exec
        try:
            return server.start()
        finally:
            for name in mine:
                del os.environ[name]

    def shift(self, seconds: float) -> None:
        """Go, this far from the real time."""
        self._set(int(seconds * 1e9) & ~_FROZEN)

    def set(self, at: datetime) -> None:
        """Go on from this time."""
        self.shift(at.timestamp() - time.time())

    def freeze(self) -> None:
        """Stand still."""
        self._set(int(self.now().timestamp()) * 1_000_000_000 | _FROZEN)

    def now(self) -> datetime:
        """What it shows."""
        (wound,) = struct.unpack("q", self._page[:8])
        return datetime.fromtimestamp(wound / 1e9 + (0 if wound & _FROZEN else time.time()), UTC)

    def _set(self, number: int) -> None:
        struct.pack_into("q", self._page, 0, number)
