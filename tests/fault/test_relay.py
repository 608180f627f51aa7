"""The relays when what they stand on is away, refuses, or is not who it should be: nothing else suffers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from parlour.chat.ports import Relay
from parlour.relay.nats import NatsRelay
from parlour.relay.notify import NotifyRelay
from tests.support.certificates import make_certificate
from tests.support.nats import NatsProcess
from tests.support.postgres import PostgresProcess
from tests.support.timeout import TIMEOUT_S

SECRET = b"s" * 32


@asynccontextmanager
async def started(*relays: Relay) -> AsyncIterator[None]:
    for relay in relays:
        relay.start(SECRET)
    try:
        yield
    finally:
        for relay in relays:
            await relay.close()


async def meet(first: Relay, second: Relay, room: str = "") -> None:
    """Wait until what one says reaches the other."""
    came = asyncio.Event()
    second.listen("there", lambda _room, _text: came.set())
    async with asyncio.timeout(TIMEOUT_S):
        while not came.is_set():
            first.publish("there", room, "")
            await asyncio.sleep(0.01)


async def test_nats_that_is_away_at_the_start_and_dies_later_is_found_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nats = NatsProcess(tmp_path)
    first, second = NatsRelay(nats.url, standing_s=0.0), NatsRelay(nats.url, standing_s=0.0)
    with caplog.at_level(logging.INFO, "parlour.relay"):
        async with started(first, second):
            first.publish("news", "", "nobody can be told")
            second.subscribe("lobby")
            for _ in range(2):
                with nats:
                    await meet(first, second)
                    await meet(first, second, "lobby")
                    caplog.clear()
                await until_said(caplog, "relay_away")
                for _ in range(20_000):
                    first.publish("news", "", "x" * 1000)  # is dropped, not kept
            with nats:
                await meet(second, first)
    assert "relay_back" in caplog.messages


async def until_said(caplog: pytest.LogCaptureFixture, name: str) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while name not in caplog.messages:
            await asyncio.sleep(0.01)


@pytest.mark.long
async def test_postgres_that_dies_is_found_again() -> None:
    database = PostgresProcess().start()
    try:
        first, second = (NotifyRelay(database.url(), name) for name in ("first", "second"))
        async with started(first, second):
            await meet(first, second)
            await asyncio.to_thread(database.kill)
            for _ in range(20_000):
                first.publish("news", "", "x" * 1000)
                await asyncio.sleep(0)
            await asyncio.to_thread(database.start)
            second.subscribe("lobby")
            await meet(first, second, "lobby")
    finally:
        database.remove()


async def test_who_may_not_in_at_nats_is_told_so_in_the_log_without_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with NatsProcess(tmp_path, "--user", "parlour", "--pass", "right") as nats:
        address = nats.url.replace("//", "//parlour:{}@")
        wrong, first, second = (NatsRelay(address.format(word)) for word in ("wrong", "right", "right"))
        async with started(wrong, first, second):
            await meet(first, second)
            await until_said(caplog, "relay_away")
    said = str([vars(record) for record in caplog.records])
    assert "uthorization" in said
    assert "wrong" not in said


async def test_over_tls_both_sides_show_who_they_are(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "nats")
    own_cert, own_key = make_certificate(tmp_path, "node")
    options = ("--tls", f"--tlscert={cert}", f"--tlskey={key}", "--tlsverify", f"--tlscacert={own_cert}")
    with NatsProcess(tmp_path, *options) as nats:
        address = f"{nats.url.replace('nats:', 'tls:')}?ca={cert}&cert={own_cert}&key={own_key}"
        first, second = NatsRelay(address), NatsRelay(address)
        async with started(first, second):
            await meet(first, second)


@pytest.mark.parametrize("offers_tls", [False, True])
async def test_a_server_that_offers_no_tls_or_a_certificate_nobody_vouches_for_is_told_no_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, offers_tls: bool
) -> None:
    cert, key = make_certificate(tmp_path, "nats")
    told = bytearray()
    is_asked = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def somebody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Looks like a NATS server and writes down what it is told."""
        writer.write(
            b'INFO {"server_id":"x","version":"2.15.0","max_payload":1048576,"proto":1,"auth_required":true}\r\n'
        )
        is_asked.set()
        writers.append(writer)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                told.extend(data)

    async with await asyncio.start_server(somebody, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with NatsProcess(tmp_path, "--tls", f"--tlscert={cert}", f"--tlskey={key}") as nats:
            relay = NatsRelay(f"tls://parlour:secret@127.0.0.1:{nats.port if offers_tls else port}")
            async with started(relay):
                await until_said(caplog, "relay_away")
                if not offers_tls:
                    await is_asked.wait()
        for writer in writers:
            writer.transport.abort()
    reason = str(vars(caplog.records[-1]))
    assert ("certificate verify failed" if offers_tls else "offers no TLS") in reason
    assert b"secret" not in told
