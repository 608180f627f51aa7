"""A response that a callback brings later. It costs a fraction of what a coroutine does, so posts use it."""

from __future__ import annotations

from collections.abc import Callable

from parlour.core.errors import Refusal
from parlour.http.response import Reply


class DeferredResponse:
    """Returned by a handler in place of a reply. Whoever gets the reply calls `answer` once, in a later callback."""

    __slots__ = ("_done",)

    def then(self, done: Callable[[Reply | Refusal], None]) -> None:
        """Set who receives the reply. Called once, before anything else."""
        self._done: Callable[[Reply | Refusal], None] | None = done

    def answer(self, reply: Reply | Refusal) -> None:
        """Give the reply to the one who waits for it; does nothing after `cancel`."""
        done, self._done = self._done, None
        if done is not None:
            done(reply)

    def cancel(self) -> None:
        """Forget who waits: the client is gone."""
        self._done = None
