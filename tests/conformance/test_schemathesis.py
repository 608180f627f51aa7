"""The versioned API does what its OpenAPI document says, for what is valid, what is not, and one call after another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from parlour.api.operations import OPERATIONS
from parlour.api.reference import is_allowed
from tests.people.phones import set_up_page
from tests.people.server import Town, bearer
from tests.support.server import ROOT, ServerProcess

COMMAND = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")
CONFIG = Path(__file__).with_name("schemathesis.toml")

ONLY_THEIR_OWN = ("deleteMessage", "confirmSession")
"""What one may do to what one has made or begun oneself, which a guest here has not."""

ASK_THEMSELVES = ("confirmSession",)
"""Who is asked depends on the credential: a session may do it whatever else it may not."""

NOT_FOR_GUESTS = [
    operation.id
    for operation in OPERATIONS
    if operation.id
    and (not is_allowed(operation, "guest", "open") or operation.id in (*ONLY_THEIR_OWN, *ASK_THEMSELVES))
]

PHASES = ("examples", "coverage")
"""Every value of the document at its bounds and beyond them: nearly all that is found. What is drawn at random comes on
top where there is time."""

TIMEOUT_S = 300.0
"""Six seconds of processor are a hundred on a machine that is busy with other things."""

ONE_OF = 3
"""By default one of so many operations for people with an account is tried; all of them are in the long run."""

RANDOM = pytest.mark.parametrize(
    ("phases", "examples"),
    [(PHASES, 1), pytest.param((*PHASES, "fuzzing"), 50, marks=pytest.mark.long)],
    ids=["coverage", "fuzzing"],
)


@pytest.mark.timeout(2 * TIMEOUT_S)
@RANDOM
def test_the_api_keeps_to_its_document(tmp_path: Path, phases: tuple[str, ...], examples: int) -> None:
    with ServerProcess(tmp_path / "data") as server:
        options = ("--exclude-by", "/x-streaming == true", *named("exclude", NOT_FOR_GUESTS))
        output = tried(server, examples, (*phases, "stateful"), *options)
    assert re.search(r"Operations: +(\d+) selected / (\d+) total", output), output
    assert passed(output) > 500


@pytest.mark.timeout(2 * TIMEOUT_S)
@RANDOM
def test_what_guests_may_not_do_keeps_to_the_document_for_an_owner(
    tmp_path: Path, phases: tuple[str, ...], examples: int
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        town = Town(server)
        set_up_page(town.owner)  # one of the operations has a second factor demanded
        authorization = bearer(town.token(town.owner, "admin"))["Authorization"]
        operations = NOT_FOR_GUESTS if "fuzzing" in phases else NOT_FOR_GUESTS[::ONE_OF]
        options = ("--header", f"Authorization: {authorization}", *named("include", operations))
        output = tried(server, examples, phases, *options)
        town.close()
    assert f"{len(operations)} selected" in output, output
    assert passed(output) > 20 * len(operations)


def named(verb: str, operations: Sequence[str]) -> Iterator[str]:
    """The options that `include` or `exclude` operations."""
    for operation in operations:
        yield from (f"--{verb}-operation-id", operation)


def tried(server: ServerProcess, examples: int, phases: Sequence[str], *options: str) -> str:
    """What schemathesis writes when it has found nothing wrong with a server."""
    run = subprocess.run(
        [
            *COMMAND,
            *("--no-color", "--config-file", str(CONFIG), "run", f"{server.url}/api/v1/openapi.json"),
            *("--checks", "all", "--phases", ",".join(phases), "--max-examples", str(examples)),
            *options,
        ],
        cwd=server.data.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr + server.log
    assert "ERROR" not in server.log
    for phase in phases:
        assert f"✅ {phase.title()}" in run.stdout, run.stdout
    return run.stdout


def passed(output: str) -> int:
    """How many cases were tried; all of them passed."""
    cases = re.search(r"(\d+) generated, (\d+) passed", output)
    assert cases is not None, output
    assert int(cases[1]) == int(cases[2]), output
    return int(cases[1])
