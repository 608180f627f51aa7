"""Outside `http` only `field_line` makes lines of a response's head: it looks for what would end one early."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "parlour"
RECEIPT = ("api/messages.py", "Receipt")
"""Makes the lines of the answer that is sent most often by itself, of a quoted name and a number."""

AT = 3
"""The place of `fields` among the arguments of a Response."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Reader(ast.NodeVisitor):
    """Reads one file and notes where a response is given lines that are not known to come from `field_line`."""

    def __init__(self, path: str, trees: Mapping[str, ast.Module]) -> None:
        self.found: list[str] = []
        self._path = path
        self._trees = trees
        self._functions: list[Function] = []
        self.visit(trees[path])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if (self._path, node.name) != RECEIPT:
            self.generic_visit(node)

    def visit_FunctionDef(self, node: Function) -> None:
        self._functions.append(node)
        self.generic_visit(node)
        self._functions.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "Response":
            for value in [*node.args[AT : AT + 1], *[word.value for word in node.keywords if word.arg == "fields"]]:
                self._look(value)
            if any(isinstance(value, ast.Starred) for value in node.args) or any(
                not word.arg for word in node.keywords
            ):
                self.found.append(f"{self._path}:{node.lineno}")  # nobody can see what these are
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign | ast.AugAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Attribute) and target.attr == "fields" for target in targets):
            self._look(node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit_Assign(node)

    def _look(self, value: ast.expr) -> None:
        if not (self._functions and self._is_made(value, self._functions[-1])):
            self.found.append(f"{self._path}:{value.lineno}")

    def _is_made(self, value: ast.expr | None, function: Function) -> bool:
        """Whether it is the empty line or comes from `field_line`, also by way of a variable or another function."""
        match value:
            case ast.Constant(value=b"") | ast.Call(func=ast.Name(id="field_line")):
                return True
            case ast.BinOp(left=left, op=ast.Add(), right=right) | ast.IfExp(body=left, orelse=right):
                return self._is_made(left, function) and self._is_made(right, function)
            case ast.Name(id=name):
                return _all([self._is_made(found, function) for found in _assigned(function, name)])
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name)):
                called = self._called(name)
                return _all([self._is_made(found, each) for each in called for found in _returned(each)])
        return False

    def _called(self, name: str) -> list[Function]:
        """The functions of this name: of this file, else of any."""
        here = _named(self._trees[self._path], name)
        return here or [function for tree in self._trees.values() for function in _named(tree, name)]


def _all(answers: list[bool]) -> bool:
    """Whether there are some and all are true: what comes from nowhere that is seen here comes from anywhere."""
    return bool(answers) and all(answers)


def _named(tree: ast.Module, name: str) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function) and node.name == name]


def _returned(function: Function) -> list[ast.expr | None]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]


def _assigned(function: Function, name: str) -> list[ast.expr | None]:
    """All that a variable is, or has appended; None if it is given something in another way: by a caller, by a loop."""
    values: list[ast.expr | None] = []
    givings = 0
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=given) | ast.Name(id=given, ctx=ast.Store()) if given == name:
                givings += 1
            case ast.Assign(targets=[ast.Name(id=given)], value=value) if given == name:
                values.append(value)
            case ast.AugAssign(target=ast.Name(id=given), op=ast.Add(), value=value) if given == name:
                values.append(value)
    return values if len(values) == givings else [None]


def found_in(sources: Mapping[str, str]) -> list[str]:
    trees = {path: ast.parse(source) for path, source in sources.items()}
    return [place for path in trees for place in Reader(path, trees).found]


def test_every_line_of_a_head_is_made_where_it_is_looked_at() -> None:
    paths = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] != "http"]
    assert found_in({path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in paths}) == []


MADE = "field_line(b'Location', place)"


@pytest.mark.parametrize(
    "body",
    [
        "return Response(303, fields=b'Location: ' + place)",
        "return Response(303, fields=place)",
        "return Response(303, b'', b'', b'Location: %b' % place)",
        "return Response(303, **place)",
        "return Response(*place)",
        f"fields = {MADE}; fields += place; return Response(fields=fields)",
        f"fields = {MADE}; place = fields + place; return Response(fields=place)",
        f"place += {MADE}; return Response(fields=place)",
        f"return Response(fields={MADE} if place else place)",
        f"answer = Response(fields={MADE}); answer.fields += place",
        "return Response(fields=raw(place))",
        "return Response(fields=elsewhere(place))",
        "\n  for fields in place: return Response(fields=fields)",
    ],
)
def test_a_line_that_is_made_in_another_way_is_found(body: str) -> None:
    source = f"def handler(place): {body}\ndef raw(place): return place\n"
    assert [place.split(":")[0] for place in found_in({"api/new.py": source})] == ["api/new.py"]


@pytest.mark.parametrize(
    "body",
    [
        "return Response()",
        f"return Response(303, fields={MADE})",
        f"return Response(303, b'', b'', {MADE})",
        f"fields = {MADE}; fields += {MADE}; return Response(fields=fields)",
        f"return Response(fields=b'' if place else {MADE})",
        "return Response(fields=made(place) + made(place))",
    ],
)
def test_a_line_that_is_made_as_it_should_is_not(body: str) -> None:
    source = f"def handler(place): {body}\ndef made(place): return {MADE}\n"
    assert found_in({"api/new.py": source}) == []
