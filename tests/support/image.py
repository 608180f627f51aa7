"""The image of deploy/Dockerfile by hand: what it starts, as a process of this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

PROGRAM = "/opt/parlour/.venv/bin/parlour"


@dataclass(frozen=True)
class Container:
    """A server that runs as in the image; `port` of 127.0.0.1 is its port 8080."""

    port: int
    process: subprocess.Popen[str]
    log_file: Path


def instructions() -> dict[str, list[str]]:
    """Those of the Dockerfile by name, in order."""
    text = re.sub(r"^#.*\n", "", (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n", "", text).splitlines():
        if line:
            name, rest = line.split(maxsplit=1)
            found.setdefault(name, []).append(rest)
    return found


def command() -> list[str]:
    """What the image starts, program and arguments."""
    (entry,), (more,) = instructions()["ENTRYPOINT"], instructions()["CMD"]
    return [*json.loads(entry), *json.loads(more)]


@contextmanager
def container(data: Path, environment: Mapping[str, str], source: Path = ROOT / "src") -> Iterator[Container]:
    """Run the image with its volume in `data`, on a free port of 127.0.0.1, from the code in `source`."""
    here = {"/data": str(data), "8080": "0", "0.0.0.0": "127.0.0.1"}
    arguments = [here.get(word, word) for word in command()[1:]]
    log_file = data.with_name(f"{data.name}.log")
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "parlour", *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source), **environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening on http://127.0.0.1:"), log_file.read_text(encoding="utf-8")
        yield Container(int(line.rsplit(":", 1)[1]), process, log_file)
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0, log_file.read_text(encoding="utf-8")
    finally:
        process.kill()
        process.communicate()
