"""The timeout of every wait in tests, and the wait for what nothing tells of."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT_S = 30
"""Far longer than anything takes, also on a busy machine: a test that waits so long has failed. A test of a shorter
limit gives that limit a name and a reason of its own."""

LOOK_AGAIN_S = 0.01
"""A wait that looked without a pause would keep a processor from what it waits for."""


def wait_until(
    is_so: Callable[[], bool], what: Callable[[], object] = lambda: "the condition does not come true"
) -> None:
    """Wait for a condition of another process; `what` says what is wrong if it does not come true."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, what()
        time.sleep(LOOK_AGAIN_S)
