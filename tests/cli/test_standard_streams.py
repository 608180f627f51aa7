"""Standard input, output and error that are full, closed or gone: what is sent is sent, and the exit code says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.client import Client
from tests.support import commands
from tests.support.peer import Peer, answer, silence, then
from tests.support.server import ServerProcess
from tests.support.terminal import ROOT, clean_environment, parlour_command

DEADLINE_S = 60
FULL = "/dev/full"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("streams") / "data") as process:
        yield process


def shell(redirections: str, *arguments: str, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A command of parlour with its descriptors as a shell would set them up."""
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {redirections}', "bash", *parlour_command(*arguments)],
        input=typed,
        capture_output=True,
        timeout=DEADLINE_S,
        env=clean_environment(),
        check=False,
    )


def texts(server: ServerProcess, room: str) -> list[str | None]:
    with Client(f"{server.url}/{room}") as client:
        return [event.text for event in client.history().events]


def lines_of(said: bytes) -> list[str]:
    return said.decode().splitlines()


@pytest.mark.parametrize("output", [f">{FULL}", ">&-"])
def test_sent_but_the_receipt_cannot_be_written(server: ServerProcess, output: str) -> None:
    room = "paid" + str(len(output))
    done = shell(output, "send", f"{server.url}/{room}", "paid 100")
    assert done.returncode == 6
    assert len(lines_of(done.stderr)) == 1
    assert f"stored as {room}/1" in done.stderr.decode()
    assert texts(server, room) == ["paid 100"]


def test_nothing_can_be_said_but_the_code_says_it(server: ServerProcess) -> None:
    for number, redirections in enumerate((f">{FULL} 2>{FULL}", ">&- 2>&-", "<&- >&- 2>&-", "2>&- <&-"), 1):
        done = shell(redirections, "send", f"{server.url}/mute", f"{number}")
        assert done.returncode == (0 if number == 4 else 6)
    assert texts(server, "mute") == ["1", "2", "3", "4"]


def test_an_error_that_cannot_be_told_keeps_its_code(server: ServerProcess) -> None:
    for redirections in (f"2>{FULL}", "2>&-"):
        assert shell(redirections, "send", f"{server.url}/untold", " ").returncode == 1
        assert shell(redirections, "send").returncode == 2


@pytest.mark.parametrize("output", [f">{FULL}", ">&-", "| true"])
def test_all_lines_are_sent_though_nobody_sees_the_receipts(server: ServerProcess, output: str) -> None:
    room = f"unseen{len(output)}"
    command = ("send", f"{server.url}/{room}", "--lines", "--name", "a")
    done = shell(f"{output}; exit ${{PIPESTATUS[0]}}", *command, typed=b"one\ntwo\nthree\n")
    assert texts(server, room) == ["one", "two", "three"]
    if output != "| true":
        assert done.returncode == 6
        assert lines_of(done.stderr)[-1].startswith(f"parlour: stored up to {room}/3, but ")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_tail_that_cannot_write_says_so(server: ServerProcess, options: tuple[str, ...]) -> None:
    with Client(f"{server.url}/written", name="a") as client:
        client.send("one")
    for output in (f">{FULL}", ">&-"):
        done = shell(output, "tail", f"{server.url}/written", *options)
        assert done.returncode == 6
        assert re.fullmatch(r"parlour: standard output cannot be written: .+\n", done.stderr.decode())


@pytest.mark.parametrize("output", [f">{FULL}", ">&-", "| true"])
def test_filter_sends_all_of_its_input_though_it_cannot_print(server: ServerProcess, output: str) -> None:
    room = f"filter{len(output)}"
    with Client(f"{server.url}/{room}", name="bob") as bob:
        bob.send("before")
    command = ("chat", f"{server.url}/{room}", "--name", "a")
    done = shell(f"{output}; exit ${{PIPESTATUS[0]}}", *command, typed=b"one\ntwo\n")
    assert texts(server, room) == ["before", "one", "two"]
    assert b"Traceback" not in done.stderr
    assert done.returncode == (0 if output == "| true" else 6)


def test_a_reader_that_takes_its_time_gets_everything(server: ServerProcess) -> None:
    """Standard output that must not be waited for, as some programs hand it down."""
    url = f"{server.url}/slowly"
    with Client(url, name="a") as client:
        for _ in range(20):
            client.send("x" * 16_000)
    read, write = os.pipe()
    os.set_blocking(write, False)
    tail = subprocess.Popen(parlour_command("tail", url), stdout=write, env=clean_environment())
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read().count(b"x" * 16_000) == 20
    assert tail.wait(DEADLINE_S) == 0


def test_closed_input_is_one_line_and_wrong_usage(server: ServerProcess) -> None:
    assert shell("<&-", "send", f"{server.url}/closed", "hi").returncode == 0
    for command in (
        ("send", f"{server.url}/closed"),
        ("send", f"{server.url}/closed", "--file", "-"),
        ("send", f"{server.url}/closed", "--lines"),
        ("chat", f"{server.url}/closed"),
    ):
        done = shell("<&-", *command)
        assert done.returncode == 2, (command, done.stderr)
        assert lines_of(done.stderr)[-1].startswith("parlour: standard input cannot be read: ")
        assert b"Traceback" not in done.stderr
    assert texts(server, "closed") == ["hi"]


def test_input_that_is_not_there_yet_is_waited_for(server: ServerProcess) -> None:
    """A pipe that must not be waited for is no reason to send half a message."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    with Client(f"{server.url}/halves") as client:
        for command in (("send",), ("send", "--lines")):
            process = subprocess.Popen(
                parlour_command(*command, f"{server.url}/halves"), stdin=read, env=clean_environment()
            )
            os.write(write, b"one half ")
            if command == ("send",):
                assert process.poll() is None
            os.write(write, b"and the other\n")
            if command == ("send",):
                os.close(write)
                assert process.wait(DEADLINE_S) == 0
                read, write = os.pipe()
                os.set_blocking(read, False)
        os.close(write)
        assert process.wait(DEADLINE_S) == 0
        os.close(read)
        assert [event.text for event in client.history().events] == ["one half and the other"] * 2


@pytest.mark.parametrize("options", [("hi",), ("--lines",)])
def test_interrupted_before_the_answer_says_how_to_settle_it(options: tuple[str, ...]) -> None:
    with Peer(then(b"HTTP/1.1 2", silence)) as peer:
        process = subprocess.Popen(
            parlour_command("send", f"{peer.url}/lobby", *options, "--key", "payment-0001"),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        assert process.stdin is not None
        process.stdin.write(b"hi\n")
        process.stdin.flush()
        peer.wait_for_a_request()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert len(lines_of(said)) == 1
    assert "--key payment-0001" in said.decode()


def test_filter_that_is_interrupted_says_what_may_not_be_sent() -> None:
    with Peer(*[answer(503)] * 100) as peer:
        process = subprocess.Popen(
            parlour_command("chat", f"{peer.url}/lobby"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        assert process.stdin is not None
        process.stdin.write(b"last words\n")
        process.stdin.flush()
        peer.wait_for_a_request("POST")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert "last words" in lines_of(said)[-1]
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("send", "--help"), ("check", "--data", "{data}")], ids=str
)
def test_words_that_cannot_be_printed_are_no_crash(server: ServerProcess, arguments: tuple[str, ...]) -> None:
    command = [word.format(data=server.data) for word in arguments]
    done = shell(f">{FULL}", *command)
    assert done.returncode == 6
    assert lines_of(done.stderr) == ["parlour: standard output cannot be written: No space left on device"]
    assert shell("| true", *command).stderr == b""


@pytest.mark.parametrize("words", [(), ("h:1/x",), ("h:1/x", "a", "b")])
def test_example_says_which_words_it_needs(words: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [*parlour_command()[:1], str(ROOT / "examples" / "bot.py"), *words],
        capture_output=True,
        timeout=DEADLINE_S,
        env=clean_environment(),
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert len(lines_of(done.stderr)) == 1
    assert "bot.py URL FILE" in done.stderr.decode()


@pytest.mark.parametrize("words", [("x",), ("99999",), ("0", "more")])
def test_embedded_example_says_which_words_it_needs(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*parlour_command()[:1], str(ROOT / "examples" / "embedded.py"), *words],
        capture_output=True,
        timeout=DEADLINE_S,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 2
    assert len(lines_of(done.stderr)) == 1
    assert "embedded.py [PORT]" in done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("send",),
        ("tail",),
        ("chat",),
        ("tail", "h:1/x", "more"),
        ("chat", "h:1/x", "more"),
        ("check", "more"),
        ("serve", "more"),
        ("frob",),
    ],
    ids=" ".join,
)
def test_too_few_and_too_many_words_are_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = commands.run(arguments)
    assert done.returncode == 2
    assert lines_of(done.stderr)[-1].startswith("Error: ")
    assert b"Traceback" not in done.stderr
