"""The timeout of every wait in tests."""

from __future__ import annotations

TIMEOUT_S = 30
"""Far longer than anything takes, also on a busy machine: a test that waits so long has failed. A test of a shorter
limit gives that limit a name and a reason of its own."""
