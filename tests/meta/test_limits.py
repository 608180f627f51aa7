"""A limit that is shown is in force: every row of the table is read where it matters."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from parlour.core.limits import Limits
from tests.meta.test_source import MODULES, TEXTS

TABLE = Path("src/parlour/core/limits.py")
OTHERS = {path: TEXTS[path] for path in MODULES if path != TABLE}


def constants() -> dict[str, str]:
    """The rows that are the same on every server, each with the constant that it shows."""
    found = {}
    for node in ast.walk(ast.parse(TEXTS[TABLE])):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.value or node.target).startswith("_rule("):
            assert isinstance(node.value, ast.Call)
            name, value = ast.unparse(node.target), node.value.args[0]
            assert isinstance(value, ast.Name), f"{name} is a number of its own"
            found[name] = value.id
    return found


CONSTANTS = constants()


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_is_read_by_the_part_that_enforces_it(name: str) -> None:
    constant = CONSTANTS.get(name)
    # A constant is used beside the line that brings it in, or gives it its value.
    read = re.compile(rf"[lL]imits(?:\(\))?\.{name}\b" if constant is None else rf"\b{constant}\b")
    uses = {str(path): len(read.findall(text)) for path, text in OTHERS.items()}
    assert [path for path, times in uses.items() if times > (constant is not None)], f"nobody reads {name}"
