from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Databases
from tests.support.stores import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(
    params=[
        "sqlite to postgres",
        "postgres to sqlite",
        pytest.param("sqlite to sqlite", marks=pytest.mark.long),
        pytest.param("postgres to postgres", marks=pytest.mark.long),
    ]
)
def places(request: pytest.FixtureRequest, postgres: Databases, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Where from and where to: each a directory or a database that is empty."""
    source, _, target = request.param.partition(" to ")
    with postgres.new() as left, postgres.new() as right:
        yield (
            left if source == "postgres" else str(tmp_path / "source"),
            right if target == "postgres" else str(tmp_path / "target"),
        )
