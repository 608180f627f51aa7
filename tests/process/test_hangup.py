"""Closing the terminal that a server runs in ends it, as it does every program, unless it was told to stay."""

from __future__ import annotations

import os
import signal
import ssl
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.talk import Client
from tests.support.terminal import Terminal, parlour_command

NOHUP = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
"""What nohup(1) does, but for the output, which that sends into a file."""


def serve(data: Path, *options: str) -> list[str]:
    return parlour_command("serve", "--port", "0", "--data", str(data), *options)


def port_of(terminal: Terminal) -> int:
    """Where the server in a terminal listens, once it does."""
    terminal.wait_for("Listening on ")
    terminal.wait_for("started")
    (line,) = [line for line in terminal.lines if "Listening on " in line]
    return int(line.rsplit(":", 1)[1])


def is_served(port: int) -> bool:
    try:
        answer = raw.exchange(port, raw.head("GET", "/healthz", "Connection: close"))
    except ConnectionRefusedError:
        return False
    return raw.status(answer) == 200


def test_closing_the_window_ends_the_server_gracefully(tmp_path: Path) -> None:
    with Terminal(serve(tmp_path / "data")) as terminal:
        port = port_of(terminal)
        with Client.to(port).send(raw.head("GET", "/lobby?follow=1&format=ndjson")) as stream:
            stream.read_until(b"caught_up")
            terminal.close_window()
            assert b'"type":"bye"' in stream.rest()
        assert terminal.wait_for_end() == 0
        assert not is_served(port)


def test_closing_the_window_of_a_shell_ends_a_server_in_its_background(tmp_path: Path) -> None:
    """The shell passes the signal on."""
    with Terminal(["bash", "--norc", "-i"]) as shell:
        shell.type(" ".join(serve(tmp_path / "data")) + " &\n")
        port = port_of(shell)
        with Client.to(port).send(raw.head("GET", "/lobby?follow=1&format=ndjson")) as stream:
            stream.read_until(b"caught_up")
            shell.close_window()
            assert b'"type":"bye"' in stream.rest()


def test_a_hangup_by_hand_ends_a_server_in_a_terminal_too(tmp_path: Path) -> None:
    with Terminal(serve(tmp_path / "data")) as terminal:
        port_of(terminal)
        terminal.signal(signal.SIGHUP)
        assert terminal.wait_for_end() == 0


def test_under_nohup_it_survives_the_window(tmp_path: Path) -> None:
    with Terminal([*NOHUP, *serve(tmp_path / "data")]) as terminal:
        port = port_of(terminal)
        terminal.close_window()
        os.kill(terminal.process.pid, signal.SIGHUP)
        assert is_served(port)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("before", [[], NOHUP], ids=["in a terminal", "under nohup"])
def test_with_a_certificate_a_hangup_by_hand_reads_it_again(before: list[str], tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "one")
    with Terminal([*before, *serve(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key))]) as terminal:
        port = port_of(terminal)
        terminal.signal(signal.SIGHUP)
        terminal.wait_for("tls_reloaded")
        trust = ssl.create_default_context(cafile=str(cert))
        with Client.to(port, trust) as client:
            assert client.send(raw.head("GET", "/healthz")).answer().status == 200
        terminal.close_window()
        if before:
            with Client.to(port, trust) as client:
                assert client.send(raw.head("GET", "/healthz")).answer().status == 200
            terminal.signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 0


def test_ctrl_z_stops_it_and_fg_goes_on(tmp_path: Path) -> None:
    with Terminal(["bash", "--norc", "-i"], {"PS1": "$ "}) as shell:
        shell.type(" ".join(serve(tmp_path / "data")) + "\n")
        port = port_of(shell)
        with Client.to(port).send(raw.head("GET", "/lobby?follow=1&format=ndjson")) as stream:
            stream.read_until(b"caught_up")
            shell.type("\x1a")
            shell.wait_for("Stopped")
            shell.type("fg\n")
            assert raw.status(raw.exchange(port, raw.post("/lobby", b"hello", "Connection: close"))) == 201
            stream.read_until(b"hello")
        shell.type("\x03")
        shell.wait_for("stopped cut_off=0")
        shell.type("exit $?\n")
        assert shell.wait_for_end() == 0
