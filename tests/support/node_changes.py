"""What a node is changed by before it starts, where a test asks for more than settings can say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parlour.store.postgres import connect, others, store
from parlour.store.postgres.store import PostgresStore

CHANGES = __name__


def tune(**values: Any) -> None:
    """Give the store other numbers (`PostgresTuning`)."""
    defaults = PostgresStore.open.__func__.__kwdefaults__  # type: ignore[attr-defined]
    defaults["tuning"] = replace(defaults["tuning"], **values)


def announce_nothing() -> None:
    """No other node hears of what this one commits: they find it when they look."""
    tune(announces=False)


def be_impatient() -> None:
    """Whatever stands still is given up after a second instead of ten or twenty."""
    tune(batch_s=1.0, look_s=0.2)
    connect.SETTINGS["idle_in_transaction_session_timeout"] = "700"
    connect.SETTINGS["tcp_user_timeout"] = "1000"
    connect.CONNECT_S = 1.0
    others.TIMEOUT_S = 1.0
    store.LEAD_TIMEOUT_S = 0.5
