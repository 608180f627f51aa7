"""The client: a room to send to, to look back in and to follow."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self, TypeVar

import msgspec

from parlour.client.backoff import Backoff
from parlour.client.errors import TEMPORARY, ClientError, OutcomeUnknown
from parlour.client.feed import Feed
from parlour.client.room import Room, parse_room
from parlour.client.transport import Bounds, Transport
from parlour.core.cursor import Cursor, parse_cursor
from parlour.core.names import check_key
from parlour.schema.events import Event, decode_event

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sent:
    """The receipt of a message that is on disk. `replay`: an earlier attempt had stored it."""

    room: str
    seq: int
    replay: bool

    def __str__(self) -> str:
        return f"{self.room}/{self.seq}"


class Page(msgspec.Struct, frozen=True):
    """A page of history, oldest event first. The log has `first_seq` to `head_seq`, in this `epoch`."""

    room: str
    epoch: str
    events: list[Event]
    first_seq: int
    head_seq: int


OnWait = Callable[[ClientError, float], None]
"""Told of the error of an attempt and the seconds until the next one."""

_decode_page = msgspec.json.Decoder(Page).decode


class Client:
    """One room, as one person or program. Blocking; may be used by several threads.

    `address` is `http://host:port/room` (see `parse_room` for what else it may be, and for the ValueError it raises).
    `name` is the display name of a guest, `token` a secret that is sent as `Authorization: Bearer`. Every method tries
    again until it has an answer, at most for `timeout_s` seconds: 0 is one attempt, `math.inf` is for ever. Requests go
    through the proxy that the environment names; raises ProxyUnusable (a ValueError) where that cannot be used.
    """

    def __init__(
        self,
        address: str | Room,
        *,
        name: str | None = None,
        token: str | None = None,
        timeout_s: float = 30.0,
        backoff: Backoff | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.room = parse_room(address) if isinstance(address, str) else address
        self.name = name
        self.timeout_s = timeout_s
        self._backoff = Backoff() if backoff is None else backoff
        self._transport = Transport(self.room.server, token, Bounds() if bounds is None else bounds)
        self._hurry = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def send(
        self,
        text: str,
        *,
        key: str | None = None,
        name: str | None = None,
        timeout_s: float | None = None,
        on_wait: OnWait | None = None,
    ) -> Sent:
        """Send one message and give its receipt: then it is on disk.

        All attempts carry one idempotency key (`key`, or a fresh one), so the message is stored at most once. Raises
        Refused when the server stored nothing and says why, Unreachable when nothing was sent in time, OutcomeUnknown
        (with the key) when the message may have been stored. Raises core's Refusal for a malformed key. `on_wait` is
        called before each wait, with the error of the attempt and the seconds until the next one.
        """
        key = new_key() if key is None else check_key(key)
        name = self.name if name is None else name
        content = json.dumps({"text": text} if name is None else {"text": text, "name": name}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        ask = partial(
            self._transport.request, "POST", self.room.url, 201, decode_event, headers=headers, content=content
        )
        event, fields = self._insist(ask, timeout_s, on_wait, key)
        return Sent(event.room, event.seq, fields.get("idempotent-replay") == "true")

    def hurry(self) -> None:
        """End the wait before the next attempt to send: the server has been seen alive. For any thread."""
        self._hurry.set()

    def history(
        self,
        *,
        before: Cursor | str | int | None = None,
        since: Cursor | str | int | None = None,
        limit: int = 50,
        timeout_s: float | None = None,
    ) -> Page:
        """A page of at most `limit` (1 to 1000) events: after `since`, or before `before`, or the newest ones.

        Raises Refused (`cursor_gone` when the log cannot be continued from `since`), Unreachable or OutcomeUnknown.
        """
        params = {"limit": str(limit)}
        if since is not None:
            params["since"] = str(since)
        if before is not None:
            params["before"] = str(before)
        ask = partial(self._transport.request, "GET", self.room.url, 200, _decode_page, params=params)
        return self._insist(ask, timeout_s)[0]

    def follow(self, since: Cursor | str | int | None = None, *, last: int = 0, timeout_s: float | None = None) -> Feed:
        """The events after `since` and then live, for ever; without `since`, beginning with the `last` newest ones.

        `last` is at most 1000. `timeout_s` bounds the wait for the first connection. Raises core's Refusal for a
        malformed cursor; see `Feed` for the rest.
        """
        cursor = since if isinstance(since, Cursor) or since is None else parse_cursor(str(since))
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        return Feed(self._transport, self.room, cursor, last=last, backoff=self._backoff, timeout_s=timeout_s)

    def _insist(
        self, ask: Callable[..., _T], timeout_s: float | None, on_wait: OnWait | None = None, key: str | None = None
    ) -> _T:
        """Ask until there is an answer, or no time for another attempt; a last one gets a fair chance."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        left_s = timeout_s
        deadline = time.monotonic() + timeout_s
        longest_s = self._transport.bounds.answer_s
        failed = 0
        unknown = False
        while True:
            self._hurry.clear()
            try:
                return ask(answer_s=min(longest_s, max(1.0, left_s)) if timeout_s else longest_s)
            except ClientError as exc:
                error = exc
            left_s = deadline - time.monotonic()
            unknown = unknown or isinstance(error, OutcomeUnknown)
            if not isinstance(error, TEMPORARY) or left_s <= error.retry_after_s:
                if unknown and key is not None:
                    # An attempt that failed for certain says nothing about an earlier one whose answer was lost.
                    raise OutcomeUnknown(str(error), key, error.retry_after_s) from error
                raise error
            delay_s = error.retry_after_s
            if not error.is_paced:
                delay_s = self._backoff.delay_s(failed, delay_s)
                failed += 1
            delay_s = min(delay_s, left_s)
            if on_wait is not None:
                on_wait(error, delay_s)
            self._hurry.wait(delay_s)


def new_key() -> str:
    """A fresh idempotency key: 128 random bits."""
    return secrets.token_urlsafe(16)
