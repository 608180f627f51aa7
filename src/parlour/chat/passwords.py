"""Hashes passwords with argon2id (RFC 9106) in two processes of the lowest priority: nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher

from parlour.chat.hash_child import HashingProcesses, is_right, is_weak
from parlour.core.durations import duration
from parlour.core.errors import Refusal

THREADS = 2
QUEUE = 16
"""Hashes that may wait. Each takes 64 MiB and about a tenth of a second while it is made."""

HASHES_PER_S, HASHES_BURST = 1.0, 60
"""For one address: a class that signs in at once, and no more of the queue than leaves others their place."""

PARAMETERS = 2, 65536, 1
"""Passes, KiB and lanes (OWASP asks for 46 MiB and 1 pass). With greater ones every password that is given is hashed
again, and stored so."""

T = TypeVar("T")


class Passwords:
    """The queue of those who wait for a hash. Its methods are called on the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None, wait: Callable[[str], float] = lambda _: 0.0) -> None:
        """Processes hash with PARAMETERS; a `hasher` that is given does it in threads of this process.

        `wait` counts one hash for an address: the seconds until it may have it, 0 for at once.
        """
        self._processes = HashingProcesses(PARAMETERS)
        self._hasher = hasher
        self._threads = ThreadPoolExecutor(THREADS, "parlour-password")
        self._wait = wait
        self._waiting = 0

    async def hash(self, password: str, address: str) -> str:
        """The string to be stored: parameters, salt and hash. Raises Refusal("overloaded"), ("rate_limited")."""
        return await self._run(lambda: self._hash(password), address)

    async def verify(self, stored: str | None, password: str, address: str) -> bool:
        """Whether a password is the stored one; None takes as long as any that is not.

        Raises Refusal("overloaded"), ("rate_limited").
        """
        if stored is None:
            await self._run(lambda: self._hash(password), address)
            return False
        return await self._run(lambda: self._is_right(stored, password), address)

    def is_weak(self, stored: str) -> bool:
        """Whether a hash was made with weaker parameters than hashes are made with now."""
        return is_weak(self._hasher or PasswordHasher(*PARAMETERS), stored)

    def close(self) -> None:
        """End the threads and the processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._processes.close()

    def _hash(self, password: str) -> str:
        return self._processes.hash(password) if self._hasher is None else self._hasher.hash(password)

    def _is_right(self, stored: str, password: str) -> bool:
        if self._hasher is None:
            return self._processes.is_right(stored, password)
        return is_right(self._hasher, stored, password)

    async def _run(self, work: Callable[[], T], address: str) -> T:
        if self._waiting >= THREADS + QUEUE:
            raise Refusal("overloaded", "Too many people sign in at once.", retry_after=2)
        wait_s = self._wait(address)
        if wait_s > 0.0:
            detail = f"Your address sends too many passwords: wait {duration(wait_s)}."
            raise Refusal("rate_limited", detail, retry_after=wait_s)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        return await future

    def _done(self, _: object) -> None:
        self._waiting -= 1
