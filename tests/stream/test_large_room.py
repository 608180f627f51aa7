"""In a room that is written to in chunks nothing overtakes an event: no ack, no heartbeat, no goodbye."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from parlour import app
from parlour.config import Settings
from parlour.hub.resources import Tuning
from tests.support.faulty_disk import FaultyDisk
from tests.support.timeout import TIMEOUT_S

READERS = 9
SENDS = 20


async def _talk(connection: ClientConnection, name: str) -> list[str]:
    """Send one message after the other; returns what came until the goodbye, as types and seqs."""
    heard: list[str] = []
    acked = 0
    await connection.send(json.dumps({"op": "send", "text": f"{name} 0"}))
    try:
        async for message in connection:
            item = json.loads(message)
            heard.append(f"{item['type']} {item.get('seq', '')}".strip())
            if item["type"] == "ack":
                acked += 1
                if acked < SENDS:
                    await connection.send(json.dumps({"op": "send", "text": f"{name} {acked}"}))
    except ConnectionClosed:
        pass
    return heard


def raising(error: BaseException) -> None:
    """The disk has failed."""
    raise error


async def test_a_goodbye_waits_for_the_ack_of_a_send_under_way(tmp_path: Path) -> None:
    with FaultyDisk() as disk:
        server = await app.start(Settings(port=0, data=tmp_path / "data"), raising)
        async with asyncio.timeout(TIMEOUT_S):
            connection = await connect(server.urls[0].replace("http:", "ws:") + "/lobby", compression=None)
            heard = [await connection.recv()]
            disk.may_sync.clear()
            disk.syncs.clear()
            await connection.send(json.dumps({"op": "send", "text": "the last word"}))
            while not disk.syncs:
                await asyncio.sleep(0)
            stopping = asyncio.create_task(server.stop(TIMEOUT_S))
            await asyncio.sleep(0)
            disk.may_sync.set()
            with suppress(ConnectionClosed):
                while True:
                    heard.append(await connection.recv())
            await stopping
    assert [json.loads(each)["type"] for each in heard] == ["caught_up", "message", "ack", "bye"]


async def test_ack_and_goodbye_come_behind_the_events(tmp_path: Path) -> None:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    server = await app.start(settings, raising, tuning=Tuning(chunk_readers=2, writes_per_slice=1))
    try:
        address = server.urls[0].replace("http:", "ws:") + "/lobby"
        connections = [await connect(address, compression=None) for _ in range(READERS)]
        talks = [asyncio.create_task(_talk(each, str(number))) for number, each in enumerate(connections)]
        async with asyncio.timeout(30):
            while (await server.context.store.log("lobby")).head_seq < READERS * SENDS:
                await asyncio.sleep(0)
    finally:
        await server.stop(20)
    for heard in await asyncio.gather(*talks):
        events = [int(each.split()[1]) for each in heard if each.startswith("message")]
        assert events == list(range(1, READERS * SENDS + 1)), "everything, though the server was stopped at once"
        acks = [each for each in heard if each.startswith("ack")]
        assert len(acks) == SENDS
        assert all(heard.index(ack) > heard.index(ack.replace("ack", "message")) for ack in acks)
        assert heard[-1] == "bye"
