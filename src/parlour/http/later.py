"""An answer that one callback will bring: what a sender waits for, at a fraction of the price of a coroutine."""

from __future__ import annotations

from collections.abc import Callable

from parlour.core.errors import Refusal
from parlour.http.response import Reply


class Later:
    """Returned by a handler in place of a reply; whoever has the reply calls `answer`, once, and not at once."""

    __slots__ = ("_done",)

    def then(self, done: Callable[[Reply | Refusal], None]) -> None:
        """Say who is to be given the answer; called once, before anything else."""
        self._done: Callable[[Reply | Refusal], None] | None = done

    def answer(self, reply: Reply | Refusal) -> None:
        """Give the answer to who waits for it, if anybody does still."""
        done, self._done = self._done, None
        if done is not None:
            done(reply)

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._done = None
