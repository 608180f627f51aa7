"""`parlour send` and `parlour tail` in pipes, with a real server: what they print and how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from parlour.cli.main import parlour
from parlour.client import Client
from tests.support import commands, peer
from tests.support.peer import Peer, answer, reset, stream
from tests.support.server import ServerProcess
from tests.support.terminal import Terminal, clean_environment, parlour_command

DEADLINE_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("send") / "data") as process:
        yield process


def run(*arguments: str, typed: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return commands.run(arguments, typed, clean_environment(**environment))


def texts(server: ServerProcess, room: str) -> list[str | None]:
    with Client(f"{server.url}/{room}") as client:
        return [event.text for event in client.history().events]


@pytest.fixture
def nobody() -> Iterator[str]:
    """A room where there is no server."""
    with peer.nobody() as place:
        yield f"{place}/lobby"


def test_send_takes_text_from_arguments_input_and_files(server: ServerProcess, tmp_path: Path) -> None:
    url = f"{server.url}/sources"
    (tmp_path / "text").write_bytes(b"from a file\nwith two lines\n")
    done = [
        run("send", url, "from", "arguments", "--name", "alice"),
        run("send", url, typed="from a pipe 日本\r\n".encode(), PARLOUR_NAME="bob"),
        run("send", url, "--file", "-", typed=b"from standard input\n"),
        run("send", url, "--file", str(tmp_path / "text")),
    ]
    assert [(process.returncode, process.stdout) for process in done] == [
        (0, b"sources/%d\n" % seq) for seq in range(1, 5)
    ]
    assert texts(server, "sources") == [
        "from arguments",
        "from a pipe 日本",
        "from standard input",
        "from a file\nwith two lines",
    ]
    shown = run("tail", url).stdout.decode()
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ alice: from arguments$", shown, re.MULTILINE)
    assert re.search(r" bob: from a pipe", shown)


def test_send_lines_again_with_the_same_key_stores_nothing_twice(server: ServerProcess) -> None:
    command = ("send", f"{server.url}/lines", "--lines", "--key", "batch-0001", "--name", "a")
    first = run(*command, typed=b"one\n\ntwo\nthree\n")
    again = run(*command, typed=b"one\n\ntwo\nthree\nfour\n")
    assert first.stdout == b"lines/1\nlines/2\nlines/3\n"
    assert again.stdout == b"lines/1\nlines/2\nlines/3\nlines/4\n"
    assert texts(server, "lines") == ["one", "two", "three", "four"]


def test_send_lines_says_once_that_it_is_slowed(tmp_path: Path) -> None:
    options = ("--sends-per-s", "2", "--sends-burst", "1")
    with ServerProcess(tmp_path / "data", *options, rate_limits=True) as slow:
        done = run("send", f"{slow.url}/slow", "--lines", typed=b"one\ntwo\nthree\n")
    assert (done.returncode, done.stdout) == (0, b"slow/1\nslow/2\nslow/3\n")
    assert done.stderr.count(b"\n") == 1
    assert b"more slowly" in done.stderr
    assert b"rate_limited" in done.stderr


def test_refusal_ends_with_1_and_its_reason(server: ServerProcess) -> None:
    blank = run("send", f"{server.url}/refused", " ")
    long = run("send", f"{server.url}/refused", typed=b"x" * 20_000)
    endless = run("send", f"{server.url}/refused", typed=b"x" * 2_000_000)
    batch = run("send", f"{server.url}/refused", "--lines", "--key", "batch-0002", typed=b"ok\n\xe2\x80\x8b\nnever\n")
    assert [process.returncode for process in (blank, long, endless, batch)] == [1, 1, 1, 1]
    assert b"blank_text" in blank.stderr
    assert b"text_too_long" in long.stderr
    assert b"line 2" in batch.stderr
    assert b"--key batch-0002" in batch.stderr
    assert texts(server, "refused") == ["ok"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "ws://h/lobby", "x"),
        ("send", "http://me:secret@h/lobby", "x"),
        ("send", "h/lobby", "x", "--key", "short"),
        ("send", "h/lobby", "x", "--name", "system"),
        ("send", "h/lobby", "x", "--file", "-"),
        ("send", "h/lobby", "x", "--lines"),
        ("send",),
        ("tail", "h/lobby", "--since", "x"),
        ("tail", "h/lobby", "--since", "1", "-n", "2"),
        ("tail", "h/lobby", "-n", "1001"),
        ("chat", "h/api"),
        ("chat", "h/lobby", "--name", "a:b"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError) as caught:
        parlour.main(list(arguments), standalone_mode=False)
    assert caught.value.exit_code == 2
    assert "secret" not in caught.value.format_message()


def test_text_that_is_not_utf8_and_a_token_that_is_none_end_with_2(nobody: str) -> None:
    assert run("send", nobody, typed=b"caf\xe9").returncode == 2
    bad = run("tail", nobody, PARLOUR_TOKEN="two words")  # noqa: S106
    assert bad.returncode == 2
    assert b"PARLOUR_TOKEN" in bad.stderr
    assert b"two words" not in bad.stderr


def test_nobody_there_ends_with_3(nobody: str) -> None:
    for command in ("send", "tail", "chat"):
        process = run(command, nobody, *(["x"] if command == "send" else []), "--timeout", "0.3")
        assert process.returncode == 3, process.stderr
        assert b"parlour: cannot reach the room" in process.stderr


def test_unknown_outcome_ends_with_4_and_the_key_to_settle_it() -> None:
    with Peer(reset) as peer:
        process = run("send", f"{peer.url}/lobby", "x", "--timeout", "0")
        key = peer.asked[0].fields["idempotency-key"]
    assert process.returncode == 4
    assert f"--key {key}".encode() in process.stderr


def test_token_comes_from_the_environment_only() -> None:
    with Peer(answer(401, b'{"code":"login_required","detail":"No."}')) as peer:
        process = run("send", f"{peer.url}/lobby", "x", PARLOUR_TOKEN="s3cret")  # noqa: S106
    assert peer.asked[0].fields["authorization"] == "Bearer s3cret"
    assert process.returncode == 1
    assert b"s3cret" not in process.stderr


def test_tail_begins_where_it_is_told(server: ServerProcess) -> None:
    url = f"{server.url}/where"
    with Client(url, name="a") as client:
        for number in range(1, 61):
            client.send(f"line {number}")

    def numbers(*options: str) -> list[int]:
        shown = run("tail", url, *options).stdout.decode()
        return [int(line.rpartition(" ")[2]) for line in shown.splitlines()]

    assert numbers() == list(range(11, 61))
    assert numbers("-n", "2") == [59, 60]
    assert numbers("-n", "0") == []
    assert numbers("--since", "57") == [58, 59, 60]
    assert run("tail", f"{server.url}/empty").stdout == b""


def test_tail_json_gives_the_bytes_of_the_log(server: ServerProcess) -> None:
    url = f"{server.url}/json"
    with Client(url, name="a") as client:
        client.send("\x1b[2J \u202e \x9b1m", key="key-00001")
    (event,) = run("tail", url, "--json").stdout.splitlines()
    assert json.loads(event)["text"] == "\x1b[2J \u202e \x9b1m"
    assert list(json.loads(event)) == ["room", "seq", "type", "at", "by", "text", "key"]
    with Terminal(parlour_command("tail", url, "--json"), columns=1000) as terminal:
        assert terminal.wait_for_end() == 0
        assert json.loads(terminal.lines[0]) == json.loads(event)
        assert b"\x9b" not in terminal.output
        assert b"\x1b" not in terminal.output
    with Terminal(parlour_command("tail", url)) as terminal:
        assert terminal.wait_for_end() == 0
        assert b"\x1b[2J" not in terminal.output
        assert "␛[2J <U+202E>" in terminal.lines[0]


def test_tail_follow_lives_through_a_crash_of_the_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        url = f"{server.url}/lobby"
        tail = subprocess.Popen(
            parlour_command("tail", url, "--follow"), stdout=subprocess.PIPE, env=clean_environment(), text=True
        )
        assert tail.stdout is not None
        try:
            with Client(url, name="a") as client:
                for number in range(4):
                    client.send(f"line {number}")
                    assert tail.stdout.readline().endswith(f" a: line {number}\n")
                    if number in (0, 2):
                        server.kill()
                        server.start()
            tail.send_signal(signal.SIGINT)
            assert tail.wait(DEADLINE_S) == 130
            assert tail.stdout.read() == ""
        finally:
            tail.kill()
            tail.wait()
            tail.stdout.close()


def test_tail_says_once_that_its_connection_is_lost_and_once_that_it_is_back() -> None:
    def said(seq: int) -> bytes:
        by = {"id": "g", "name": "a", "kind": "guest"}
        event = {"room": "lobby", "seq": seq, "type": "message", "at": "2026-11-30T14:00:00Z", "by": by}
        return json.dumps(event | {"text": "hello"}).encode()

    busy = answer(503, b'{"code":"overloaded","detail":"Come back later."}')
    refusal = answer(403, b'{"code":"forbidden","detail":"Not for you."}')
    with Peer(busy, busy, stream(said(1)), reset, stream(said(2)), refusal) as peer:
        process = run("tail", f"{peer.url}/lobby", "--follow", "--since", "0")
    assert process.stdout.count(b"\n") == process.stdout.count(b"a: hello\n") == 2
    assert process.stderr.decode().splitlines() == [
        "parlour: no connection yet, retrying: Come back later.",
        "parlour: connected",
        "parlour: connection lost, retrying: the server has ended the stream",
        "parlour: connected again",
        "parlour: connection lost, retrying: the server has ended the stream",
        "parlour: refused: Not for you. (forbidden)",
    ]


def test_closed_pipe_ends_quietly(server: ServerProcess) -> None:
    url = f"{server.url}/pipe"
    with Client(url, name="a") as client:
        client.send("one")
        read, write = os.pipe()
        tail = subprocess.Popen(
            parlour_command("tail", url, "--follow"), stdout=write, stderr=subprocess.PIPE, env=clean_environment()
        )
        os.close(write)
        assert os.read(read, 100).endswith(b"a: one\n")
        os.close(read)
        client.send("two")
        assert tail.wait(DEADLINE_S) == 0
        assert tail.stderr is not None
        assert tail.stderr.read() == b""
        tail.stderr.close()


def test_gap_is_said_and_ends_with_5_when_it_may_not_be(server: ServerProcess) -> None:
    url = f"{server.url}/gap"
    with Client(url, name="a") as client:
        client.send("one")
    said = run("tail", url, "--since", "zz.7")
    assert said.returncode == 0
    assert said.stdout.endswith(b" a: one\n")
    assert b"epoch_changed" in said.stderr
    assert said.stderr.count(b"\n") == 1
    seen = [json.loads(line) for line in run("tail", url, "--since", "zz.7", "--json").stdout.splitlines()]
    assert [(item["type"], item.get("text")) for item in seen] == [("reset", None), ("message", "one")]
    assert run("tail", url, "--since", "zz.7", "--strict").returncode == 5


def test_messages_of_a_hostile_server_are_harmless_too() -> None:
    line = json.dumps(
        {
            "room": "lobby",
            "seq": 1,
            "type": "message",
            "at": "\x1b[2J\x9b",
            "by": {"id": "\x1b", "name": "\x1b]0;x\x07", "kind": "guest"},
            "text": "\x1b[2J",
        }
    ).encode()
    refusal = answer(403, b'{"code":"\\u001b[2J","detail":"\\u001b[2J\\n\\u009b"}')
    with Peer(stream(line), refusal) as peer:
        process = run("tail", f"{peer.url}/lobby", "--since", "0")
    assert process.returncode == 1
    assert b"\x1b" not in process.stdout + process.stderr
    assert b"\xc2\x9b" not in process.stdout + process.stderr


def test_chat_in_a_pipe_is_a_filter(server: ServerProcess) -> None:
    url = f"{server.url}/filter"
    with Client(url, name="bob") as bob:
        bob.send("before")
    process = run("chat", url, "--name", "alice", typed="one\n/two\n\n日本".encode())
    assert process.returncode == 0, process.stderr
    said = [line.partition(" ")[2] for line in process.stdout.decode().splitlines()]
    assert said == ["bob: before", "alice: one", "alice: /two", "alice: 日本"]
    refused = run("chat", url, "--name", "alice", "-n", "0", typed=b"\xe2\x80\x8b\xe2\x80\x8b\nfine\n")
    assert refused.returncode == 1
    assert b"not sent, refused" in refused.stderr
    assert refused.stdout.decode().endswith("alice: fine\n")
    assert b"\x1b" not in process.stdout + refused.stdout


def test_chat_ends_although_its_input_stays_open(nobody: str) -> None:
    chat = subprocess.Popen(
        parlour_command("chat", nobody, "--timeout", "0.1"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    assert chat.stdin is not None
    assert chat.stderr is not None
    assert chat.wait(DEADLINE_S) == 3
    assert chat.stderr.read().decode().splitlines()[-1].startswith("parlour: cannot reach the room")
    chat.stdin.close()
    chat.stderr.close()


@pytest.mark.parametrize("command", ["send", "tail", "chat"])
def test_help_names_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    parlour.main([command, "--help"], standalone_mode=False)
    assert "130 interrupted" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("text", ["-1 for that", "-1", "-hello", "--5 degrees", "--nmae"])
def test_text_that_begins_with_a_hyphen_is_told_how(nobody: str, text: str) -> None:
    done = run("send", nobody, text)
    assert done.returncode == 2
    assert b"parlour send URL -- " in done.stderr


def test_options_may_have_values_that_begin_with_a_hyphen(server: ServerProcess) -> None:
    url = f"{server.url}/hyphens"
    assert run("send", url, "--name", "-a-", "--", "-1 for that").returncode == 0
    assert run("send", url, "--file", "-", typed=b"-2").returncode == 0
    assert texts(server, "hyphens") == ["-1 for that", "-2"]


def test_receipt_of_a_hostile_server_is_harmless() -> None:
    event = {
        "room": "\x1b[2J\x9b",
        "seq": 1,
        "type": "message",
        "at": "x",
        "by": {"id": "g", "name": "a", "kind": "guest"},
        "text": "hi",
    }
    redirect = answer(302, Location="/\x9b2J")
    with Peer(answer(201, json.dumps(event).encode()), redirect) as peer:
        sent, led = run("send", f"{peer.url}/x", "hi"), run("send", f"{peer.url}/x", "hi")
    assert (sent.returncode, led.returncode) == (0, 1)
    for process in (sent, led):
        assert b"\x1b" not in process.stdout + process.stderr
        assert b"\xc2\x9b" not in process.stdout + process.stderr
