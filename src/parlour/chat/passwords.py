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

LOWEST_PRIORITY = 19

T = TypeVar("T")


class Passwords:
    """The queue of the two threads. Its methods are called on the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """`hasher` has the parameters: 64 MiB, 2 passes and 1 lane if none is given (OWASP asks for 46 MiB and 1)."""
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=65536, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, "parlour-password", _lower_priority)
        self._waiting = 0
        self._of_nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The string to be stored: parameters, salt and hash. Raises Refusal("overloaded")."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether a password is the stored one; None takes as long and is not. Raises Refusal("overloaded")."""
        if stored is None:
            if self._of_nobody is None:
                self._of_nobody = await self.hash("nobody has this password")
            await self._run(lambda: self._is_right(self._of_nobody or "", password))
            return False
        return await self._run(lambda: self._is_right(stored, password))

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

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= THREADS + QUEUE:
            raise Refusal("overloaded", "Too many people sign in at once.", retry_after=2)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        return await future

    def _done(self, _: object) -> None:
        self._waiting -= 1


def _lower_priority() -> None:
    with suppress(OSError, AttributeError):  # where a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
