"""Slows down whoever guesses passwords, without keeping out the one whose password it is."""

from __future__ import annotations

from collections.abc import Callable

from parlour.core.errors import Refusal

FREE = 5
"""Failures in a row that cost nothing but the hash."""

LONGEST_S = 900.0
"""The delays double from one second to this."""

STRANGERS = 100
"""Failures in a row of all addresses together, but those that have signed in before: then only these may try."""

KEPT = 100_000


class _Failures:
    __slots__ = ("count", "until")

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0


class SignInThrottle:
    """Counts failures for each name and address, and for each name.

    What somebody at another address does never delays an address that has signed in with this name before. An entry
    whose delay is running is never dropped: nobody can push it out with other names.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: dict[tuple[str, str | None], _Failures] = {}  # None: all addresses that are not known
        self._known: set[tuple[str, str]] = set()

    def check(self, name: str, address: str) -> None:
        """Raises Refusal("rate_limited") for one who has to wait before the next try."""
        now = self._monotonic()
        keys: list[tuple[str, str | None]] = [(name, address)]
        if (name, address) not in self._known:
            keys.append((name, None))
        for key in keys:
            failures = self._failures.get(key)
            if failures is not None and failures.until > now:
                wait_s = failures.until - now
                raise Refusal("rate_limited", "Too many wrong passwords: wait a little.", retry_after=wait_s)

    def failed(self, name: str, address: str) -> None:
        """A password was wrong, or there is nobody of that name."""
        now = self._monotonic()
        self._count((name, address), FREE, now)
        if (name, address) not in self._known:
            self._count((name, None), STRANGERS, now)

    def succeeded(self, name: str, address: str) -> None:
        """The password was right."""
        self._failures.pop((name, address), None)
        self._failures.pop((name, None), None)
        if len(self._known) >= KEPT:
            self._known.pop()
        self._known.add((name, address))

    def _count(self, key: tuple[str, str | None], free: int, now: float) -> None:
        if len(self._failures) >= KEPT and key not in self._failures:
            self._failures = {key: each for key, each in self._failures.items() if each.until > now - LONGEST_S}
        failures = self._failures.setdefault(key, _Failures())
        failures.count += 1
        if failures.count >= free:
            failures.until = now + min(LONGEST_S, 2.0 ** min(failures.count - free, 20))
