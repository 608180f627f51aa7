"""A writer that does nothing between two batches, for tests in which that would get in the way."""

from __future__ import annotations

import pytest

from parlour.store.sqlite import writer


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a busy machine lets a test stand still, the writer does not take it for a pause of the senders."""
    monkeypatch.setattr(writer, "IDLE_S", 3600.0)
