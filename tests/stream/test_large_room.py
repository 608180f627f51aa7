"""In a room that is written to in shares nothing overtakes an event: no ack, no heartbeat, no goodbye."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from parlour import start_server_async
from parlour.hub import group, hub

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


async def test_ack_and_goodbye_come_behind_the_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "SHARE", 2)
    monkeypatch.setattr(hub, "ROUND", 1)
    async with await start_server_async(0, data=tmp_path / "data", rate_limits=False) as server:
        address = server.url.replace("http:", "ws:") + "/lobby"
        connections = [await connect(address, compression=None) for _ in range(READERS)]
        talks = [asyncio.create_task(_talk(each, str(number))) for number, each in enumerate(connections)]
        async with asyncio.timeout(30):
            while (await server.app.store.log("lobby")).head_seq < READERS * SENDS:
                await asyncio.sleep(0)
    for heard in await asyncio.gather(*talks):
        events = [int(each.split()[1]) for each in heard if each.startswith("message")]
        assert events == list(range(1, READERS * SENDS + 1)), "everything, though the server was stopped at once"
        acks = [each for each in heard if each.startswith("ack")]
        assert len(acks) == SENDS
        assert all(heard.index(ack) > heard.index(ack.replace("ack", "message")) for ack in acks)
        assert heard[-1] == "bye"
