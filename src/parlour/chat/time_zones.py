"""Time zones by their names in the IANA database, which comes with Python's `tzdata` where the system has none."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from parlour.core.errors import Refusal


@cache
def time_zones() -> tuple[str, ...]:
    """The names of all time zones, by name."""
    names = files("tzdata").joinpath("zones").read_text("ascii").split()
    return tuple(sorted(name for name in names if name != "Factory"))  # that of a system whose zone was not set


@cache
def _by_folded_name() -> dict[str, str]:
    return {name.casefold(): name for name in time_zones()}


def time_zone_name(raw: str) -> str:
    """The name as the database writes it; empty stays empty. Raises Refusal("bad_parameter") for no time zone."""
    name = raw.strip().casefold()
    found = _by_folded_name().get(name, "")
    if name and not found:
        raise Refusal("bad_parameter", "A time zone has a name such as Europe/Berlin or UTC.", field="time_zone")
    return found


@cache
def time_zone(name: str) -> tzinfo:
    """The time zone of a name that was checked; UTC for none, and for one that the database has lost since."""
    return ZoneInfo(name) if name in time_zones() else UTC
