"""Lines on their way: sent one after the other, in order, each with its own key, for as long as it takes."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from parlour.client.backoff import INTERACTIVE, Backoff
from parlour.client.client import Client, Sent, new_key
from parlour.client.errors import TEMPORARY, ClientError, OutcomeUnknown


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that has not been stored yet, as far as is known."""

    key: str
    text: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The message is on disk."""

    draft: Draft
    sent: Sent


@dataclass(frozen=True, slots=True)
class Waiting:
    """An attempt has failed; the message is kept and tried again."""

    draft: Draft
    error: ClientError


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message will not be tried again: the server refused it (or, with OutcomeUnknown, may have stored it)."""

    draft: Draft
    error: ClientError


Report = Delivered | Waiting | Rejected


class Outbox:
    """A thread that sends what is put into it. `report` is called on that thread, with every turn of every message.

    Only one message is on its way at a time, so the order of the lines is the order of the log.
    """

    def __init__(self, client: Client, report: Callable[[Report], None], backoff: Backoff = INTERACTIVE) -> None:
        self._client = client
        self._report = report
        self._backoff = backoff
        self._drafts: queue.SimpleQueue[Draft] = queue.SimpleQueue()
        self._hurry = threading.Event()

    def start(self) -> None:
        """Begin sending, on a thread that does not keep the process alive."""
        threading.Thread(target=self._run, name="outbox", daemon=True).start()

    def put(self, text: str, name: str | None = None) -> Draft:
        """Queue a message and give its draft, whose key will be on the event."""
        draft = Draft(new_key(), text, name)
        self._drafts.put(draft)
        return draft

    def hurry(self) -> None:
        """Try now: the server has been seen alive."""
        self._hurry.set()

    def _run(self) -> None:
        while True:
            self._report(self._deliver(self._drafts.get()))

    def _deliver(self, draft: Draft) -> Report:
        unknown = False
        attempt = 0
        while True:
            self._hurry.clear()
            try:
                sent = self._client.send(draft.text, key=draft.key, name=draft.name, timeout_s=0.0)
                return Delivered(draft, sent)
            except TEMPORARY as exc:
                unknown = unknown or isinstance(exc, OutcomeUnknown)
                self._report(Waiting(draft, exc))
                if exc.is_paced:
                    self._hurry.wait(exc.retry_after_s)
                    continue
                self._hurry.wait(self._backoff.delay_s(attempt, random.random(), exc.retry_after_s))  # noqa: S311
                attempt += 1
            except ClientError as exc:
                return Rejected(draft, OutcomeUnknown(str(exc), draft.key) if unknown else exc)
