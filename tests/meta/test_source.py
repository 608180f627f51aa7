"""The rules of CONTRIBUTING.md that a machine can check, over every file of the project."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 500
WRITTEN = {".py", ".js", ".css", ".html", ".sh", ".md", ".toml", ".c", ""}

UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
PLACES = re.compile(r"/(?:work|root)/|pypi\.(?:org|python)|pythonhosted\.|registry\.npm" + r"js")


def project_files() -> list[Path]:
    """What is in the repository or could be: everything that is not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


FILES = project_files()
TEXTS = {
    file.relative_to(ROOT): file.read_text(encoding="utf-8")
    for file in FILES
    if file.suffix in WRITTEN and file.name != "LICENSE" and "vendor" not in file.parts
}
MODULES = sorted(path for path in TEXTS if path.suffix == ".py" and path.parts[0] == "src")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_opens_with_one_sentence_that_says_why_it_exists(module: Path) -> None:
    text = ast.get_docstring(ast.parse(TEXTS[module]))
    assert text, "no docstring"
    opening = text.split("\n\n")[0]
    assert opening[0].isupper() or opening[0] == "`", opening
    assert opening.rstrip().endswith((".", "?")), f"not a sentence: {opening}"


def test_no_file_is_longer_than_500_lines() -> None:
    made = {Path("docs/api.md"), Path("docs/modules.md")}  # a row an operation, and a module
    written = {path: text for path, text in TEXTS.items() if path not in made}
    long = {str(path): lines for path, text in written.items() if (lines := text.count("\n")) > MAX_LINES}
    assert long == {}


def test_nothing_is_left_unfinished() -> None:
    assert [str(path) for path, text in TEXTS.items() if UNFINISHED.search(text)] == []


def test_no_file_knows_a_machine_or_a_package_source() -> None:
    found = {str(path): match[0] for path, text in TEXTS.items() if (match := PLACES.search(text))}
    assert found == {}


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    """A missing tool fails the test: a test that does not run proves nothing."""
    skips = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
    tests = {
        path: text for path, text in TEXTS.items() if path.parts[0] == "tests" and path.name != Path(__file__).name
    }
    assert [str(path) for path, text in tests.items() if skips.search(text)] == []


def test_imports_point_down() -> None:
    """The contracts in pyproject.toml."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
