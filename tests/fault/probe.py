"""A few polite senders that measure, while others flood, what an accepted message waits for."""

from __future__ import annotations

import asyncio
import time

import msgspec

from tests.checker.history import Send
from tests.fault.client import Shared, answer, fate_of_answer, make_message
from tests.fault.crowd import percentile
from tests.support import raw
from tests.support.timeout import TIMEOUT_S

CONNECTIONS = 20
EVERY_S = 1.0
"""Each of the connections sends so often, all of them at different moments."""


class Probe:
    """Posts on a schedule: a message that is sent late, because the one before has no answer yet or this process had no
    turn, counts from when it was due. As a context manager it runs."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False

    async def __aenter__(self) -> Probe:
        self._shared.is_up.set()
        begun = time.monotonic()
        self._tasks = [
            asyncio.create_task(self._post(number, begun + EVERY_S * number / CONNECTIONS))
            for number in range(CONNECTIONS)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.wait_for(asyncio.gather(*self._tasks), TIMEOUT_S)

    async def _post(self, number: int, due: float) -> None:
        name, room = f"probe-{number:02}", self._shared.rooms[0]
        async with self._shared.connected() as (reader, writer):
            while not self._is_over:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                began = min(due, time.monotonic())  # a timer may ring early, and the answer be there by then
                message = make_message(room, f"{name}-{int(due * 1000)}", "how long?")
                body = msgspec.json.encode({"text": message.text, "name": name, "key": message.key})
                writer.write(raw.post(f"/{room}", body, "Content-Type: application/json", "Accept: application/json"))
                status, head, found = await answer(reader)
                self._shared.note(name, name, name, message, began, fate_of_answer(status, head, found))
                due += EVERY_S

    def p99(self, begun: float, ended: float) -> float:
        """Of the accepted messages that were due in this time, in seconds."""
        return percentile(
            [send.done_at - send.sent_at for send in self._due(begun, ended) if send.outcome == "ack"], 0.99
        )

    def accepted(self, begun: float, ended: float) -> tuple[int, int]:
        """How many of the messages that were due in this time were accepted, and how many there were."""
        due = self._due(begun, ended)
        return sum(send.outcome == "ack" for send in due), len(due)

    def back_after(self, ended: float, usual_s: float) -> float:
        """Seconds from then until all messages of a whole second were accepted as fast as usual; infinite if never."""
        last = max(send.sent_at for send in self._shared.history.sends)
        at = ended
        while at + 1 <= last:
            took = [send.done_at - send.sent_at for send in self._due(at, at + 1) if send.outcome == "ack"]
            if len(took) == len(self._due(at, at + 1)) and max(took) <= usual_s:
                return at - ended
            at += 0.5
        return float("inf")

    def _due(self, begun: float, ended: float) -> list[Send]:
        return [send for send in self._shared.history.sends if begun <= send.sent_at < ended]
