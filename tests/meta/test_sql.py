"""The statements that transactions yield are read alike by SQLite and by PostgreSQL, each of them, also a new one."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache

import apsw
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

import parlour.chat.tables
from parlour.chat.statements import Statement
from parlour.store.sqlite.tables import tables_in_memory
from tests.meta.test_source import MODULES, TEXTS

_NODES = """
    Add Alias All And Between Boolean Case Column Count DPipe Delete Distinct EQ Exists From GT GTE Group Having
    Identifier If In Insert Is Join LT LTE Limit Literal Lower Max Min Mod Mul NEQ Neg Not Null Offset OnConflict Or
    Order Ordered Parameter Paren Returning Schema Select Star Sub Subquery Sum Table TableAlias Tuple Union Update
    Values Where
"""
NODES = frozenset(_NODES.split())
"""What both engines have, with one meaning. Before another one is added: does it order, compare and round alike?"""

FORMS: dict[str, type[exp.Expr] | tuple[type[exp.Expr], ...]] = {
    "INSERT": exp.Insert,
    "UPDATE": exp.Update,
    "DELETE": exp.Delete,
    "SELECT": (exp.Select, exp.Union),
}


def statements() -> dict[str, Statement[object]]:
    """Every statement in the modules of `chat/tables`, by module and name."""
    return {
        f"{module.name}.{name}": value
        for module in pkgutil.iter_modules(parlour.chat.tables.__path__)
        for name, value in vars(importlib.import_module(f"parlour.chat.tables.{module.name}")).items()
        if isinstance(value, Statement)
    }


def made_in_the_source() -> Iterator[str]:
    """Where the source makes a statement."""
    for path in MODULES:
        for node in ast.walk(ast.parse(TEXTS[path])):
            if isinstance(node, ast.Call) and "Statement" in (
                getattr(node.func, "id", ""),
                getattr(node.func, "attr", ""),
            ):
                yield str(path.relative_to("src/parlour"))


@cache
def database() -> apsw.Connection:
    return tables_in_memory()


@cache
def columns() -> frozenset[str]:
    """The names of all tables and their columns."""
    rows = database().execute("SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c").fetchall()
    return frozenset(str(name) for row in rows for name in row) | {"excluded"}


def faults(sql: str) -> list[str]:
    """What is wrong with a statement for one of the engines; empty if both read it, and read the same."""
    used = {int(number) for number in re.findall(r"\?([0-9]+)", sql)}
    found = [] if used == set(range(1, len(used) + 1)) else ["its values are not ?1, ?2 … without a gap"]
    if re.search(r"\?(?![0-9])|\$|--|/\*|;", sql):
        found.append("another way to write a value, a comment, or two statements")
    try:
        database().execute(f"EXPLAIN {sql}", [None] * len(used))
    except apsw.Error as error:
        found.append(f"SQLite: {error}")
    for_postgres = " ".join(re.sub(r"\?([0-9]+)", r"$\1", sql).split())
    try:
        (tree,) = sqlglot.parse(for_postgres, dialect="postgres")
    except (ParseError, ValueError) as error:
        return [*found, f"PostgreSQL: {error}"]
    assert tree is not None
    if not isinstance(tree, FORMS.get(for_postgres.partition(" ")[0], ())):
        found.append("not one of SELECT, INSERT, UPDATE, DELETE")
    if (again := tree.sql("postgres")) != for_postgres:
        found.append(f"for PostgreSQL it would be written {again}")
    return found + [fault for node in tree.walk() for fault in faults_of(node, tree)]


def faults_of(node: exp.Expr, tree: exp.Expr) -> Iterator[str]:
    """What is wrong with a part of a statement."""
    if type(node).__name__ not in NODES and not (isinstance(node, exp.Var) and isinstance(node.parent, exp.OnConflict)):
        yield f"{node.sql('postgres')} ({type(node).__name__}) is not known to be the same for both"
    if isinstance(node, exp.Insert) and node.args.get("alternative"):
        yield "INSERT OR … is SQLite's: use ON CONFLICT"
    if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
        yield "IS compares with NULL only"
    if isinstance(node, (exp.Max, exp.Min)) and node.expressions:
        yield "max and min of several values are SQLite's"
    if isinstance(node, exp.Table) and {key for key, value in node.args.items() if value not in (None, [])} - {
        "this",
        "alias",
        "joins",
    }:
        yield f"{node.sql('postgres')} says more than a table"
    if isinstance(node, exp.Identifier):
        aliases = {each.alias for each in tree.find_all(exp.Alias, exp.Table)}
        if node.quoted or node.name not in columns() | aliases:
            yield f"{node.name} is no column of a table (quoted names are of one engine only)"


STATEMENTS = statements()


@pytest.mark.parametrize("name", STATEMENTS)
def test_both_engines_read_a_statement_alike(name: str) -> None:
    assert faults(STATEMENTS[name].sql) == []


def test_there_is_no_statement_that_is_not_looked_at() -> None:
    """They are made at the top of a module of `chat/tables`, each under a name of its own."""
    made = list(made_in_the_source())
    assert {path for path in made if not path.startswith("chat/tables/")} == set()
    assert len(made) == len(STATEMENTS)


REFUSED = [
    "INSERT OR REPLACE INTO accounts (id) VALUES (?1)",
    "REPLACE INTO accounts (id) VALUES (?1)",
    "SELECT json_extract(name, '$.b') FROM accounts",
    "SELECT json_group_array(name) FROM accounts",
    "SELECT name FROM accounts WHERE owner IS ?1",
    "SELECT name FROM accounts WHERE owner == ?1",
    "SELECT ifnull(owner, ?1) FROM accounts",
    "SELECT rowid FROM accounts",
    "SELECT name FROM accounts WHERE name GLOB ?1",
    "SELECT name FROM accounts WHERE name LIKE ?1",
    "SELECT `name` FROM accounts",
    "SELECT [name] FROM accounts",
    "SELECT name FROM accounts LIMIT 1, 2",
    'SELECT name FROM accounts WHERE role = "owner"',
    "SELECT name::text FROM accounts",
    "SELECT name FROM accounts WHERE name ILIKE ?1",
    "SELECT DISTINCT ON (role) name FROM accounts",
    "SELECT name FROM accounts WHERE id = x'ff'",
    "SELECT name FROM accounts NOT INDEXED",
    "SELECT typeof(name) FROM accounts",
    "SELECT name FROM accounts WHERE owner NOTNULL",
    "SELECT name FROM accounts FOR UPDATE",
    "SELECT max(name, display) FROM accounts",
    "SELECT name FROM accounts WHERE id = ?",
    "SELECT name FROM accounts WHERE id = ?2",
    "SELECT name FROM accounts WHERE id = $1",
    "SELECT name FROM accounts; DELETE FROM accounts",
    "SELECT nothing FROM accounts",
    "SELECT name FROM nothing",
    "SELECT strftime('%s', made_ms) FROM accounts",
    "SELECT now() FROM accounts",
    "DELETE FROM accounts LIMIT 1",
    "CREATE TABLE more (id TEXT)",
    "SELEC name FROM accounts",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_one_engine_alone_has_is_refused(sql: str) -> None:
    assert faults(sql) != []


ACCEPTED = [
    "SELECT COUNT(*) FROM accounts WHERE role = ?1 AND (owner IS NULL OR made_ms >= ?2) ORDER BY name DESC LIMIT 5",
    "SELECT a.name FROM accounts AS a JOIN sign_ins AS s ON s.account = a.id WHERE s.id IN (?1, ?2)",
    "INSERT INTO members (room_no, account, role, since) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(room_no, account) DO UPDATE SET role = excluded.role",
]


@pytest.mark.parametrize("sql", ACCEPTED)
def test_what_both_have_is_not(sql: str) -> None:
    assert faults(sql) == []
