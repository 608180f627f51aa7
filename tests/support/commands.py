"""The commands of `parlour` in pipes, each in a process that the nursery has become."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.nursery import nursery
from tests.support.terminal import clean_environment
from tests.support.timeout import TIMEOUT_S


def run(
    arguments: Sequence[str | Path], typed: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """What a command says to what is typed, and how it ends; in `clean_environment` if none is given."""
    (their_input, our_input), (our_output, their_output), (our_errors, their_errors) = (os.pipe() for _ in range(3))
    theirs = (their_input, their_output, their_errors)
    words = [*map(str, arguments)]
    process = nursery().start(words, clean_environment() if environment is None else environment, theirs)
    for descriptor in theirs:
        os.close(descriptor)
    with ThreadPoolExecutor(3) as pool:
        said = [pool.submit(_read, descriptor) for descriptor in (our_output, our_errors)]
        pool.submit(_write, our_input, typed)
        try:
            code = process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(words, code, *(each.result() for each in said))


def run_text(
    arguments: Sequence[str | Path], typed: str | bytes = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same as text."""
    done = run(arguments, typed.encode() if isinstance(typed, str) else typed, environment)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _write(descriptor: int, data: bytes) -> None:
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
    except BrokenPipeError:
        pass  # it has read as much as it wanted
