"""Nodes that hear nothing of each other: all arrives on each of them, and what has ended ends, a second later."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tests.checker.history import History, Received
from tests.checker.invariants import violations
from tests.fault.client import Shared, answer, fate_of_answer, make_message
from tests.fault.load import LOOK_S, page_after, read_all
from tests.fault.readers import LongPoll, Reader, StreamReading
from tests.fault.transports import STREAMS
from tests.people.server import Town, session_of
from tests.support import raw
from tests.support.node_changes import CHANGES
from tests.support.nodes import Nodes
from tests.support.postgres import Databases
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

ROOM = "quiet"
NAME = "alice"

LATE_S = 2.0
ENDED_S = 1.0
"""What docs/postgresql.md promises, the second where notifications arrive. The default run only looks whether things
arrive: it may be short of processors."""

_log = logging.getLogger("parlour.fault")


SILENT = ("silent", "NATS is gone")
"""Nobody announces anything; or nodes that are to tell each other by NATS, which is not there."""


@pytest.fixture
def nodes(request: pytest.FixtureRequest, postgres: Databases, tmp_path: Path) -> Iterator[Nodes]:
    is_gone = request.param == "NATS is gone"
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # a port that nobody else is given, and nobody answers at
        relay = ("--relay", f"nats://127.0.0.1:{nobody.getsockname()[1]}") if is_gone else ()
        changes = (f"{CHANGES}:announce_nothing",) if request.param == "silent" else ()
        options = ("--rate-limits", "off", *relay)
        with (
            postgres.with_tables() as url,
            Nodes(tmp_path / "node", url, *options, count=3, changes=changes) as running,
        ):
            yield running


class Quiet:
    """Readers of every transport on all nodes but the first, and one who writes there now and then."""

    def __init__(self, nodes: Nodes) -> None:
        ports = [node.port for node in nodes.nodes]
        epoch, history = page_after(ports[0], ROOM, 0).epoch, History()
        self.shared = [Shared(port, epoch, (ROOM,), history) for port in ports]
        self.history = history
        self.readers: list[Reader] = []
        for number, shared in enumerate(self.shared):
            shared.is_up.set()
            if number:
                on_this: list[Reader] = [StreamReading(shared, ROOM, stream, number) for stream in STREAMS]
                on_this.append(LongPoll(shared, ROOM, number))
                for reader in on_this:
                    reader.name += f"-{number}"
                self.readers += on_this

    async def say(self, count: int) -> None:
        """Send so many messages, each when everybody has seen the one before."""
        tasks = [asyncio.create_task(reader.run()) for reader in self.readers]
        try:
            async with self.shared[0].connected() as (reader, writer):
                for number in range(1, count + 1):
                    message = make_message(ROOM, f"key-{number:05}", f"message {number}")
                    body = msgspec.json.encode({"text": message.text, "name": NAME})
                    fields = ("Content-Type: application/json", f"Idempotency-Key: {message.key}")
                    sent_at = time.monotonic()
                    writer.write(raw.post(f"/api/v1/rooms/{ROOM}/messages", body, *fields))
                    fate = fate_of_answer(*await answer(reader))
                    assert fate.outcome == "ack"
                    self.shared[0].note(NAME, NAME, NAME, message, sent_at, fate)
                    async with asyncio.timeout(TIMEOUT_S):
                        while any(each.seen < number for each in self.readers):
                            await asyncio.sleep(LOOK_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.history.log = await asyncio.to_thread(read_all, self.shared[-1])

    def lateness_s(self) -> list[float]:
        """How long after its acknowledgement each reader was shown each message for the first time, sorted."""
        acked = {send.seq: send.done_at for send in self.history.sends}
        shown: dict[tuple[str, int], float] = {}
        for reading in self.history.readings:
            if isinstance(reading, Received):
                shown.setdefault((reading.proc, reading.seq), reading.at - acked[reading.seq])
        return sorted(shown.values())


async def everything_arrives(nodes: Nodes, count: int) -> list[float]:
    quiet = Quiet(nodes)
    await quiet.say(count)
    assert violations(quiet.history) == []
    late_s = quiet.lateness_s()
    assert len(late_s) == count * len(quiet.readers)
    _log.info("%d shown, half within %.2f s, all within %.2f s", len(late_s), late_s[len(late_s) // 2], late_s[-1])
    return late_s


@pytest.mark.parametrize("nodes", ["NATS is gone"], indirect=True)
async def test_everything_arrives_though_nothing_is_announced(nodes: Nodes) -> None:
    """In order, once, on every transport."""
    late_s = await everything_arrives(nodes, 2)
    assert late_s[-1] > LOOK_S, "it was announced after all"


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("nodes", SILENT, indirect=True)
async def test_everything_arrives_within_two_seconds_though_nothing_is_announced(nodes: Nodes) -> None:
    late_s = await everything_arrives(nodes, 60)
    assert late_s[-1] < LATE_S


def ends_everywhere(nodes: Nodes, rounds: int) -> float:
    """Sign somebody out on the first node; gives how long it took until all streams had ended, at most."""
    town, latest = Town(nodes), 0.0
    try:
        for number in range(rounds):
            session = session_of(town.join(f"bob-{number}"))
            with ExitStack() as stack:
                streams = []
                for node in nodes.nodes[1:]:
                    client = stack.enter_context(Client.to(node.port))
                    client.send(raw.head("GET", "/lobby?format=sse", f"Cookie: parlour_session={session}"))
                    client.read_until(b"caught_up")
                    streams.append(client)
                first = {"cookies": {"parlour_session": session}, "headers": {"Origin": town.url}}
                with nodes.nodes[0].client(**first) as here:
                    assert here.post("/logout").status_code == 303
                ended_at = time.monotonic()
                for client in streams:
                    client.rest()
                    latest = max(latest, time.monotonic() - ended_at)
    finally:
        town.close()
    _log.info("%d sign-ins have ended, all streams within %.2f s", rounds, latest)
    return latest


@pytest.mark.parametrize("nodes", ["silent"], indirect=True)
def test_what_ends_on_one_node_ends_on_all_though_nothing_is_announced(nodes: Nodes) -> None:
    ends_everywhere(nodes, 1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("nodes", "within_s"), [("announced", ENDED_S), *((how, LATE_S) for how in SILENT)], indirect=["nodes"]
)
def test_what_ends_on_one_node_ends_on_all_in_time(nodes: Nodes, within_s: float) -> None:
    assert ends_everywhere(nodes, 20) < within_s
