"""Migrations are numbered 1, 2, 3 … on both engines: two with one number, or a gap, and no server starts."""

from __future__ import annotations

from pathlib import Path

import pytest

STORE = Path(__file__).resolve().parents[2] / "src" / "parlour" / "store"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_migrations_are_numbered_without_a_gap(engine: str) -> None:
    numbers = sorted(int(file.name.partition("_")[0]) for file in (STORE / engine / "migrations").glob("[0-9]*.sql"))
    assert numbers == list(range(1, len(numbers) + 1))
