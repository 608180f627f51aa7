"""Databases in memory; and writers without idle work, or with a short lock timeout, for tests that need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import directory_in_memory
from tests.support.stores import TUNING


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: hundreds of databases are opened here, and how a disk keeps them is tried in `tests/fault`."""
    with directory_in_memory() as place:
        yield Path(place)


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer never starts its idle work, however slowly a busy machine runs the test."""
    monkeypatch.setitem(TUNING, "idle_s", 3600.0)


@pytest.fixture
def short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer waits 0.1 s at most for a lock of another program."""
    monkeypatch.setitem(TUNING, "lock_wait_ms", 100)
