"""Hashes passwords with argon2id (RFC 9106) on two threads of the lowest priority, so that nobody else waits for it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from parlour.core.errors import Refusal

THREADS = 2
QUEUE = 16
"""Hashes that may wait. Each takes 64 MiB and about a tenth of a second while it is made."""

HASHES_PER_S, HASHES_BURST = 1.0, 60
"""For one address: a class that signs in at once, and no more of the queue than leaves others their place."""

LOWEST_PRIORITY = 19

T = TypeVar("T")


class Passwords:
    """The queue of the two threads. Its methods are called on the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None, wait: Callable[[str], float] = lambda _: 0.0) -> None:
        """`hasher` has the parameters: 64 MiB, 2 passes and 1 lane if none is given (OWASP asks for 46 MiB and 1).

        `wait` counts one hash for an address: the seconds until it may have it, 0 for at once.
        """
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=65536, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, "parlour-password", _lower_priority)
        self._wait = wait
        self._waiting = 0

    async def hash(self, password: str, address: str) -> str:
        """The string to be stored: parameters, salt and hash. Raises Refusal("overloaded"), ("rate_limited")."""
        return await self._run(lambda: self._hasher.hash(password), address)

    async def verify(self, stored: str | None, password: str, address: str) -> bool:
        """Whether a password is the stored one; None takes as long and is not.

        Raises Refusal("overloaded"), ("rate_limited").
        """
        if stored is None:
            await self._run(lambda: self._hasher.hash(password), address)
            return False
        return await self._run(lambda: self._is_right(stored, password), address)

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads once they are done."""
        self._threads.shutdown(wait=False)

    def _is_right(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T], address: str) -> T:
        if self._waiting >= THREADS + QUEUE:
            raise Refusal("overloaded", "Too many people sign in at once.", retry_after=2)
        wait_s = self._wait(address)
        if wait_s > 0.0:
            raise Refusal("rate_limited", "Your address sends too many passwords: wait a little.", retry_after=wait_s)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        return await future

    def _done(self, _: object) -> None:
        self._waiting -= 1


def _lower_priority() -> None:
    with suppress(OSError, AttributeError):  # where a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
