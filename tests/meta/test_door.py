"""Rooms are read through one door: nothing above the hub opens a channel or reads a log in another way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src" / "parlour"
ABOVE = ("api", "net", "stream", "app.py", "embed.py")
READS = {
    "hub": {"open", "rooms"},
    "store": {"log", "after", "before", "rooms"},
}
"""Names by which the parts are called, and their methods that open or read rooms."""


def _name(node: ast.expr) -> str:
    """`hub` for `hub`, `self._hub` and `context.hub`."""
    return (node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "").strip("_")


def _reads(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in READS.get(_name(node.value), ()):
            yield f"{node.lineno}: {_name(node.value)}.{node.attr}"


def test_nothing_above_the_hub_reads_a_room_but_through_the_door() -> None:
    files = [file for part in ABOVE for file in (SRC.glob(f"{part}/**/*.py") if "." not in part else [SRC / part])]
    assert len(files) > 30
    found = {
        str(file.relative_to(SRC)): reads for file in files if (reads := list(_reads(ast.parse(file.read_text()))))
    }
    assert found == {}


def test_the_search_finds_reads_that_are_there() -> None:
    assert list(_reads(ast.parse((SRC / "hub" / "door.py").read_text())))
