"""Signals of a running server: SIGHUP, SIGUSR1, SIGINT; and what they do while it is starting."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import wait_until

SIZES = {
    "accounts", "accounts_with_something_open", "credentials_known", "rooms_with_policy", "shown_once", "blocks",
    "passes_known", "followers_of_own_log", "noted_rooms",
    "presence_announced", "presence_rooms_asked", "presence_rooms_elsewhere", "presence_rooms_told",
    "presence_rooms_wanted", "bans", "open_reports",
    "connections", "addresses", "channels", "idle_channels", "ring_bytes", "subscriptions", "waiters", "reads",
    "catching_up", "chunks_behind", "repaired", "rates_of_connecting", "rates_of_senders", "rates_of_addresses",
    "rates_of_rooms", "rates_of_reading", "rates_of_typing", "rates_of_typing_rooms", "rates_of_typing_addresses",
    "rates_of_calls",
    "rates_of_making_rooms", "rates_of_mail", "rates_of_reports", "rooms_known", "places", "large_answers_bytes",
    "memory_bytes", "descriptors", "gc_objects", "gc_frozen", "gc_full_collections", "gc_uncollectable",
}  # fmt: skip


def wait_for_log(server: ServerProcess, pattern: str, count: int = 1) -> list[str]:
    """Wait until so many lines of the log match."""

    def found() -> list[str]:
        return re.findall(pattern, server.log, re.MULTILINE)

    wait_until(lambda: len(found()) >= count, lambda: f"{pattern} does not come\n{server.log}")
    return found()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_sighup_serves_a_new_certificate_and_keeps_the_old_one_when_it_is_bad(tmp_path: Path) -> None:
    one, two = make_certificate(tmp_path, "one", "rsa"), make_certificate(tmp_path, "two", "ec")
    cert, key = tmp_path / "live.pem", tmp_path / "live.key"
    cert.write_bytes(one[0].read_bytes())
    key.write_bytes(one[1].read_bytes())
    server = ServerProcess(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key)).start()
    with server, Client.to(server.port, trusting(one[0])) as before:
        assert before.send(raw.head("GET", "/healthz")).answer().status == 200
        cert.write_bytes(two[0].read_bytes())  # its key is still the old one
        os.kill(server.pid, signal.SIGHUP)
        wait_for_log(server, "tls_reload_failed reason=.*cannot be used")
        Client.to(server.port, trusting(one[0])).sock.close()
        key.write_bytes(two[1].read_bytes())
        os.kill(server.pid, signal.SIGHUP)
        wait_for_log(server, "tls_reloaded")
        with Client.to(server.port, trusting(two[0])) as after:
            assert after.send(raw.post("/lobby", b"over the new one")).answer().status == 201
        with pytest.raises(ssl.SSLCertVerificationError):
            Client.to(server.port, trusting(one[0]))
        assert before.send(raw.head("GET", "/healthz")).answer().status == 200, "an open connection stays as it is"


def test_sighup_without_tls_changes_nothing(server: ServerProcess) -> None:
    os.kill(server.pid, signal.SIGHUP)
    answer = raw.exchange(server.port, raw.head("GET", "/healthz", "Connection: close"))
    assert raw.status(answer) == 200


def test_sigusr1_writes_stacks_connections_and_sizes(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--log-format", "json", rate_limits=True) as server:
        with Client.to(server.port) as stream, Client.to(server.port) as poll, Client.to(server.port) as idle:
            assert idle.send(raw.post("/lobby", b"hello")).answer().status == 201
            stream.send(raw.head("GET", "/lobby?follow=1&format=ndjson")).read_until(b"caught_up")
            poll.send(raw.head("GET", "/lobby?format=json&since=1&wait=55"))
            assert idle.send(raw.head("GET", "/healthz")).answer().status == 200
            os.kill(server.pid, signal.SIGUSR1)
            wait_for_log(server, '"event": "sizes"')
        rows = [json.loads(line) for line in server.log.splitlines()]
        assert {"MainThread"} < {row["thread"] for row in rows if row["event"] == "stack"}
        assert all(row["calls"] for row in rows if row["event"] == "stack")
        (total,) = [row for row in rows if row["event"] == "connections"]
        assert total["total"] == 3
        table = [row for row in rows if row["event"] == "connection"]
        assert {row["state"] for row in table} == {"FollowSession", "busy", "idle"}
        assert {row["address"] for row in table} == {"127.0.0.1"}
        (sizes,) = [row for row in rows if row["event"] == "sizes"]
        assert {"at", "level", "event", "logger"} | SIZES == set(sizes)
        shown = {name: sizes[name] for name in ("connections", "subscriptions", "waiters", "channels", "addresses")}
        assert shown == {"connections": 3, "subscriptions": 1, "waiters": 1, "channels": 1, "addresses": 1}
        assert sizes["gc_frozen"] > 10_000


def test_with_debug_the_loop_is_watched_and_the_report_tells_who_holds_memory(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--debug", "on") as server:
        os.kill(server.pid, signal.SIGUSR1)
        wait_for_log(server, r"stack thread=watchdog .*diagnostics\.py")
        assert all(int(size) > 0 for size in wait_for_log(server, r"allocated where=\S+ bytes=(\d+) blocks=\d+", 10))
        answer = raw.exchange(server.port, raw.post("/lobby", b"hello", "Connection: close"))
        assert raw.status(answer) == 201


def test_sigint_drains_like_sigterm(server: ServerProcess) -> None:
    with Client.to(server.port).send(raw.head("GET", "/lobby?follow=1&format=ndjson")) as stream:
        stream.read_until(b"caught_up")
        os.kill(server.pid, signal.SIGINT)
        assert b'"type":"bye"' in stream.rest()
    assert server.wait() == 0
    assert "Traceback" not in server.log
