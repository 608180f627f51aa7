"""The real clock and the real source of chance: what the ports Clock and Ids are outside of tests."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """Implements `chat.ports.Clock`."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class SystemIds:
    """Implements `chat.ports.Ids`."""

    def token(self) -> str:
        """128 bits as 22 characters of base64url."""
        return secrets.token_urlsafe(16)

    def secret(self) -> str:
        """256 bits as 43 characters of base64url."""
        return secrets.token_urlsafe(32)

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return secrets.randbelow(1 << 32) / (1 << 32)
