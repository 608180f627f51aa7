"""Slows down whoever guesses passwords, without keeping out the one whose password it is."""

from __future__ import annotations

from collections.abc import Callable

from parlour.core.durations import duration
from parlour.core.errors import Refusal

FREE = 5
"""Failures in a row that cost nothing but the hash."""

LONGEST_S = 900.0
"""The delays double from one second to this."""

STRANGERS = 100
"""Failures in a row of all addresses together, but those that have signed in before: then only these may try."""

KEPT = 100_000
"""Failures that are remembered, unless more of them are younger than the longest delay (of which 20 a second can be
made: each costs a hash)."""


class _Failures:
    __slots__ = ("count", "until")

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0


class SignInThrottle:
    """Counts failures for each name and address, for each name, and for each device that has signed in before.

    What somebody at another address does never delays an address that has signed in with this name since the start,
    nor a device that ever has (`chat/known_devices.py`). An entry of the last 15 minutes is never dropped: nobody can
    push it out with other names.
    """

    def __init__(self, monotonic: Callable[[], float], kept: int = KEPT) -> None:
        self._monotonic = monotonic
        self._kept = kept
        self._failures: dict[tuple[str, str | None], _Failures] = {}  # None: all addresses that are not known
        self._known: dict[tuple[str, str], None] = {}

    def check(self, name: str, address: str, device: str | None = None) -> None:
        """Raises Refusal("rate_limited") for one who has to wait before the next try."""
        now = self._monotonic()
        for key, _ in self._counted(name, address, device):
            failures = self._failures.get(key)
            if failures is not None and failures.until > now:
                wait_s = failures.until - now
                raise Refusal("rate_limited", f"Too many wrong passwords: wait {duration(wait_s)}.", retry_after=wait_s)

    def failed(self, name: str, address: str, device: str | None = None) -> None:
        """A password was wrong, or there is nobody of that name."""
        now = self._monotonic()
        for key, free in self._counted(name, address, device):
            self._count(key, free, now)

    def succeeded(self, name: str, address: str, device: str | None = None) -> None:
        """The password was right."""
        for key, _ in self._counted(name, address, device):
            self._failures.pop(key, None)
        while len(self._known) >= self._kept:
            del self._known[next(iter(self._known))]
        self._known[name, address] = None

    def __len__(self) -> int:
        return len(self._failures)

    def _counted(self, name: str, address: str, device: str | None) -> list[tuple[tuple[str, str | None], int]]:
        """For what a try counts, and how many failures of it are free."""
        if device is not None:
            return [((name, f"device {device}"), FREE)]
        if (name, address) in self._known:
            return [((name, address), FREE)]
        return [((name, address), FREE), ((name, None), STRANGERS)]

    def _count(self, key: tuple[str, str | None], free: int, now: float) -> None:
        if len(self._failures) >= self._kept and key not in self._failures:
            self._failures = {key: each for key, each in self._failures.items() if each.until > now - LONGEST_S}
        failures = self._failures.setdefault(key, _Failures())
        failures.count += 1
        delay_s = min(LONGEST_S, 2.0 ** min(failures.count - free, 20)) if failures.count >= free else 0.0
        failures.until = now + delay_s
