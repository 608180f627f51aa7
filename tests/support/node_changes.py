"""What a node is changed by before it starts, where a test asks for more than settings can say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parlour.relay.notify import NotifyRelay
from parlour.store.postgres import connect, others, store
from parlour.store.postgres.store import PostgresStore
from parlour.work.erasing import Erasing

CHANGES = __name__


def tune(**values: Any) -> None:
    """Give the store other numbers (`PostgresTuning`)."""
    function = PostgresStore.open.__func__  # type: ignore[attr-defined]
    _default(function, "tuning", replace(function.__kwdefaults__["tuning"], **values))


def put(owner: Any, name: str, value: object) -> None:
    """Put something in the place of a part of the program."""
    setattr(owner, name, value)


def _default(function: Any, name: str, value: object) -> None:
    function.__kwdefaults__[name] = value


def announce_nothing() -> None:
    """No other node hears of what this one commits: they find it when they look."""

    def say_nothing(*_: object) -> None:
        pass

    put(NotifyRelay, "publish", say_nothing)


def be_impatient() -> None:
    """Whatever stands still is given up after half a second instead of ten or twenty."""
    tune(batch_s=0.5, read_s=0.5, look_s=0.2)
    connect.SETTINGS["idle_in_transaction_session_timeout"] = "400"
    connect.SETTINGS["tcp_user_timeout"] = "500"
    connect.CONNECT_S = 1.0
    others.TIMEOUT_S = 0.5
    store.LEAD_TIMEOUT_S = 0.3
    _default(Erasing.__init__, "retry_s", 0.2)
