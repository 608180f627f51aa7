"""Runs a handler inside the callback that completed its request, without an asyncio.Task.

A task costs two trips through the event loop and several microseconds per request; most handlers wait once (for the
disk) or not at all. What a handler may await: futures and other coroutines. It has no current task, so
`asyncio.timeout`, `asyncio.TaskGroup` and `asyncio.current_task` do not work in it.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Exchange(Generic[T]):
    """One running handler. `done` is called exactly once with its result or its exception, unless it was cancelled."""

    __slots__ = ("_coroutine", "_done", "_waiting_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T], done: Callable[[T | BaseException], None]) -> None:
        self._coroutine = coroutine
        self._done = done
        self._waiting_for: Future[Any] | None = None

    def start(self) -> None:
        """Run until the first wait; `done` may be called before this returns."""
        self._step(self._coroutine.send, None)

    def cancel(self) -> None:
        """Throw CancelledError into the handler; `done` is not called any more.

        Only this handler's wait ends: a future that others wait for, or that stands for a commit, is left alone.
        """
        self._done = _ignore
        future, self._waiting_for = self._waiting_for, None
        if future is not None:
            future.remove_done_callback(self._wake)
            future.add_done_callback(_look_at)  # a refusal that nobody waits for any more is no mistake of ours
        with suppress(CancelledError, StopIteration):
            self._coroutine.throw(CancelledError())
        self._coroutine.close()

    def _wake(self, _future: Future[Any] | None) -> None:
        self._waiting_for = None
        self._step(self._coroutine.send, None)  # the await itself raises or returns what the future holds

    def _step(self, resume: Callable[[None], Any], value: None) -> None:
        try:
            future = resume(value)
        except StopIteration as stop:
            self._done(stop.value)
        except BaseException as error:
            self._done(error)
            if not isinstance(error, Exception):
                raise
        else:
            if future is None:  # a bare yield: asyncio.sleep(0)
                asyncio.get_running_loop().call_soon(self._wake, None)
                return
            # The handshake of `Future.__await__`: it marks itself and expects its awaiter to clear the mark.
            future._asyncio_future_blocking = False
            self._waiting_for = future
            future.add_done_callback(self._wake)


def _look_at(future: Future[Any]) -> None:
    """Take note of an exception, so that the loop does not report it as never retrieved."""
    if not future.cancelled():
        future.exception()


def _ignore(_outcome: object) -> None:
    """Nobody waits for this handler any more."""
