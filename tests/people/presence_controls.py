"""The controls of docs/security.md on who is shown to be there, how each is taken out, and a test that fails then."""

from __future__ import annotations

from tests.people.control import Control

PRESENCE = "tests/stream/test_presence.py::"

PRESENCE_CONTROLS = (
    Control(
        "an account that wants that is not shown where it is",
        "hub/presence.py",
        "(actor.account is not None and actor.account.hidden)",
        "(actor.account is not None and actor.account.hidden > 1)",
        f"{PRESENCE}test_member_who_wants_that_is_shown_to_nobody",
    ),
)
