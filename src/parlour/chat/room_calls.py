"""The rate of messages to everybody in a room, by `@room` and `@here`: of an account together with its bots."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from parlour.chat.ports import OnAnswer
from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft
from parlour.core.limits import Buckets, Limits

Append: TypeAlias = Callable[[Draft, OnAnswer], None]
"""An append of a message to the log; see `Store.append`."""


class RoomCalls:
    """Counts these messages for each account and room. A message counts once it is stored, however often it is sent."""

    def __init__(self, limits: Limits) -> None:
        self._calls = Buckets(limits.room_calls_per_s, limits.room_calls_burst)

    def counted(self, append: Append, account: Account, room: str, now: float) -> Append:
        """Make an append that counts the message. Raises Refusal("rate_limited") if the rate allows none now."""
        key = f"{account.owner or account.id} {room}"
        wait = self._calls.wait(key, now)
        if wait > 0.0:
            detail = "You call everybody here more often than the rate allows: send it without @room and @here."
            raise Refusal("rate_limited", detail, retry_after=wait)

        def append_counted(draft: Draft, done: OnAnswer) -> None:
            self._calls.spend(key, now)  # at once: others may follow before the answer

            def answered(answer: Answer) -> None:
                if not isinstance(answer, Appended) or answer.replay:
                    self._calls.spend(key, now, -1.0)
                done(answer)

            try:
                append(draft, answered)
            except Refusal:
                self._calls.spend(key, now, -1.0)
                raise

        return append_counted

    def __len__(self) -> int:
        return len(self._calls)
