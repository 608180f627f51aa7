"""Posts that wait for the newest policy of their room: another node may have let their sender in a moment ago."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from parlour.chat.policies import Policies, learn_newest
from parlour.chat.ports import OnAnswer, Store
from parlour.core.errors import Refusal

MOST_BYTES = 4 * 1024 * 1024
"""Of all the messages that wait: they are few, for each is counted before, and a policy is read in milliseconds."""

OVERHEAD = 512

_log = logging.getLogger("parlour.chat")


class _Waiting(NamedTuple):
    post: Callable[[], None]
    done: OnAnswer
    size: int


class NewestPolicies:
    """Keeps the posts of a sender to a room in their order while the policy is read; others do not wait."""

    def __init__(self, store: Store, policies: Policies, most_bytes: int = MOST_BYTES) -> None:
        self._store = store
        self._policies = policies
        self._bytes_free = most_bytes
        self._waiting: dict[tuple[str, str], list[_Waiting]] = {}
        self.waiting: Mapping[tuple[str, str], Sequence[object]] = self._waiting
        """The posts that wait, by their sender and room; a call less for every post than a method."""
        self._tasks: set[Task[None]] = set()

    def wait(self, sender: str, room: str, size: int, post: Callable[[], None], done: OnAnswer) -> None:
        """Call `post` once the policy is known; what it raises, or why that cannot be known, goes to `done`.

        `size` is that of the message in bytes. Raises Refusal("overloaded") when too much waits.
        """
        size += OVERHEAD
        if size > self._bytes_free:
            raise Refusal("overloaded", "Too many messages wait for the database.", retry_after=1)
        self._bytes_free -= size
        waiting = self._waiting.setdefault((sender, room), [])
        waiting.append(_Waiting(post, done, size))
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._learn(sender, room))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _learn(self, sender: str, room: str) -> None:
        refusal: Refusal | None = Refusal("storage_unavailable", retry_after=1)  # if the task is cancelled
        try:
            await learn_newest(self._store, self._policies, room)
            refusal = None
        except Refusal as refused:
            refusal = refused
        except Exception:
            _log.exception("the policy of a room could not be read")
        finally:
            for waiting in self._waiting.pop((sender, room)):  # in the order in which they were sent
                self._bytes_free += waiting.size
                _finish(waiting, refusal)


def _finish(waiting: _Waiting, refusal: Refusal | None) -> None:
    if refusal is None:
        try:
            waiting.post()
        except Refusal as refused:
            refusal = refused
        except Exception:
            _log.exception("a message could not be posted")
            refusal = Refusal("internal")
    if refusal is not None:
        waiting.done(refusal)
