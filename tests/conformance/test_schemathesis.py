"""The versioned API does what its OpenAPI document says, for what is valid, what is not, and one call after another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT, ServerProcess

COMMAND = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.long)])
def test_the_api_keeps_to_its_document(tmp_path: Path, examples: int) -> None:
    with ServerProcess(tmp_path / "data") as server:
        run = subprocess.run(
            [
                *COMMAND,
                *("--no-color", "--config-file", str(CONFIG), "run", f"{server.url}/api/v1/openapi.json"),
                *("--exclude-by", "/x-streaming == true", "--checks", "all"),
                *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples)),
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr + server.log
        assert "ERROR" not in server.log
    assert re.search(r"Operations: +(\d+) selected / (\d+) total", run.stdout), run.stdout
    cases = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert cases is not None, run.stdout
    assert int(cases[1]) == int(cases[2]) > 500
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in run.stdout, run.stdout
