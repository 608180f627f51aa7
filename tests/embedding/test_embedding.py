"""The server inside another program: on either event loop, two at a time, with sockets of the program's own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
import uvloop

from parlour import RunningServer, handle_client, send_message, start_server_async
from parlour.config import ConfigError
from parlour.core.errors import Refusal
from parlour.embed import start_server
from parlour.store.errors import StoreError
from tests.support import raw
from tests.support.faulty_disk import FaultyDisk
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

MEGABYTES = 6

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


def run(new_loop: LoopFactory, scenario: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())  # type: ignore[arg-type]  # a coroutine function


async def ask(server: RunningServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), TIMEOUT_S)
    finally:
        writer.close()
        await writer.wait_closed()


@LOOPS
def test_start_send_and_read_on_the_programs_own_loop(new_loop: LoopFactory, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with await start_server_async(0, data=tmp_path / "chat") as server:
            first = await send_message(server, "lobby", "Hello", name="robot", key="key-00000001")
            again = await send_message(server, "lobby", "Hello", name="robot", key="key-00000001")
            assert (first.seq, first.replay, again.seq, again.replay) == (1, False, 1, True)
            with pytest.raises(Refusal, match="blank"):
                await send_message(server, "lobby", "  ", name="robot")
            page = await ask(server, raw.head("GET", "/lobby?format=ndjson", "Connection: close"))
            event = json.loads(raw.body(page))
            assert (event["text"], event["by"]["name"], event["key"]) == ("Hello", "robot", "key-00000001")
        async with await start_server_async(0, data=str(tmp_path / "chat")) as server:
            assert (await send_message(server, "lobby", "again", name="robot")).seq == 2

    run(new_loop, scenario)


@LOOPS
def test_two_servers_in_one_process_know_nothing_of_each_other(new_loop: LoopFactory, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            await start_server_async(0, data=tmp_path / "one") as one,
            await start_server_async(0, data=tmp_path / "two") as two,
        ):
            assert one.url != two.url
            await send_message(one, "lobby", "only here", name="robot")
            page = raw.head("GET", "/lobby", "Connection: close")
            assert b"only here" in await ask(one, page)
            assert raw.body(await ask(two, page)) == b""
            with pytest.raises(StoreError, match="in use"):
                await start_server_async(0, data=tmp_path / "one")
            await one.close()
            assert (await send_message(two, "lobby", "still here", name="robot")).seq == 1

    run(new_loop, scenario)


@LOOPS
def test_a_socket_of_the_program_is_served_like_any_other(new_loop: LoopFactory, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with await start_server_async(0, data=tmp_path / "chat", store="memory") as server:
            ours, theirs = socket.socketpair()
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: handle_client(server.app.server), ours)
            reader, writer = await asyncio.open_connection(sock=theirs)
            writer.write(raw.post("/lobby", b"from a pair") + raw.head("GET", "/lobby", "Connection: close"))
            answer = await asyncio.wait_for(reader.read(), TIMEOUT_S)
            writer.close()
            assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
            assert answer.endswith(b": from a pair\n")

    run(new_loop, scenario)


@LOOPS
def test_a_slow_stream_gets_everything_on_either_loop(new_loop: LoopFactory, tmp_path: Path) -> None:
    """Pausing and resuming are the transport's, and each loop has its own way of it."""

    async def scenario() -> None:
        async with await start_server_async(0, data=tmp_path / "chat", store="memory") as server:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(server.url.rpartition(":")[2]), limit=1024
            )  # reads on only when asked, so that the server has to wait
            writer.write(raw.head("GET", "/lobby?follow=1&format=ndjson&since=0").replace(b"HTTP/1.1", b"HTTP/1.0"))
            await reader.readuntil(b"caught_up")
            count = MEGABYTES * 125
            for number in range(count):
                await send_message(server, "lobby", f"{number} " + "x" * 7990, name="robot")
            (row,) = server.app.server.table()
            assert row["paused"]
            assert int(str(row["buffered"])) < 1_000_000
            data = b""
            while data.count(b"\n") < count + 1:  # the rest of the line of caught_up is the first
                data += await asyncio.wait_for(reader.read(65536), TIMEOUT_S)
            lines = [json.loads(line) for line in data.splitlines()[1:]]
            events = [line for line in lines if "seq" in line]
            assert [event["seq"] for event in events] == list(range(1, count + 1))
            writer.close()
            await writer.wait_closed()

    run(new_loop, scenario)


async def test_a_stop_says_bye_to_a_websocket(tmp_path: Path) -> None:
    server = await start_server_async(0, data=tmp_path / "chat")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(raw.head("GET", "/lobby", *raw.UPGRADE))
    await reader.readuntil(b"caught_up")
    closing = asyncio.create_task(server.close())
    rest = await asyncio.wait_for(reader.read(), TIMEOUT_S)
    assert b'"type":"bye"' in rest
    assert (1012).to_bytes(2, "big") in rest
    writer.close()
    await writer.wait_closed()
    await closing


async def test_wait_failed_raises_what_made_storing_impossible_and_returns_when_it_is_closed(tmp_path: Path) -> None:
    async with await start_server_async(0, data=tmp_path / "chat") as server:
        given_up = asyncio.ensure_future(server.wait_failed())
        waiting = asyncio.ensure_future(server.wait_failed())
        await send_message(server, "lobby", "fine", name="robot")
        given_up.cancel()  # which is the end of that wait only
        await asyncio.gather(server.close(), server.close())
        await asyncio.wait_for(waiting, TIMEOUT_S)
    with FaultyDisk() as disk:
        async with await start_server_async(0, data=tmp_path / "chat") as server:
            failure = asyncio.ensure_future(server.wait_failed())
            disk.sync_fails["-wal"] = apsw.SQLITE_IOERR_FSYNC
            with pytest.raises(Refusal) as unknown:
                await send_message(server, "lobby", "perhaps", name="robot")
            assert unknown.value.code == "outcome_unknown"
            with pytest.raises(apsw.IOError):
                await asyncio.wait_for(failure, TIMEOUT_S)
            disk.heal()


@pytest.mark.parametrize(
    ("settings", "error", "reason"),
    [
        ({"dta": "x"}, TypeError, "there is no setting 'dta'"),
        ({"drain_seconds": "soon"}, ConfigError, "expected a number"),
        ({"access": "some"}, ConfigError, "one of open, members"),
        ({"rate_limits": 7}, ConfigError, "on or off"),
        ({"tls_cert": "cert.pem"}, ConfigError, "given together"),
        ({"trusted_proxies": ["not a network"]}, ConfigError, "networks such as"),
        ({"processes": 2}, ConfigError, "need a PostgreSQL database"),
    ],
)
async def test_a_wrong_setting_is_refused_before_anything_is_opened(
    settings: dict[str, object], error: type[Exception], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=reason):
        await start_server_async(0, **{"data": tmp_path / "chat", **settings})
    with pytest.raises(error, match=reason):
        start_server(0, **{"data": tmp_path / "chat", **settings})
    assert not (tmp_path / "chat").exists()


async def test_an_event_loop_is_one_process(tmp_path: Path) -> None:
    store = "postgresql://parlour@db.example.org/parlour"
    with pytest.raises(ConfigError, match="an event loop has one"):
        await start_server_async(0, data=tmp_path / "chat", store=store, processes=2)


async def test_settings_are_taken_as_text_or_as_values(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    settings: dict[str, object] = {
        "host": ["127.0.0.1"], "unix_socket": str(path), "rate_limits": False, "drain_seconds": 0.5,
        "trusted_proxies": ("10.0.0.0/8", "unix"), "tls_cert": None,
    }  # fmt: skip
    async with await start_server_async(0, data=str(tmp_path / "chat"), **settings) as server:
        assert path.is_socket()
        assert server.app.settings.limits.drain_s == 0.5
        assert not server.app.settings.rate_limits
        assert server.app.settings.trusted_proxies == ("10.0.0.0/8", "unix")


BLOCKING = """
import sys
from parlour import start_server
raise SystemExit(start_server(0, data=sys.argv[1], host="127.0.0.1", rate_limits=False))
"""

FAILING = """
import apsw
from tests.support.faulty_disk import FaultyDisk
disk = FaultyDisk()
disk.sync_fails["-wal"] = apsw.SQLITE_IOERR_FSYNC
"""


@contextmanager
def blocking(script: str, data: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A script that calls `start_server`, and the port it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Listening on http://127\.0\.0\.1:(\d+)\n", line)
    assert found, line
    try:
        yield process, int(found[1])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_start_server_blocks_until_a_signal_and_gives_the_exit_code(tmp_path: Path) -> None:
    with blocking(BLOCKING, tmp_path / "chat") as (process, port):
        answer = raw.exchange(port, raw.post("/lobby", b"hello", "Connection: close"))
        assert raw.status(answer) == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr is not None
        log = process.stderr.read()
    assert " started " in log, "the log goes to standard error, as that of the command does"
    assert " stopped cut_off=0" in log


def test_a_disk_that_fails_under_a_commit_ends_the_process_with_74_and_the_next_start_verifies(tmp_path: Path) -> None:
    data = tmp_path / "chat"
    with ServerProcess(data):
        pass
    with blocking(FAILING + BLOCKING, data) as (process, port):
        message = raw.post("/lobby", b"perhaps", "Connection: close", "Idempotency-Key: key-00000001")
        answer = raw.exchange(port, message)
        assert raw.status(answer) == 500
        assert process.wait(TIMEOUT_S) == 74
        assert process.stderr is not None
        assert "storage_failed" in process.stderr.read()
    with ServerProcess(data) as server:
        assert raw.status(raw.exchange(server.port, message)) == 201
        page = raw.exchange(server.port, raw.head("GET", "/lobby", "Connection: close"))
        assert raw.body(page).count(b"perhaps") == 1
