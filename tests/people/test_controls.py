"""Every control is needed: without it a test fails."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.people.account_controls import ACCOUNT_CONTROLS
from tests.people.control import Control
from tests.people.controls import CONTROLS as PEOPLE_CONTROLS
from tests.people.guest_controls import GUEST_CONTROLS
from tests.people.inbox_controls import INBOX_CONTROLS
from tests.people.order_controls import ORDER_CONTROLS
from tests.people.presence_controls import PRESENCE_CONTROLS
from tests.support.server import ROOT

DEADLINE_S = 300.0
CONTROLS = (
    *PEOPLE_CONTROLS,
    *ACCOUNT_CONTROLS,
    *ORDER_CONTROLS,
    *GUEST_CONTROLS,
    *INBOX_CONTROLS,
    *PRESENCE_CONTROLS,
)


def names(control: Control) -> str:
    return re.sub(r"[^a-z]+", "-", control.what.lower())


@pytest.mark.parametrize("control", CONTROLS, ids=names)
def test_a_control_is_where_it_is_said_to_be(control: Control) -> None:
    text = (ROOT / "src/parlour" / control.file).read_text(encoding="utf-8")
    assert text.count(control.text) == 1
    file, _, test = control.test.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("control", CONTROLS, ids=names)
def test_without_a_control_a_test_fails(control: Control, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
    for file in ("pyproject.toml", "tools", "docs"):
        (tree / file).symlink_to(ROOT / file)
    module = tree / "src/parlour" / control.file
    module.write_text(module.read_text(encoding="utf-8").replace(control.text, control.instead), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", control.test],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    logging.info("%s (%s): %s", control.what, control.file, failed)
    assert (done.returncode, len(failed)) == (1, 1), done.stdout[-2000:] + done.stderr[-2000:]
    assert failed[0].startswith(control.test)


def test_the_evidence_names_every_control() -> None:
    page = (ROOT / "docs/evidence/security.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("| control |")[2].splitlines()[2:] if line.startswith("|")]
    assert rows == [control.row() for control in CONTROLS]


def test_every_threat_has_a_control_that_was_taken_out() -> None:
    tests = {control.test.partition("::")[2] for control in CONTROLS}
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "`test_" in line]
    assert [line for line in rows if tests.isdisjoint(re.findall(r"`(test_\w+)`", line))] == []
