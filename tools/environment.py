"""Makes a virtual environment from a lock file with hashes, for the scripts in the root directory; stdlib only.

Usage: environment.py ROOT VENV LOCK SOURCE. The environment is built beside its place and moved there when it is
complete, so what stands in the place is never half made. Starts at the same time wait for one another. An environment
that somebody else made there is kept: what the lock pins is installed into it. SOURCE is the part in C; it is compiled
too, if there is a compiler.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

STAMP = "parlour.stamp"
"""Written last: the root, the lock and the C source that it was made for; tools/environment.sh compares it."""

COMPILE = ("-O2", "-std=c17", "-D_DEFAULT_SOURCE", "-shared", "-fPIC")


def main() -> int:
    """Make the environment, unless another process did so while we waited. Returns the exit code."""
    root, place, lock, source = (Path(argument) for argument in sys.argv[1:5])
    wanted = os.fsencode(root) + b"\n" + lock.read_bytes() + source.read_bytes()
    try:
        with open(f"{place}.lock", "w", encoding="ascii") as waiting:
            fcntl.flock(waiting, fcntl.LOCK_EX)
            if not _is_ready(place, wanted):
                compile_library(source)
                _make(root, place, lock, wanted)
    except subprocess.CalledProcessError as error:
        _say(f"preparing {place} failed: `{shlex.join(map(str, error.cmd))}` ended with {error.returncode}")
        return 1
    except OSError as error:
        _say(f"preparing {place} failed: {error}")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"parlour: {text}\n")
    sys.stderr.flush()


def _is_ready(place: Path, wanted: bytes) -> bool:
    stamp = place / STAMP
    return _can_run(place / "bin/python") and stamp.is_file() and stamp.read_bytes() == wanted


def _can_run(python: Path) -> bool:
    probe = "import sys; sys.exit(sys.version_info < (3, 11))"
    if not os.access(python, os.X_OK):
        return False
    done = subprocess.run([python, "-I", "-c", probe], check=False, stderr=subprocess.DEVNULL)  # noqa: S603
    return done.returncode == 0


def _make(root: Path, place: Path, lock: Path, wanted: bytes) -> None:
    begun = time.monotonic()
    version = ".".join(map(str, sys.version_info[:3]))
    is_foreign = _can_run(place / "bin/python") and not (place / STAMP).exists()
    if is_foreign:
        _say(f"installing {lock.name} into {place}, once")
        _fill(root, place, place, lock)
    else:
        _say(f"preparing {place} with Python {version}, once")
        for left in place.parent.glob(f"{place.name}.new-*"):  # by a start that was killed; we hold the lock
            shutil.rmtree(left)
        fresh = Path(tempfile.mkdtemp(prefix=f"{place.name}.new-", dir=place.parent))
        try:
            venv.create(fresh, with_pip=True, symlinks=True)
            _fill(root, fresh, place, lock)
            (fresh / STAMP).write_bytes(wanted)
            _move(fresh, place)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    (place / STAMP).write_bytes(wanted)
    _say(f"ready after {time.monotonic() - begun:.0f} s")


def compile_library(source: Path) -> None:
    """Make the shared library `_NAME.so` of NAME.c; the server does without where that fails, a little slower."""
    library = source.with_name(f"_{source.stem}.so")
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    fresh = library.with_name(f"{library.name}.new-{os.getpid()}")
    if compiler is not None:
        command = [compiler, *COMPILE, "-o", str(fresh), str(source)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own paths
        if done.returncode == 0:
            fresh.replace(library)
            return
        _say(f"{compiler} cannot compile {source.name}: {done.stderr.strip()}")
    library.unlink(missing_ok=True)  # of an older source
    _say(f"no C compiler that works: {source.name} is left out, and writing to many readers takes a fifth longer")


def _fill(root: Path, built: Path, place: Path, lock: Path) -> None:
    """Install the lock into the environment `built`, which will stand in `place`, and the project as it is."""
    python = built / "bin/python"
    command = [str(python), "-I", "-m", "pip", "install", "--no-deps", "--require-hashes", "--requirement", str(lock)]
    if not sys.stderr.isatty():
        command.append("--quiet")
    settings = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
    subprocess.run(  # noqa: S603  # fixed words and our own paths
        command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=os.environ | settings
    )
    site = subprocess.run(  # noqa: S603
        [python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.rstrip("\n")
    (Path(site) / "parlour.pth").write_text(f"{root / 'src'}\n", encoding="utf-8")
    script = built / "bin/parlour"
    script.write_text(
        f'#!/bin/sh\nexec {shlex.quote(str(place / "bin/python"))} -P -m parlour "$@"\n', encoding="utf-8"
    )
    script.chmod(0o755)


def _move(fresh: Path, place: Path) -> None:
    """Put the complete environment in its place; scripts in it name their interpreter by its path."""
    for script in (fresh / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            text = script.read_bytes()
            if text.startswith(b"#!") or script.name.startswith(("activate", "Activate")):
                script.write_bytes(text.replace(os.fsencode(fresh), os.fsencode(place)))
    fresh.chmod(0o755)
    if place.exists() or place.is_symlink():
        old = Path(tempfile.mkdtemp(prefix=f"{place.name}.new-", dir=place.parent))
        place.rename(old / "old")
        fresh.rename(place)
        shutil.rmtree(old)
    else:
        fresh.rename(place)


if __name__ == "__main__":
    sys.exit(main())
