"""Writers that leave out, or cut short, what would get in the way of a test."""

from __future__ import annotations

import pytest

from parlour.store.sqlite import connection, writer


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a busy machine lets a test stand still, the writer does not take it for a pause of the senders."""
    monkeypatch.setattr(writer, "IDLE_S", 3600.0)


@pytest.fixture
def short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer does not wait for long until another program lets go of a lock."""
    monkeypatch.setitem(connection._WRITER, "busy_timeout", 100)
