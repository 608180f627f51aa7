"""A conversation without its terminal: what is on its way, what has come, and what there is to say about it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from parlour.cli.output import EXIT_UNKNOWN, describe, exit_code
from parlour.cli.streams import complain
from parlour.cli.terminal.look import Look, reset_text
from parlour.client import CaughtUp, Client, ClientError, Event, Lost, OutcomeUnknown, Reset, Sent, SignedOut
from parlour.client.items import Item
from parlour.client.outbox import Draft, Outbox, Outcome
from parlour.client.timeline import ANOTHER_LOG

_INBOX_ITEMS = 1024
"""Above this the reading thread waits, and so, in the end, does the server."""


class Shown(NamedTuple):
    """Something to show: a message of the room, or a remark of this program. May have several lines."""

    text: str
    is_remark: bool


_Inbox = Item | Lost | Outcome | ClientError | Callable[[], None]


class Talk:
    """Follows the room on one thread, sends on another, and gives on the caller's thread what is to be shown.

    `wake` is called on those threads when there is something to `take`, `finished` for every line that is stored or
    given up. With `echoes` the terminal itself has shown what was typed, and own messages are not shown again.
    `title` stands between what was said before and what is said from now on.
    """

    def __init__(
        self,
        client: Client,
        look: Look,
        *,
        last: int,
        timeout_s: float,
        wake: Callable[[], None] = lambda: None,
        finished: Callable[[], None] = lambda: None,
        echoes: bool = False,
        title: str | None = None,
    ) -> None:
        self.name = client.name
        self.unsent: dict[str, Draft] = {}
        self.refused: list[str] = []
        self.rejected_code = 0
        self.error: ClientError | None = None
        self.is_lost = False
        self.trouble = ""
        self.has_caught_up = False
        self._client = client
        self._look = look
        self._echoes = echoes
        self._title = title
        self._own: set[str] = set()
        self._wake = wake
        self._finished = finished
        self._inbox: queue.Queue[_Inbox] = queue.Queue(_INBOX_ITEMS)
        self._outbox = Outbox(client, self.post)
        self._feed = client.follow(last=last, timeout_s=timeout_s)
        self._has_missed = False
        self._seen_seq = 0
        self._due_seq = 0
        self._day: str | None = None

    def start(self) -> None:
        """Begin to listen and to send."""
        threading.Thread(target=self._listen, name="feed", daemon=True).start()
        self._outbox.start()

    @property
    def is_finished(self) -> bool:
        """Whether the room has been shown and everything said is stored and shown."""
        return self.has_caught_up and not self.unsent and self._seen_seq >= self._due_seq

    def say(self, text: str) -> None:
        """Send a line, now or when the server is back."""
        draft = self._outbox.put(text, self.name)
        self.unsent[draft.key] = draft
        if self._echoes:
            self._own.add(draft.key)

    def post(self, item: _Inbox) -> None:
        """Hand something to the thread that calls `take`, or a call to make there; waits while there is too much."""
        self._inbox.put(item)
        self._wake()

    def take(self, wait_s: float | None = 0.0) -> Iterator[Shown]:
        """Give the lines that what has happened makes; wait at most `wait_s` (None: for ever) for the first event."""
        block = wait_s is None or wait_s > 0
        for _ in range(_INBOX_ITEMS):
            try:
                item = self._inbox.get(block, wait_s)
            except queue.Empty:
                return
            block = False
            yield from self._lines(item)

    def farewell(self) -> int:
        """Say at the end, on standard error, what did not work. Returns the exit code, 0 if nothing is unsent."""
        if self.error is not None:
            complain(describe(self.error))
        for draft in self.unsent.values():
            complain(f"perhaps not sent, key {draft.key}: {draft.text}")
        if self.error is not None:
            return exit_code(self.error)
        return EXIT_UNKNOWN if self.unsent else 0

    def _listen(self) -> None:
        try:
            for item in self._feed:
                if isinstance(item, CaughtUp):
                    self._client.hurry()
                self.post(item)
        except ClientError as exc:
            self.post(exc)

    def _lines(self, item: _Inbox) -> Iterator[Shown]:
        match item:
            case Event():
                yield from self._message(item)
            case CaughtUp():
                yield from self._caught_up(item)
            case Reset():
                self._seen_seq = item.head_seq
                if item.reason in ANOTHER_LOG:  # numbers of the old one may never come
                    self._due_seq = min(self._due_seq, item.head_seq)
                self._has_missed = True
                yield self._remark(reset_text(item))
            case Lost():
                self.trouble = item.reason
                if not self.is_lost:
                    self.is_lost = True
                    yield self._remark("reconnecting…" if self.has_caught_up else "connecting…")
            case Outcome():
                yield from self._outcome(item.draft, item.result)
            case ClientError():
                self.error = item
            case Callable():
                item()

    def _remark(self, text: str) -> Shown:
        return Shown(self._look.remark(text), is_remark=True)

    def _message(self, event: Event) -> Iterator[Shown]:
        self._seen_seq = event.seq
        if event.shown_text is None:
            return
        if event.key is not None and event.key in self._own:
            self._own.discard(event.key)
            return
        day = self._look.day(event) if self._look.short else None
        if day is not None and day != self._day:
            self._day = day
            yield self._remark(day)
        yield Shown(self._look.message(event), is_remark=False)

    def _caught_up(self, item: CaughtUp) -> Iterator[Shown]:
        self._seen_seq = max(self._seen_seq, int(item.cursor.rpartition(".")[2]))
        if self.is_lost and self.has_caught_up:
            yield self._remark("back" if self._has_missed else "back, nothing missed")
        elif not self.has_caught_up and self._title is not None:
            yield self._remark(self._title)
        self.is_lost = self._has_missed = False
        self.has_caught_up = True

    def _outcome(self, draft: Draft, result: Sent | ClientError) -> Iterator[Shown]:
        self.unsent.pop(draft.key, None)
        self._finished()
        if isinstance(result, Sent):
            self._due_seq = max(self._due_seq, result.seq)
            if self.is_lost:
                self._feed.hurry()
            return
        if isinstance(result, SignedOut):  # which ends the conversation, and is said there
            self.error = self.error or result
            yield self._remark(f"not sent: {_excerpt(draft.text)}")
            return
        self.rejected_code = exit_code(result)
        self._own.discard(draft.key)
        if isinstance(result, OutcomeUnknown):
            why = "it is unknown whether this was stored"
        else:
            why = f"not sent, {describe(result)}"
            self.refused.append(draft.text)
        yield self._remark(f"{why}: {_excerpt(draft.text)}")


def _excerpt(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
