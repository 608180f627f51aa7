"""What code and documents say about each other is there: pages and their sections, modules, functions, tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.meta.test_documents import anchors
from tests.meta.test_source import ROOT, TEXTS

PACKAGE = Path("src/parlour")
ARCHITECTURE = TEXTS[Path("docs/architecture.md")]

_PAGE = re.compile(r"docs/([\w./-]+\.md)(?:#([\w-]+))?")
_FILE = re.compile(r"`([\w/]+\.py)`")
_FUNCTIONS = re.compile(r"`([\w/]+\.py)`\s+\(((?:`[\w.]+`(?:,\s+)?)+)\)")
_TEST = re.compile(r"`(tests/[\w/.]+)`")


def test_what_the_code_refers_to_in_the_documents_is_there() -> None:
    dead = []
    for path, text in TEXTS.items():
        if path.suffix == ".md" or path.parts[0] == "tests":
            continue
        for name, fragment in _PAGE.findall(text):
            page = Path("docs") / name
            if page not in TEXTS or (fragment and fragment not in anchors(page)):
                dead.append(f"{path}: docs/{name}#{fragment}")
    assert dead == []


def names_in(path: Path) -> set[str]:
    """Everything that a module defines: functions, classes, methods, constants, attributes of self."""
    found = set()
    for node in ast.walk(ast.parse(TEXTS[path])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def test_every_file_and_function_that_the_architecture_names_exists() -> None:
    functions = _FUNCTIONS.findall(ARCHITECTURE)
    assert len(functions) > 30
    wrong = [name for name in _FILE.findall(ARCHITECTURE) if not {PACKAGE / name, Path(name)} & TEXTS.keys()]
    for name, called in functions:
        defined = names_in(PACKAGE / name)
        wrong += [
            f"{name}: {call}" for call in re.findall(r"`([\w.]+)`", called) if not set(call.split(".")) <= defined
        ]
    assert wrong == []


def test_every_test_that_a_document_names_exists() -> None:
    named = [(str(path), test) for path, text in TEXTS.items() if path.suffix == ".md" for test in _TEST.findall(text)]
    assert named
    assert [place for place in named if not (ROOT / place[1]).exists()] == []


def test_every_test_that_strangers_led_to_exists() -> None:
    page = TEXTS[Path("docs/strangers.md")]
    cells = [row.rsplit(" | ", 1)[1] for row in page.splitlines() if row.startswith("| ") and "`tests/" in row]
    assert len(cells) > 100
    missing = []
    for cell in cells:
        for path, functions in re.findall(r"`(tests/[\w/]+\.py)`((?::? ?,? ?`test_\w+`)*)", cell):
            defined = names_in(Path(path))
            missing += [f"{path}: {name}" for name in re.findall(r"`(test_\w+)`", functions) if name not in defined]
    assert missing == []


def test_every_decision_is_in_the_index() -> None:
    folder = Path("docs/decisions")
    index = TEXTS[folder / "README.md"]
    records = sorted(path for path in TEXTS if path.parent == folder and path.name != "README.md")
    for path in records:
        title = TEXTS[path].partition("\n")[0].removeprefix("# ")
        number, _, name = title.partition(": ")
        assert path.name.startswith(f"{number}-"), title
        assert f"| [{number}]({path.name}) | {name} |" in index, title
    assert index.count("\n| [") == len(records)
