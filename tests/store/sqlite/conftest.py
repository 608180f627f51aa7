"""Writers without idle work, or with a short lock timeout, for tests that need it."""

from __future__ import annotations

import pytest

from tests.support.stores import TUNING


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer never starts its idle work, however slowly a busy machine runs the test."""
    monkeypatch.setitem(TUNING, "idle_s", 3600.0)


@pytest.fixture
def short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer waits 0.1 s at most for a lock of another program."""
    monkeypatch.setitem(TUNING, "lock_wait_ms", 100)
