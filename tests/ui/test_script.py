"""The browser's modules, in Node: the reducer over the shared timelines, rows and links over the shared cases."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STATIC = ROOT / "src" / "parlour" / "ui" / "static"


@pytest.mark.parametrize("file", sorted(path.name for path in (HERE / "node").glob("*.test.js")))
def test_module_when_run_in_node_passes_its_tests(file: str, tmp_path: Path) -> None:
    # Node takes a file for a module by the package.json above it, which the browser and the server have no use for.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for folder in (STATIC, HERE / "node", ROOT / "tests" / "fixtures"):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT))
    command = ["node", "--test", str(tmp_path / "tests" / "ui" / "node" / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout


@pytest.mark.parametrize("module", sorted(path.name for path in STATIC.glob("*.js")))
def test_module_when_read_is_short_and_makes_no_html_from_strings(module: str) -> None:
    source = (STATIC / module).read_text("utf-8")
    assert len(source.splitlines()) < 200
    assert source.startswith("// "), "the first line says why the module exists"
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
    ):
        assert sink not in source
