"""The right to look at reports: for moderators of the room, and those of the server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from parlour.chat.policies import Policies
from parlour.core.actor import Actor


def reports_seen(policies: Policies, actor: Actor) -> Callable[[str], bool]:
    """The function that says of a room, by its canonical name, whether an actor may look at its reports.

    It is `everywhere` for who moderates the server. Reports are a matter of accounts, whose tokens need the scope
    `admin` and no limit to some rooms.
    """
    if actor.account is None or actor.rooms is not None or not policies.may_everywhere(actor, "account"):
        return nowhere
    return everywhere if policies.may_everywhere(actor, "order") else partial(policies.may, actor, "restrict")


def everywhere(_: str) -> bool:
    """Whether somebody may look at the reports of a room who moderates the server."""
    return True


def nowhere(_: str) -> bool:
    """Whether somebody may who has no account."""
    return False
