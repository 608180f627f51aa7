"""How many examples a property is tried with: in the default run fewer than in the long one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_LONG = 100
_DEFAULT = 40


def load_profile(*, is_long: bool) -> None:
    """Set it for the properties that say nothing of it; before their modules are imported.

    How long an example takes, and how fast examples are made, says how busy the machine is: a process that gets no turn
    for a fifth of a second would fail a property that holds.
    """
    examples = _LONG if is_long else _DEFAULT
    settings.register_profile(
        "parlour", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples
    )
    settings.load_profile("parlour")


def many(long: int) -> int:
    """So many in the long run, and as much less in the default one as for all others."""
    return long * settings().max_examples // _LONG
