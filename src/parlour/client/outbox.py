"""Lines on their way: sent one after the other, in order, each with its own key, for as long as it takes."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from parlour.client.client import Client, Sent, new_key
from parlour.client.errors import ClientError


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that has not been stored yet, as far as is known."""

    key: str
    text: str
    name: str | None


class Outcome(NamedTuple):
    """The end of a draft: its receipt, or the error for which it will not be tried again."""

    draft: Draft
    result: Sent | ClientError


class Outbox:
    """A thread that sends what is put into it. `report` is called on that thread, once for every message.

    Only one message is on its way at a time, so the order of the lines is the order of the log.
    """

    def __init__(self, client: Client, report: Callable[[Outcome], None]) -> None:
        self._client = client
        self._report = report
        self._drafts: queue.SimpleQueue[Draft] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin sending, on a thread that does not keep the process alive."""
        threading.Thread(target=self._run, name="outbox", daemon=True).start()

    def put(self, text: str, name: str | None = None) -> Draft:
        """Queue a message and give its draft, whose key will be on the event."""
        draft = Draft(new_key(), text, name)
        self._drafts.put(draft)
        return draft

    def _run(self) -> None:
        while True:
            draft = self._drafts.get()
            try:
                sent = self._client.send(draft.text, key=draft.key, name=draft.name, timeout_s=math.inf)
                self._report(Outcome(draft, sent))
            except ClientError as exc:
                self._report(Outcome(draft, exc))
