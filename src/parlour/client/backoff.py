"""How long to wait before the next attempt, so that a thousand clients of one restarted server do not come as one."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: a random moment within a window that doubles up to `cap_s` seconds."""

    base_s: float = 0.5
    cap_s: float = 30.0

    def delay_s(self, attempt: int, at_least_s: float = 0.0) -> float:
        """Seconds to wait after the failed attempt number `attempt` (0 is the first).

        `at_least_s` is what the server asked for (`Retry-After`, `bye`); the jitter comes on top of it.
        """
        window_s = min(self.cap_s, self.base_s * 2.0 ** min(attempt, 30))
        return at_least_s + random.uniform(0.0, window_s)  # noqa: S311 (no secret)


INTERACTIVE = Backoff(cap_s=5.0)
"""For a person who looks at the screen while the server restarts."""
