"""Hashes passwords in processes of their own, of the lowest priority (docs/decisions/0021-people.md).

A thread of that priority would keep the event loop waiting: while it has the interpreter's lock, and somebody else the
processor, nothing else of the server runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from parlour.core.errors import Refusal

LOWEST_PRIORITY = 19

_START = "import sys; sys.path[:] = {path!r}; from parlour.chat.hash_child import serve; serve(*{parameters!r})"


class HashingProcesses:
    """A child for each thread that asks, started when the thread asks for the first time.

    `parameters` are the passes, the KiB and the lanes of argon2id. The children end with `close`, and when this process
    is gone; one that was killed is replaced. Passwords go through pipes, never into arguments.
    """

    def __init__(self, parameters: tuple[int, int, int]) -> None:
        self._parameters = parameters
        self._of_thread = threading.local()
        self._children: set[subprocess.Popen[bytes]] = set()

    def hash(self, password: str) -> str:
        """The string to be stored. Raises Refusal("overloaded")."""
        return str(self._ask("hash", password))

    def is_right(self, stored: str, password: str) -> bool:
        """Whether a password is the stored one. Raises Refusal("overloaded")."""
        return bool(self._ask("verify", stored, password))

    def close(self) -> None:
        """End the children; a thread that waits for one is refused."""
        for child in list(self._children):
            self._end(child)

    def _ask(self, *question: str) -> Any:
        for _ in range(2):  # the child may have been killed
            child = self._child()
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                child.stdin.write(json.dumps(question).encode() + b"\n")
                child.stdin.flush()
                return json.loads(child.stdout.readline())
            except (OSError, ValueError):  # no answer is no JSON
                self._of_thread.child = None
                self._end(child)
        raise Refusal("overloaded", "No password can be checked at the moment.", retry_after=2)

    def _child(self) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] | None = getattr(self._of_thread, "child", None)
        if child is None:
            start = _START.format(path=sys.path, parameters=self._parameters)
            child = self._of_thread.child = subprocess.Popen(  # noqa: S603 (this interpreter, and code of ours)
                [sys.executable, "-P", "-c", start],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # What is typed at the terminal of the server does not end it. And Linux shares a full processor among
                # sessions before it looks at priorities (sched(7), autogroup), so the child is never starved.
                start_new_session=True,
            )
            self._children.add(child)
        return child

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        self._children.discard(child)
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with suppress(OSError):  # what it was still to be told
                pipe.close()


def serve(passes: int, kib: int, lanes: int) -> None:
    """Run as a child: answer each line of standard input with one of standard output, until the input ends."""
    _give_way()
    hasher = PasswordHasher(passes, kib, lanes)
    for line in sys.stdin.buffer:
        what, *texts = json.loads(line)
        answer = hasher.hash(*texts) if what == "hash" else is_right(hasher, *texts)
        with suppress(BrokenPipeError):
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()


def _give_way() -> None:
    """Run only while nothing else wants the processor. A low priority alone keeps what it has for some milliseconds."""
    os.nice(LOWEST_PRIORITY)
    with suppress(AttributeError, OSError):  # Linux has this, and a container may forbid it
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def is_right(hasher: PasswordHasher, stored: str, password: str) -> bool:
    """Whether a password is the stored one; what is no hash is none of any password.

    A wrong one takes the time of a hash of `hasher`, also where the stored one is cheaper: else it would tell that
    there is such an account.
    """
    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        kib = missing_kib(hasher, stored)
        if kib > 0:
            PasswordHasher(hasher.time_cost, kib, 1).hash(password)
        return False


def is_weak(hasher: PasswordHasher, stored: str) -> bool:
    """Whether a hash has other parameters than those of `hasher`, and costs no more than with them."""
    try:
        return hasher.check_needs_rehash(stored) and missing_kib(hasher, stored) >= 0
    except InvalidHashError:
        return False


_FIRST_TOUCH = 1 / 3
"""Of a pass: what it costs to be given the memory (measured, Linux on x86-64, 8 to 64 MiB)."""

_LEAST_KIB = 8
"""Less memory argon2 does not take (RFC 9106 §3.1)."""


def missing_kib(hasher: PasswordHasher, stored: str) -> int:
    """The memory of a hash, with the passes of `hasher`, that costs what a stored one costs less than one of `hasher`.

    0 where it costs the same, less than 0 where it costs more.
    """
    passes = hasher.time_cost + _FIRST_TOUCH
    try:
        parameters = extract_parameters(stored)
    except InvalidHashError:
        return hasher.memory_cost
    kib = round(hasher.memory_cost - parameters.memory_cost * (parameters.time_cost + _FIRST_TOUCH) / passes)
    return max(kib, _LEAST_KIB) if kib > 0 else kib
