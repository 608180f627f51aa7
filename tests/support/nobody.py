"""A reader whom nothing limits: a guest whose address is counted nowhere, and who may read everything."""

from __future__ import annotations

from parlour.chat.reading import Bill, Place
from parlour.core.actor import guest
from parlour.core.permissions import Who
from parlour.core.policy import Policy
from parlour.stream.live import Client
from tests.support.stores import HandClock

ANYBODY = Who("guest")

FREE = Bill(None, HandClock(), "")


def everything(_: Policy) -> None:
    """The rule of an actor who may do everything."""


NOBODY = Client(guest(None, ""), FREE, Place(None, ""), ANYBODY, everything)
